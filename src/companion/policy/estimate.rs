//! What a policy would have earned, from what another one did: the estimators and their intervals.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;

/// Resamples of a bootstrap.
const RESAMPLES: u64 = 1000;

/// Ways to estimate a policy's value from logged rewards. `w` is the target's probability of the logged action over the
/// logging policy's, `q` the reward that a model predicts for the logged action and `v` the mean of its predictions under
/// the target; `mean` is over rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Estimator {
    /// `mean(w r)`: inverse propensity score (Horvitz and Thompson 1952).
    Ips,
    /// `mean(w r) / mean(w)`: self-normalised (Swaminathan and Joachims 2015).
    Snips,
    /// `mean(v)`: direct method.
    Dm,
    /// `mean(v + w (r - q))`: doubly robust (Dudík et al. 2011, arXiv 1103.4601).
    Dr,
    /// The same with `w` taken as 0 above a threshold (Wang et al. 2017, arXiv 1612.01205).
    SwitchDr,
}

impl Estimator {
    /// All of them, as they are printed.
    pub const ALL: [Self; 5] = [Self::Ips, Self::Snips, Self::Dm, Self::Dr, Self::SwitchDr];

    /// As tables name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ips => "IPS",
            Self::Snips => "SNIPS",
            Self::Dm => "DM",
            Self::Dr => "DR",
            Self::SwitchDr => "Switch-DR",
        }
    }

    /// The estimate from sums over rows.
    fn of(self, sums: &Sums) -> f64 {
        let Sums { rows, weight, weighted_reward, value, correction, switched } = sums;
        match self {
            Self::Ips => weighted_reward / rows,
            Self::Snips => weighted_reward / weight,
            Self::Dm => value / rows,
            Self::Dr => (value + correction) / rows,
            Self::SwitchDr => (value + switched) / rows,
        }
    }
}

/// A logged row, as the estimators see it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Rows of one cluster are resampled together.
    pub cluster: u32,
    /// The target's probability of the logged action over the logging policy's.
    pub weight: f64,
    /// The logged reward.
    pub reward: f64,
    /// The model's prediction for the logged action.
    pub predicted: f64,
    /// The mean of the model's predictions under the target.
    pub value: f64,
}

/// An estimate and its 95% interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The estimate, in units of the reward.
    pub estimate: f64,
    /// The 2.5th percentile.
    pub low: f64,
    /// The 97.5th percentile.
    pub high: f64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    rows: f64,
    weight: f64,
    weighted_reward: f64,
    value: f64,
    /// `w (r - q)`
    correction: f64,
    /// The same, of rows whose weight is up to the threshold.
    switched: f64,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.weight += other.weight;
        self.weighted_reward += other.weighted_reward;
        self.value += other.value;
        self.correction += other.correction;
        self.switched += other.switched;
    }
}

/// Every estimator's estimate and its percentile interval of a bootstrap over clusters (Efron and Tibshirani 1993, chapter
/// 13). The reward model is not fitted again for each resample, so that its own uncertainty is left out.
pub fn estimate(rows: &[Row], threshold: f64, seed: u64) -> [Interval; 5] {
    let clusters = by_cluster(rows, threshold);
    let mut whole = Sums::default();
    clusters.iter().for_each(|cluster| whole.add(cluster));
    let resampled: Vec<[f64; 5]> = resample(&clusters, seed).map(|sums| Estimator::ALL.map(|e| e.of(&sums))).collect();
    std::array::from_fn(|place| {
        let values = resampled.iter().map(|estimates| estimates[place]).collect();
        interval(Estimator::ALL[place].of(&whole), values)
    })
}

/// The mean of rewards and its interval, by the same bootstrap.
pub fn mean_reward(rewards: impl Iterator<Item = (u32, f64)>, seed: u64) -> Interval {
    let row = |(cluster, reward)| Row { cluster, weight: 1.0, reward, predicted: 0.0, value: 0.0 };
    let rows: Vec<Row> = rewards.map(row).collect();
    estimate(&rows, 1.0, seed)[0]
}

fn by_cluster(rows: &[Row], threshold: f64) -> Vec<Sums> {
    let count = rows.iter().map(|row| row.cluster as usize + 1).max().unwrap_or(0);
    let mut clusters = vec![Sums::default(); count];
    for row in rows {
        let correction = row.weight * (row.reward - row.predicted);
        clusters[row.cluster as usize].add(&Sums {
            rows: 1.0,
            weight: row.weight,
            weighted_reward: row.weight * row.reward,
            value: row.value,
            correction,
            switched: if row.weight <= threshold { correction } else { 0.0 },
        });
    }
    // A part of a log does not have all of its clusters.
    clusters.retain(|cluster| cluster.rows > 0.0);
    clusters
}

/// As many clusters as there are, drawn with replacement; each resample has a stream of its own.
fn resample(clusters: &[Sums], seed: u64) -> impl ParallelIterator<Item = Sums> + '_ {
    (0..RESAMPLES).into_par_iter().map(move |resample| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(resample);
        let mut sums = Sums::default();
        (0..clusters.len()).for_each(|_| sums.add(&clusters[random.random_range(0..clusters.len())]));
        sums
    })
}

fn interval(estimate: f64, mut values: Vec<f64>) -> Interval {
    // Where no row counts (all weights 0), a self-normalised estimate is no number.
    values.sort_unstable_by(f64::total_cmp);
    let percentile = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    Interval { estimate, low: percentile(0.025), high: percentile(0.975) }
}

/// The mean and the variance of numbers.
pub fn mean_and_variance(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for value in values {
        count += 1.0;
        let before = value - mean;
        mean += before / count;
        squares += before * (value - mean);
    }
    (mean, squares / f64::max(count, 1.0))
}
