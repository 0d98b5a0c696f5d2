//! Bandits at work: in a made-up world whose best action is known, and on a log, replayed.

use super::features::Features;
use super::learner::{Exploration, Kind, Learner, Prior, normal};
use super::log::Decisions;
use anyhow::{Result, ensure};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::VecDeque;

/// How actions are picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Linear Thompson sampling.
    Thompson,
    /// LinUCB.
    LinUcb,
    /// The best estimate, and one action in ten by chance.
    EpsilonGreedy,
    /// By chance.
    Random,
}

impl Strategy {
    /// All of them, as they are printed.
    pub const ALL: [Self; 4] = [Self::Thompson, Self::LinUcb, Self::EpsilonGreedy, Self::Random];
    /// The share of [`Self::EpsilonGreedy`]'s picks that are by chance.
    const EPSILON: f64 = 0.1;

    /// As tables name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Thompson => "Thompson sampling",
            Self::LinUcb => "LinUCB",
            Self::EpsilonGreedy => "epsilon-greedy (0.1)",
            Self::Random => "random",
        }
    }

    fn exploration(self, actions: usize, scale: f64, ceiling: f64) -> Exploration {
        let floor = |share: f64| share / actions as f64;
        let by = |kind, floor, ceiling| Exploration { kind, scale, floor, ceiling };
        match self {
            Self::Thompson => by(Kind::Thompson, 0.0, ceiling),
            Self::LinUcb => by(Kind::LinUcb, 0.0, ceiling),
            Self::EpsilonGreedy => by(Kind::Greedy, floor(Self::EPSILON), 1.0),
            Self::Random => by(Kind::Greedy, floor(1.0), 1.0),
        }
    }
}

/// A made-up world: contexts of length 1; an action's reward is 1 with probability `0.3 + 0.25 * context · its weights`, a
/// vector of length 1, and else 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct World {
    /// Actions.
    pub actions: usize,
    /// Values of a context.
    pub dimension: usize,
    /// A reward is learned so many decisions later.
    pub delay: usize,
    /// See [`Exploration::scale`].
    pub scale: f64,
    /// See [`Exploration::ceiling`].
    pub ceiling: f64,
}

/// A strategy's regret, the sum of what the best action would have earned more, in expectation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Regret {
    /// Which.
    pub strategy: Strategy,
    /// After the first tenth of the rounds, one a seed.
    pub early: Vec<f64>,
    /// After all of them.
    pub late: Vec<f64>,
}

impl Regret {
    /// Regret grows as rounds to this power: 1 is a loss each round, whatever was learned. The mean of the seeds'.
    pub fn exponent(&self) -> f64 {
        let exponents = self.early.iter().zip(&self.late).map(|(early, late)| (late / early).log10());
        exponents.sum::<f64>() / self.early.len() as f64
    }
}

impl World {
    /// Every strategy's regret after `rounds` and ten times as many, with the seeds from 1 on.
    ///
    /// # Errors
    /// See [`Learner::learn`].
    pub fn regrets(self, rounds: usize, seeds: u64) -> Result<Vec<Regret>> {
        let regret = |strategy: Strategy| -> Result<Regret> {
            let runs = (1..=seeds).into_par_iter().map(|seed| self.run(strategy, rounds, seed));
            let (early, late) = runs.collect::<Result<Vec<_>>>()?.into_iter().unzip();
            Ok(Regret { strategy, early, late })
        };
        Strategy::ALL.into_iter().map(regret).collect()
    }

    fn run(self, strategy: Strategy, rounds: usize, seed: u64) -> Result<(f64, f64)> {
        let Self { actions, dimension, delay, scale, ceiling } = self;
        let features = Features::plain(dimension);
        // The world's draws do not depend on the strategy's.
        let (mut world, mut own) = (ChaCha8Rng::seed_from_u64(seed), ChaCha8Rng::seed_from_u64(seed));
        own.set_stream(1);
        let weights: Vec<Vec<f64>> = (0..actions).map(|_| unit(dimension, &mut world)).collect();
        let exploration = strategy.exploration(actions, scale, ceiling);
        let mut learner = Learner::new(exploration, 1.0, vec![Prior::ridge(features.size(), 1.0); actions])?;
        let candidates: Vec<usize> = (0..actions).collect();
        let mut waiting = VecDeque::new();
        let (mut regret, mut early) = (0.0, 0.0);
        for round in 0..10 * rounds {
            let context = unit(dimension, &mut world);
            let chances: Vec<f64> =
                weights.iter().map(|weights| 0.3 + 0.25 * super::linear::dot(weights, &context)).collect();
            let luck: f64 = world.random();
            let x = features.encode(&context)?;
            let action = learner.choose(&x, &candidates, 1, &mut || own.random())[0].action;
            regret += chances.iter().copied().fold(f64::MIN, f64::max) - chances[action];
            waiting.push_back((action, x, f64::from(u8::from(luck < chances[action]))));
            if waiting.len() > delay
                && let Some((action, x, reward)) = waiting.pop_front()
            {
                learner.learn(action, &x, reward)?;
            }
            if round + 1 == rounds {
                early = regret;
            }
        }
        Ok((early, regret))
    }
}

fn unit(dimension: usize, random: &mut ChaCha8Rng) -> Vec<f64> {
    let values: Vec<f64> = (0..dimension).map(|_| normal(&mut || random.random())).collect();
    let length = super::linear::dot(&values, &values).sqrt();
    values.into_iter().map(|value| value / length).collect()
}

/// What a strategy earned on the rows that it was given of a log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replayed {
    /// Which.
    pub strategy: Strategy,
    /// Rows that it took, one number a seed.
    pub rows: Vec<usize>,
    /// The mean of their rewards.
    pub reward: Vec<f64>,
}

/// Replays a log (Li et al. 2011, arXiv 1003.5956): a row counts, and is learned from, where the strategy picks what the log
/// did. Rows whose action was likelier than others are left out by chance, so that each is as likely to be met.
///
/// # Errors
/// When the log has no propensities; see [`Learner::learn`].
pub fn replay(log: &Decisions, rank: usize, scale: f64, ceiling: f64, seeds: u64) -> Result<Vec<Replayed>> {
    ensure!(log.propensity.len() == log.len(), "the log has no propensities; name their column with --propensity");
    let features = Features::standardised(log.columns.len(), rank, &log.context);
    let encoded = (0..log.len()).map(|row| features.encode(log.context(row))).collect::<Result<Vec<_>>>()?;
    let least = log.propensity.iter().copied().fold(1.0, f64::min);
    let candidates: Vec<usize> = (0..log.actions.len()).collect();
    let run = |strategy: Strategy, seed: u64| -> Result<(usize, f64)> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let exploration = strategy.exploration(candidates.len(), scale, ceiling);
        let mut learner = Learner::new(exploration, 1.0, vec![Prior::ridge(features.size(), 1.0); candidates.len()])?;
        let (mut taken, mut sum) = (0, 0.0);
        for (row, x) in encoded.iter().enumerate() {
            let action = learner.choose(x, &candidates, 1, &mut || random.random())[0].action;
            let is_met = random.random::<f64>() < least / log.propensity[row];
            if is_met && action == log.action[row] as usize {
                taken += 1;
                sum += log.reward[row];
                learner.learn(action, x, log.reward[row])?;
            }
        }
        Ok((taken, sum / f64::max(taken as f64, 1.0)))
    };
    let strategy = |strategy: Strategy| -> Result<Replayed> {
        let runs = (1..=seeds).into_par_iter().map(|seed| run(strategy, seed)).collect::<Result<Vec<_>>>()?;
        let (rows, reward) = runs.into_iter().unzip();
        Ok(Replayed { strategy, rows, reward })
    };
    Strategy::ALL.into_iter().map(strategy).collect()
}
