//! Predicts rewards: what the direct method and the doubly robust ones need.

use super::features::Features;
use super::learner::{Belief, Evidence, Prior};
use super::log::Decisions;
use anyhow::{Result, ensure};

/// Strengths of the ridge that are tried, in rewards of an action that it counts as much as.
const RIDGES: [f64; 5] = [1.0, 10.0, 100.0, 1000.0, 10_000.0];
/// A row's reward is predicted by a model that has not seen its fold.
const FOLDS: usize = 3;

/// The mean reward of the row's position plus, for each action, a ridge regression of what is left on the context; held
/// within the rewards that were logged.
#[derive(Debug)]
pub struct RewardModel {
    /// For each fold what was learned from the others.
    folds: Vec<Fold>,
    /// Each row's fold.
    fold_of: Vec<usize>,
    /// Each row's encoded context: `[rows][size]`.
    encoded: Vec<Vec<f64>>,
    lowest: f64,
    highest: f64,
    /// The strength that predicted best.
    pub ridge: f64,
    /// The standard deviation of a reward around its prediction by a model that has not seen it.
    pub deviation: f64,
}

#[derive(Debug)]
struct Fold {
    /// Mean rewards: `[positions]`.
    base: Vec<f64>,
    /// `[actions]`
    beliefs: Vec<Belief>,
}

impl RewardModel {
    /// Fits one model a fold; rows of one cluster are in one fold.
    ///
    /// # Errors
    /// When contexts are too large to compute with.
    pub fn fit(log: &Decisions, actions: usize, features: &Features) -> Result<Self> {
        let encoded = (0..log.len()).map(|row| features.encode(log.context(row))).collect::<Result<Vec<_>>>()?;
        let fold_of: Vec<usize> = log.cluster.iter().map(|&cluster| cluster as usize % FOLDS).collect();
        let learned: Vec<(Vec<f64>, Vec<Evidence>)> =
            (0..FOLDS).map(|fold| learn(log, actions, &encoded, |row| fold_of[row] != fold)).collect();

        let mut best: Option<(f64, f64, Vec<Fold>)> = None;
        for ridge in RIDGES {
            let prior = Prior::ridge(features.size(), ridge);
            let fold = |(base, evidence): &(Vec<f64>, Vec<Evidence>)| -> Result<Fold> {
                let beliefs = evidence.iter().map(|evidence| Belief::of(&prior, evidence)).collect::<Result<_>>()?;
                Ok(Fold { base: base.clone(), beliefs })
            };
            let folds = learned.iter().map(fold).collect::<Result<Vec<_>>>()?;
            let error = |row: usize| {
                let Fold { base, beliefs } = &folds[fold_of[row]];
                let predicted =
                    base[log.position[row] as usize] + beliefs[log.action[row] as usize].expected(&encoded[row]);
                (log.reward[row] - predicted).powi(2)
            };
            let error: f64 = (0..log.len()).map(error).sum();
            if best.as_ref().is_none_or(|(least, ..)| error < *least) {
                best = Some((error, ridge, folds));
            }
        }
        let (error, ridge, folds) = best.unwrap_or((0.0, 1.0, vec![]));
        ensure!(
            error.is_finite(),
            "the rewards' squared errors are {error}, expected a number; give rewards that are smaller by a factor of 1e100"
        );
        let deviation = (error / log.len() as f64).sqrt();
        let lowest = log.reward.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = log.reward.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Ok(Self { folds, fold_of, encoded, lowest, highest, ridge, deviation })
    }

    /// The reward that a row's context and position would bring with an action.
    pub fn predict(&self, log: &Decisions, row: usize, action: usize) -> f64 {
        let Fold { base, beliefs } = &self.folds[self.fold_of[row]];
        let predicted = base[log.position[row] as usize] + beliefs[action].expected(&self.encoded[row]);
        predicted.clamp(self.lowest, self.highest)
    }
}

/// The positions' mean rewards and the actions' evidence of what is left, from the rows that `counts`.
fn learn(
    log: &Decisions,
    actions: usize,
    encoded: &[Vec<f64>],
    counts: impl Fn(usize) -> bool,
) -> (Vec<f64>, Vec<Evidence>) {
    let rows = || (0..log.len()).filter(|&row| counts(row));
    let base = position_means(log, rows());
    let size = encoded.first().map_or(1, Vec::len);
    let mut evidence = vec![Evidence::none(size); actions];
    for row in rows() {
        let left = log.reward[row] - base[log.position[row] as usize];
        evidence[log.action[row] as usize].add(&encoded[row], left, 1.0);
    }
    (base, evidence)
}

/// Each position's mean reward over some rows; the mean of all where it has none.
pub fn position_means(log: &Decisions, rows: impl Iterator<Item = usize>) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); log.position_count()];
    for row in rows {
        let (sum, count) = &mut sums[log.position[row] as usize];
        *sum += log.reward[row];
        *count += 1.0;
    }
    let (sum, count) = sums.iter().fold((0.0, 0.0), |(sum, count), (s, c)| (sum + s, count + c));
    let overall = sum / f64::max(count, 1.0);
    sums.into_iter().map(|(sum, count)| if count > 0.0 { sum / count } else { overall }).collect()
}
