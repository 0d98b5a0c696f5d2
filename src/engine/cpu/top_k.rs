//! The best scores and the logarithm of the sum of their exponentials.

use super::super::ops::TopK;
use super::Lanes;
use crate::vocab::ItemId;

/// Scores that are looked at one by one only if the largest of them is worth it.
const BLOCK: usize = 256;

/// Ranks the `k` best of all scores, `[items]`; items at minus infinity are out.
pub fn run<L: Lanes>(scores: &[f32], k: usize) -> TopK {
    let mut ranked: Vec<(ItemId, f32)> = Vec::with_capacity(k + 1);
    let mut threshold = f32::NEG_INFINITY;
    let mut largest = f32::NEG_INFINITY;
    for (block, scores) in scores.chunks(BLOCK).enumerate() {
        let best = L::largest(scores);
        largest = largest.max(best);
        if best <= threshold || k == 0 {
            continue;
        }
        for (place, &score) in scores.iter().enumerate() {
            // Items come in rising order, so an equal score never displaces an earlier one.
            if score > threshold {
                let item = (block * BLOCK + place) as ItemId;
                let rank = ranked.partition_point(|&(_, better)| better >= score);
                ranked.insert(rank, (item, score));
                ranked.truncate(k);
                if ranked.len() == k {
                    threshold = ranked[k - 1].1;
                }
            }
        }
    }
    TopK { ranked, log_sum_exp: log_sum_exp::<L>(scores, largest) }
}

/// Taken about the largest score, so that nothing overflows; minus infinity when there is no candidate, NaN when a
/// score is no number.
fn log_sum_exp<L: Lanes>(scores: &[f32], largest: f32) -> f32 {
    if largest == f32::NEG_INFINITY && !scores.iter().any(|score| score.is_nan()) {
        return largest;
    }
    let sum: f64 = scores.chunks(BLOCK).map(|scores| f64::from(L::sum_exp(scores, largest))).sum();
    largest + (sum as f32).ln()
}

#[cfg(test)]
mod tests {
    use super::super::{Scalar, Simd};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_a_full_sort(scores in prop::collection::vec(-4i8..4, 0..600), k in 0usize..70) {
            let scores: Vec<f32> = scores.into_iter().map(f32::from).collect();
            let mut all: Vec<(ItemId, f32)> = scores.iter().enumerate().map(|(item, &score)| (item as u32, score)).collect();
            all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            all.truncate(k);
            prop_assert_eq!(&run::<Simd>(&scores, k).ranked, &all);
            prop_assert_eq!(run::<Scalar>(&scores, k).ranked, all);
        }
    }

    #[test]
    fn probabilities_sum_to_one_and_the_excluded_have_none() {
        let scores = [1.0, f32::NEG_INFINITY, 90.0, 88.0];
        let TopK { ranked, log_sum_exp } = run::<Simd>(&scores, 9);
        assert_eq!(ranked.iter().map(|pair| pair.0).collect::<Vec<_>>(), [2, 3, 0]);
        let total: f32 = ranked.iter().map(|(_, score)| (score - log_sum_exp).exp()).sum();
        assert!((total - 1.0).abs() < 1e-4);
        assert_eq!(run::<Simd>(&[f32::NEG_INFINITY], 3), TopK { ranked: vec![], log_sum_exp: f32::NEG_INFINITY });
        assert_eq!(run::<Simd>(&[], 3).log_sum_exp, f32::NEG_INFINITY);
    }

    #[test]
    fn a_score_that_is_no_number_shows_in_the_sum() {
        for scores in [[f32::NAN; 2], [f32::NEG_INFINITY, f32::NAN], [1.0, f32::NAN], [1.0, f32::INFINITY]] {
            assert!(run::<Simd>(&scores, 2).log_sum_exp.is_nan(), "{scores:?}");
        }
    }
}
