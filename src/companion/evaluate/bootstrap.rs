//! The paired bootstrap: how sure a difference is.

use super::Outcome;
use crate::metrics::ndcg;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Resamples.
const RESAMPLES: usize = 1000;
/// Metric depth.
const K: usize = 10;

/// A difference of NDCG@10 and its 95% interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Ours minus theirs.
    pub difference: f64,
    /// The 2.5th percentile.
    pub low: f64,
    /// The 97.5th percentile.
    pub high: f64,
}

/// Compares two outcomes of the same targets. Whole sequences are resampled, since the targets of one visitor are
/// not independent (Efron and Tibshirani 1993, chapter 8).
pub fn paired(ours: &Outcome, theirs: &Outcome, seed: u64) -> Difference {
    let sums = by_sequence(ours, theirs);
    let mean = |picked: &mut dyn Iterator<Item = (f64, f64)>| {
        let (gain, targets) = picked.fold((0.0, 0.0), |(gain, targets), (a, b)| (gain + a, targets + b));
        gain / f64::max(targets, 1.0)
    };
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut means: Vec<f64> =
        (0..RESAMPLES).map(|_| mean(&mut (0..sums.len()).map(|_| sums[random.random_range(0..sums.len())]))).collect();
    means.sort_unstable_by(f64::total_cmp);
    let percentile = |share: f64| means[((RESAMPLES - 1) as f64 * share).round() as usize];
    Difference { difference: mean(&mut sums.iter().copied()), low: percentile(0.025), high: percentile(0.975) }
}

/// For each sequence the sum of differences and the number of targets.
fn by_sequence(ours: &Outcome, theirs: &Outcome) -> Vec<(f64, f64)> {
    let mut sums: Vec<(f64, f64)> = Vec::new();
    let mut last = None;
    for ((&sequence, &a), &b) in ours.sequences.iter().zip(&ours.ranks).zip(&theirs.ranks) {
        if last != Some(sequence) {
            sums.push((0.0, 0.0));
            last = Some(sequence);
        }
        if let Some(sum) = sums.last_mut() {
            sum.0 += ndcg(a, K) - ndcg(b, K);
            sum.1 += 1.0;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(ranks: Vec<u32>) -> Outcome {
        Outcome { sequences: (0..ranks.len()).map(|target| target / 2).collect(), ranks, ..Outcome::default() }
    }

    #[test]
    fn a_clear_gain_excludes_zero_and_none_does_not() {
        let (first, second) = (outcome(vec![1; 200]), outcome(vec![2; 200]));
        let gain = paired(&first, &second, 1);
        assert!((gain.difference - (1.0 - ndcg(2, 10))).abs() < 1e-12);
        assert!(gain.low > 0.0 && gain.high >= gain.low);
        let alternating =
            |odd: u32, even: u32| outcome((0..200).map(|t| if t / 2 % 2 == 0 { even } else { odd }).collect());
        let none = paired(&alternating(1, 3), &alternating(3, 1), 1);
        assert!(none.low < 0.0 && none.high > 0.0);
    }
}
