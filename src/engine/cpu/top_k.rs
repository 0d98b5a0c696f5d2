//! The best scores and the logarithm of the sum of their exponentials.

use super::super::ops::TopK;
use super::Lanes;
use crate::vocab::ItemId;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Scores that are worked on at once: few enough to stay in the nearest cache.
pub const BLOCK: usize = 512;

/// Scores that are looked at one by one only if the largest of them is worth it.
const PART: usize = 256;

/// Ranks the `k` best of so many items; `fill` writes the scores from an item on into a part of `block`, which has
/// [`BLOCK`] places. Items at minus infinity are out.
///
/// The sum is taken about the largest score so far, so that nothing overflows (Milakov and Gimelshein 2018, arXiv
/// 1805.02867). Its logarithm is minus infinity when there is no candidate, NaN when a score is no number.
pub fn run<L: Lanes>(items: usize, k: usize, block: &mut [f32], mut fill: impl FnMut(usize, &mut [f32])) -> TopK {
    let mut best = BinaryHeap::with_capacity(k.min(items));
    let mut threshold = f32::NEG_INFINITY;
    let mut largest = f32::NEG_INFINITY;
    let mut sum = 0.0;
    for first in (0..items).step_by(BLOCK) {
        let scores = &mut block[..BLOCK.min(items - first)];
        fill(first, scores);
        let before = largest;
        for (part, scores) in scores.chunks(PART).enumerate() {
            let top = L::largest(scores);
            largest = largest.max(top);
            if top > threshold && k > 0 {
                threshold = take(scores, first + part * PART, k, &mut best);
            }
        }
        if largest > before {
            sum *= f64::from(before - largest).exp();
        }
        if largest > f32::NEG_INFINITY {
            sum += scores.chunks_mut(PART).map(|scores| f64::from(L::exp_all(scores, largest))).sum::<f64>();
        } else if scores.iter().any(|score| score.is_nan()) {
            sum = f64::NAN;
        }
    }
    let log_sum_exp = if sum == 0.0 { f32::NEG_INFINITY } else { largest + (sum as f32).ln() };
    let ranked = best.into_sorted_vec().into_iter().map(|Ranked { item, score }| (item, score)).collect();
    TopK { ranked, log_sum_exp }
}

/// The greater, the worse: a lower score or, of equal ones, a later item.
#[derive(PartialEq)]
struct Ranked {
    item: ItemId,
    score: f32,
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.partial_cmp(&self.score).unwrap_or(Ordering::Equal).then(self.item.cmp(&other.item))
    }
}

/// Takes those of the scores, whose first is this item's, that belong to the `k` best; returns what a score must exceed to.
fn take(scores: &[f32], first: usize, k: usize, best: &mut BinaryHeap<Ranked>) -> f32 {
    let lowest = |best: &BinaryHeap<Ranked>| {
        // Items come in rising order, so an equal score never displaces an earlier one.
        best.peek().filter(|_| best.len() == k).map_or(f32::NEG_INFINITY, |worst| worst.score)
    };
    for (place, &score) in scores.iter().enumerate() {
        if score > lowest(best) {
            if best.len() == k {
                best.pop();
            }
            best.push(Ranked { item: (first + place) as ItemId, score });
        }
    }
    lowest(best)
}

#[cfg(test)]
mod tests {
    use super::super::{Scalar, Simd};
    use super::*;
    use proptest::prelude::*;

    fn rank<L: Lanes>(scores: &[f32], k: usize) -> TopK {
        run::<L>(scores.len(), k, &mut [0.0; BLOCK], |first, out| out.copy_from_slice(&scores[first..][..out.len()]))
    }

    proptest! {
        #[test]
        fn equals_a_full_sort(scores in prop::collection::vec(-4i8..4, 0..5000), k in 0usize..70) {
            let scores: Vec<f32> = scores.into_iter().map(f32::from).collect();
            let mut all: Vec<(ItemId, f32)> = scores.iter().enumerate().map(|(item, &score)| (item as u32, score)).collect();
            all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            all.truncate(k);
            prop_assert_eq!(&rank::<Simd>(&scores, k).ranked, &all);
            prop_assert_eq!(rank::<Scalar>(&scores, k).ranked, all);
        }
    }

    #[test]
    fn probabilities_sum_to_one_and_the_excluded_have_none() {
        let scores = [1.0, f32::NEG_INFINITY, 90.0, 88.0];
        let TopK { ranked, log_sum_exp } = rank::<Simd>(&scores, 9);
        assert_eq!(ranked.iter().map(|pair| pair.0).collect::<Vec<_>>(), [2, 3, 0]);
        let total: f32 = ranked.iter().map(|(_, score)| (score - log_sum_exp).exp()).sum();
        assert!((total - 1.0).abs() < 1e-4);
        assert_eq!(rank::<Simd>(&[f32::NEG_INFINITY], 3), TopK { ranked: vec![], log_sum_exp: f32::NEG_INFINITY });
        assert_eq!(rank::<Simd>(&[], 3).log_sum_exp, f32::NEG_INFINITY);
    }

    #[test]
    fn a_score_that_is_no_number_shows_in_the_sum() {
        for scores in [[f32::NAN; 2], [f32::NEG_INFINITY, f32::NAN], [1.0, f32::NAN], [1.0, f32::INFINITY]] {
            assert!(rank::<Simd>(&scores, 2).log_sum_exp.is_nan(), "{scores:?}");
        }
    }
}
