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

/// A difference, of NDCG@10 where nothing else is said, and its 95% interval.
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
    let of_target = |((&sequence, &a), &b): ((&usize, &u32), &u32)| (sequence, ndcg(a, K) - ndcg(b, K));
    resampled(&by_sequence(ours.sequences.iter().zip(&ours.ranks).zip(&theirs.ranks).map(of_target)), seed)
}

/// The mean of differences and its interval, given for each sequence their sum and how many they are.
pub(super) fn resampled(sums: &[(f64, f64)], seed: u64) -> Difference {
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

/// For each sequence the sum of its differences and how many they are, given each one's sequence, those of one together.
pub(super) fn by_sequence(differences: impl Iterator<Item = (usize, f64)>) -> Vec<(f64, f64)> {
    let mut sums: Vec<(f64, f64)> = Vec::new();
    let mut last = None;
    for (sequence, difference) in differences {
        if last != Some(sequence) {
            sums.push((0.0, 0.0));
            last = Some(sequence);
        }
        if let Some(sum) = sums.last_mut() {
            sum.0 += difference;
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

    #[test]
    fn targets_of_one_sequence_hang_together() {
        // Half of 400 targets are better by 1: the standard error is 0.5 / 20, the interval 3.92 times that.
        let half = |size: usize| {
            let sequences: Vec<usize> = (0..400).map(|target| target / size).collect();
            let ranks = sequences.iter().map(|sequence| if sequence % 2 == 0 { 1 } else { 99 }).collect();
            let ours = Outcome { sequences: sequences.clone(), ranks, ..Outcome::default() };
            let theirs = Outcome { sequences, ranks: vec![99; 400], ..Outcome::default() };
            paired(&ours, &theirs, 1)
        };
        let (alone, together) = (half(1), half(20));
        assert_eq!((alone.difference, together.difference), (0.5, 0.5));
        assert!((alone.high - alone.low - 0.098).abs() < 0.02, "{alone:?}");
        // Twenty sequences instead of 400: the square root of 20 as wide.
        assert!(together.high - together.low > 3.0 * (alone.high - alone.low), "{together:?}");
    }
}
