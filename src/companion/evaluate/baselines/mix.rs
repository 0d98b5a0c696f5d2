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

/// The score is the sum of `recency * ln(1 + own recency / recency_epsilon)`, `cooccurrence * ln(1 + co-occurrence
/// sum / popularity^lift / cooccurrence_epsilon)` and `popularity * ln(1 + training events)`, where the popularity
/// under the lift is relative to the mean item's.
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
    /// How much of an item's popularity is taken out of its co-occurrence: popular items are everyone's neighbours.
    pub lift: f32,
    /// Of popularity.
    pub popularity: f32,
}

/// Where the search begins.
const START: MixWeights = MixWeights {
    recency: 1.0,
    recency_epsilon: 0.5,
    cooccurrence: 1.0,
    cooccurrence_epsilon: 0.1,
    lift: 0.5,
    popularity: 0.05,
};

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
    /// What a co-occurrence sum is multiplied with under the logarithm: `[items]`.
    context_scale: Vec<f32>,
    /// Popularity's part of the score: `[items]`.
    prior: Vec<f32>,
}

impl<'a> Mix<'a> {
    /// An empty sequence.
    pub fn new(parts: Parts<'a>, weights: MixWeights) -> Self {
        let Parts { has_group, neighbours, popularity } = parts;
        let mean = popularity.iter().sum::<f32>() / popularity.len().max(1) as f32;
        let scale = |count: &f32| (mean / count.max(1.0)).powf(weights.lift) / weights.cooccurrence_epsilon;
        Self {
            weights,
            own: Own::new(DECAY, has_group, popularity.len()),
            context: Context::new(neighbours, has_group, popularity.len()),
            context_scale: popularity.iter().map(scale).collect(),
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
        out.copy_from_slice(&self.prior);
        let sums = self.context.sums(upcoming).iter().zip(&self.context_scale);
        for (out, (&sum, scale)) in out.iter_mut().zip(sums) {
            if sum > 0.0 {
                *out += self.weights.cooccurrence * (1.0 + sum * scale).ln();
            }
        }
        for (item, sum) in self.own.sums(upcoming) {
            out[item as usize] += self.weights.recency * (1.0 + sum / self.weights.recency_epsilon).ln();
        }
        Ok(())
    }
}

/// The weights with the best NDCG@10 on validation `places`: one weight at a time is doubled or halved while
/// that helps. No chance is involved. Without places: where the search begins.
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
    let mut best_ndcg = measure(best)?;
    for _ in 0..ROUNDS {
        let before = best;
        for knob in KNOBS {
            for factor in [2.0, 0.5] {
                loop {
                    let mut candidate = best;
                    *knob(&mut candidate) *= factor;
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

/// One weight of the mix.
type Knob = fn(&mut MixWeights) -> &mut f32;

/// What the search turns, in this order.
const KNOBS: [Knob; 6] = [
    |weights| &mut weights.recency,
    |weights| &mut weights.cooccurrence,
    |weights| &mut weights.popularity,
    |weights| &mut weights.lift,
    |weights| &mut weights.recency_epsilon,
    |weights| &mut weights.cooccurrence_epsilon,
];
