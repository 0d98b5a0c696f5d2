//! The best scores and the logarithm of the sum of their exponentials.

use super::super::ops::TopK;
use crate::vocab::ItemId;

/// Ranks the `k` best of all scores, `[items]`; items at minus infinity are out.
pub fn run(scores: &[f32], k: usize) -> TopK {
    let mut ranked: Vec<(ItemId, f32)> = Vec::with_capacity(k + 1);
    let mut threshold = f32::NEG_INFINITY;
    for (item, &score) in scores.iter().enumerate() {
        // Items come in rising order, so an equal score never displaces an earlier one.
        if score > threshold && k > 0 {
            let place = ranked.partition_point(|&(_, better)| better >= score);
            ranked.insert(place, (item as ItemId, score));
            ranked.truncate(k);
            if ranked.len() == k {
                threshold = ranked[k - 1].1;
            }
        }
    }
    TopK { ranked, log_sum_exp: log_sum_exp(scores) }
}

/// Taken about the largest score, so that nothing overflows; minus infinity when there is no candidate, NaN when a
/// score is no number.
fn log_sum_exp(scores: &[f32]) -> f32 {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if largest == f32::NEG_INFINITY && !scores.iter().any(|score| score.is_nan()) {
        return largest;
    }
    largest + scores.iter().map(|score| (score - largest).exp()).sum::<f32>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_a_full_sort(scores in prop::collection::vec(-4i8..4, 0..60), k in 0usize..70) {
            let scores: Vec<f32> = scores.into_iter().map(f32::from).collect();
            let mut all: Vec<(ItemId, f32)> = scores.iter().enumerate().map(|(item, &score)| (item as u32, score)).collect();
            all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            all.truncate(k);
            prop_assert_eq!(run(&scores, k).ranked, all);
        }
    }

    #[test]
    fn probabilities_sum_to_one_and_the_excluded_have_none() {
        let scores = [1.0, f32::NEG_INFINITY, 90.0, 88.0];
        let TopK { ranked, log_sum_exp } = run(&scores, 9);
        assert_eq!(ranked.iter().map(|pair| pair.0).collect::<Vec<_>>(), [2, 3, 0]);
        let total: f32 = ranked.iter().map(|(_, score)| (score - log_sum_exp).exp()).sum();
        assert!((total - 1.0).abs() < 1e-4);
        assert_eq!(run(&[f32::NEG_INFINITY], 3), TopK { ranked: vec![], log_sum_exp: f32::NEG_INFINITY });
        assert_eq!(run(&[], 3).log_sum_exp, f32::NEG_INFINITY);
    }

    #[test]
    fn a_score_that_is_no_number_shows_in_the_sum() {
        for scores in [[f32::NAN; 2], [f32::NEG_INFINITY, f32::NAN], [1.0, f32::NAN], [1.0, f32::INFINITY]] {
            assert!(run(&scores, 2).log_sum_exp.is_nan(), "{scores:?}");
        }
    }
}
