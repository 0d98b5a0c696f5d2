//! The mix: own recency, co-occurrence and popularity, added as logarithms. Its weights are picked on
//! validation events.

use super::cooccurrence::Context;
use super::neighbours::Neighbours;
use super::own::{DECAY, Own};
use crate::companion::data::Dataset;
use crate::companion::evaluate::{Detail, Scorer, evaluate};
use crate::event::{EventView, Upcoming};
use anyhow::Result;
use serde::Serialize;

/// Rounds over all weights in the search.
const ROUNDS: usize = 3;

/// The score is the sum over features of `weight * ln(1 + feature / epsilon)`; popularity counts events.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MixWeights {
    /// Of the visitor's own items.
    pub recency: f32,
    /// Where own recency's logarithm bends.
    pub recency_epsilon: f32,
    /// Of what the context says.
    pub cooccurrence: f32,
    /// Where co-occurrence's logarithm bends.
    pub cooccurrence_epsilon: f32,
    /// Of popularity.
    pub popularity: f32,
}

/// Where the search begins.
const START: MixWeights =
    MixWeights { recency: 1.0, recency_epsilon: 0.1, cooccurrence: 1.0, cooccurrence_epsilon: 0.01, popularity: 0.5 };

/// What the mix is made of.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// Whether events belong to groups.
    pub has_group: bool,
    /// Neighbours that fit the log.
    pub neighbours: &'a Neighbours,
    /// Training events of each item: `[items]`.
    pub popularity: &'a [f32],
}

/// Ranks by the mix.
pub struct Mix<'a> {
    weights: MixWeights,
    own: Own,
    context: Context<'a>,
    /// Popularity's part of the score: `[items]`.
    prior: Vec<f32>,
}

impl<'a> Mix<'a> {
    /// An empty sequence.
    pub fn new(parts: Parts<'a>, weights: MixWeights) -> Self {
        let Parts { has_group, neighbours, popularity } = parts;
        Self {
            weights,
            own: Own::new(DECAY, has_group, popularity.len()),
            context: Context::new(neighbours, has_group, popularity.len()),
            prior: popularity.iter().map(|count| weights.popularity * count.ln_1p()).collect(),
        }
    }
}

impl Scorer for Mix<'_> {
    fn reset(&mut self) -> Result<()> {
        self.own.forget();
        self.context.forget();
        Ok(())
    }

    fn observe(&mut self, event: EventView<'_>) -> Result<()> {
        self.own.count(event);
        self.context.take(event);
        Ok(())
    }

    fn scores(&mut self, upcoming: Upcoming, out: &mut [f32]) -> Result<()> {
        let MixWeights { recency, recency_epsilon, cooccurrence, cooccurrence_epsilon, popularity: _ } = self.weights;
        out.copy_from_slice(&self.prior);
        for (out, &sum) in out.iter_mut().zip(self.context.sums(upcoming)) {
            if sum > 0.0 {
                *out += cooccurrence * (1.0 + sum / cooccurrence_epsilon).ln();
            }
        }
        for (item, sum) in self.own.sums(upcoming) {
            out[item as usize] += recency * (1.0 + sum / recency_epsilon).ln();
        }
        Ok(())
    }
}

/// The weights with the best NDCG@10 on validation `places`: one weight at a time is doubled, halved or (not
/// the epsilons) dropped while that helps. No chance is involved. Without places: where the search begins.
///
/// # Errors
/// As [`evaluate`].
pub fn fit(dataset: &Dataset, places: &[usize], parts: Parts<'_>) -> Result<MixWeights> {
    let mut best = START;
    if places.is_empty() {
        return Ok(best);
    }
    let measure = |weights| -> Result<f64> {
        let outcome = evaluate(dataset, places, Detail::Ranks, || Ok(Mix::new(parts, weights)))?;
        Ok(outcome.metrics().ndcg_at_10())
    };
    let knobs: [fn(&mut MixWeights) -> &mut f32; 5] = [
        |weights| &mut weights.recency,
        |weights| &mut weights.cooccurrence,
        |weights| &mut weights.popularity,
        |weights| &mut weights.recency_epsilon,
        |weights| &mut weights.cooccurrence_epsilon,
    ];
    let mut best_ndcg = measure(best)?;
    for _ in 0..ROUNDS {
        let before = best;
        for (place, knob) in knobs.iter().enumerate() {
            let is_epsilon = place >= 3;
            let factors: &[f32] = if is_epsilon { &[2.0, 0.5] } else { &[2.0, 0.5, 0.0] };
            for factor in factors {
                loop {
                    let mut candidate = best;
                    *knob(&mut candidate) *= factor;
                    if candidate == best {
                        break;
                    }
                    let ndcg = measure(candidate)?;
                    if ndcg <= best_ndcg {
                        break;
                    }
                    (best, best_ndcg) = (candidate, ndcg);
                }
            }
        }
        if best == before {
            break;
        }
    }
    Ok(best)
}
