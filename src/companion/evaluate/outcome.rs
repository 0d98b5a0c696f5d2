//! What a measurement yields, target by target.

use crate::metrics::{self, Calibration, MISS, RankingMetrics};
use crate::vocab::ItemId;

/// How many best items are kept of each target's ranking.
pub const TOP: usize = 10;

/// Points of the reliability curve.
const CALIBRATION_BINS: usize = 10;

/// What is kept of each target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Its rank.
    Ranks,
    /// Its rank, probabilities and the best items: for scorers whose scores are logits.
    Full,
}

/// Columns, one row a target, in the order of the data set.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome {
    /// Which sequence the target belongs to: `[targets]`.
    pub sequences: Vec<usize>,
    /// `target_rank`, or [`MISS`] for a target that is unknown or filtered: `[targets]`.
    pub ranks: Vec<u32>,
    /// The softmax over the candidates at the target, 0 at a miss; empty unless [`Detail::Full`]: `[targets]`.
    pub target_probabilities: Vec<f32>,
    /// The softmax at the best candidate, 0 where there is none; empty unless [`Detail::Full`]: `[targets]`.
    pub best_probabilities: Vec<f32>,
    /// The best items, best first, ties by item id; empty unless [`Detail::Full`]: `[targets, at most TOP]`.
    pub best_items: Vec<Vec<ItemId>>,
}

impl Outcome {
    /// Means over all targets; misses are part of the denominator.
    pub fn metrics(&self) -> RankingMetrics {
        RankingMetrics::of(&self.ranks)
    }

    /// How many targets are no candidates: unknown to the model, or filtered.
    pub fn misses(&self) -> usize {
        self.ranks.iter().filter(|&&rank| rank == MISS).count()
    }

    /// The mean log loss over the targets that are candidates, in nats.
    pub fn log_loss(&self) -> f64 {
        let reachable = self.target_probabilities.iter().zip(&self.ranks).filter(|&(_, &rank)| rank != MISS);
        metrics::log_loss(&reachable.map(|(&probability, _)| probability).collect::<Vec<_>>())
    }

    /// Whether the best item's probability says how often it is the target.
    pub fn calibration(&self) -> Calibration {
        let hits = self.ranks.iter().map(|&rank| rank == 1);
        Calibration::of(&self.best_probabilities.iter().copied().zip(hits).collect::<Vec<_>>(), CALIBRATION_BINS)
    }

    /// The share of `items` that is among the best of at least one target.
    pub fn coverage(&self, items: usize) -> f64 {
        let mut is_shown = vec![false; items];
        self.best_items.iter().flatten().for_each(|&item| is_shown[item as usize] = true);
        is_shown.iter().filter(|&&is_shown| is_shown).count() as f64 / items.max(1) as f64
    }

    /// Appends another outcome's targets.
    pub(super) fn extend(&mut self, other: Self) {
        let Self { sequences, ranks, target_probabilities, best_probabilities, best_items } = other;
        self.sequences.extend(sequences);
        self.ranks.extend(ranks);
        self.target_probabilities.extend(target_probabilities);
        self.best_probabilities.extend(best_probabilities);
        self.best_items.extend(best_items);
    }

    /// Appends one target, given the scores of all items, excluded ones at `EXCLUDED`.
    pub(super) fn push(&mut self, sequence: usize, target: ItemId, scores: &[f32], detail: Detail) {
        let rank = metrics::target_rank(scores, target as usize);
        self.sequences.push(sequence);
        self.ranks.push(rank);
        if detail == Detail::Full {
            let best = best_items(scores);
            if scores.iter().all(|&score| score == metrics::EXCLUDED) {
                // Nothing is left to predict, and nothing is promised.
                self.target_probabilities.push(0.0);
                self.best_probabilities.push(0.0);
                self.best_items.push(best);
                return;
            }
            let highest = best.first().map_or(f32::NAN, |&item| scores[item as usize]);
            let sum: f32 = scores.iter().map(|&score| (score - highest).exp()).sum();
            let target = scores.get(target as usize).map_or(0.0, |&score| (score - highest).exp() / sum);
            self.target_probabilities.push(target);
            self.best_probabilities.push(1.0 / sum);
            self.best_items.push(best);
        }
    }
}

/// The mean share of items that two scorers' top lists of the same targets have in common.
pub fn top_overlap(a: &Outcome, b: &Outcome) -> f64 {
    let share = |(a, b): (&Vec<ItemId>, &Vec<ItemId>)| {
        let common = a.iter().filter(|item| b.contains(item)).count();
        // Two empty lists, where there is no candidate, are equal.
        if a.is_empty() { 1.0 } else { common as f64 / a.len() as f64 }
    };
    a.best_items.iter().zip(&b.best_items).map(share).sum::<f64>() / a.best_items.len().max(1) as f64
}

/// The [`TOP`] best candidates, best first; among equal scores the lower id first.
fn best_items(scores: &[f32]) -> Vec<ItemId> {
    let mut best: Vec<ItemId> = Vec::with_capacity(TOP + 1);
    let mut threshold = metrics::EXCLUDED;
    for (item, &score) in scores.iter().enumerate() {
        if score > threshold {
            let place = best.partition_point(|&other| scores[other as usize] >= score);
            best.insert(place, item as ItemId);
            best.truncate(TOP);
            if best.len() == TOP {
                threshold = scores[best[TOP - 1] as usize];
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::EXCLUDED;

    #[test]
    fn probabilities_are_a_softmax_over_the_candidates() {
        let mut outcome = Outcome::default();
        // e^0 : e^ln3 = 1 : 3 among the two candidates.
        outcome.push(0, 0, &[0.0, EXCLUDED, 3f32.ln()], Detail::Full);
        outcome.push(4, 1, &[0.0, EXCLUDED, 3f32.ln()], Detail::Full);
        assert_eq!(outcome.ranks, [2, MISS]);
        assert!((outcome.target_probabilities[0] - 0.25).abs() < 1e-6);
        assert_eq!(outcome.target_probabilities[1], 0.0);
        assert!((outcome.best_probabilities[0] - 0.75).abs() < 1e-6);
        assert_eq!(outcome.best_items[0], [2, 0]);
        assert!((outcome.log_loss() - 4f64.ln()).abs() < 1e-6, "the miss stays out of the log loss");
        assert_eq!(outcome.misses(), 1);
    }

    #[test]
    fn no_candidate_at_all_is_a_miss_and_broken_scores_are_not() {
        let mut outcome = Outcome::default();
        outcome.push(0, 1, &[EXCLUDED; 3], Detail::Full);
        outcome.push(1, 1, &[0.0, 0.0, EXCLUDED], Detail::Full);
        assert_eq!(outcome.ranks, [MISS, 2]);
        assert_eq!(
            (&outcome.target_probabilities[..], &outcome.best_probabilities[..]),
            (&[0.0, 0.5][..], &[0.0, 0.5][..])
        );
        assert!((outcome.log_loss() - 2f64.ln()).abs() < 1e-6);
        assert!(outcome.calibration().expected_error.is_finite());
        assert_eq!(top_overlap(&outcome, &outcome), 1.0);
        outcome.push(2, 1, &[f32::NAN; 3], Detail::Full);
        assert!(outcome.target_probabilities[2].is_nan(), "a damaged model must not pass for one without candidates");
    }

    #[test]
    fn coverage_counts_each_item_once() {
        let mut outcome = Outcome::default();
        outcome.push(0, 0, &[1.0, EXCLUDED, 3.0, EXCLUDED], Detail::Full);
        outcome.push(0, 0, &[1.0, 2.0, EXCLUDED, EXCLUDED], Detail::Full);
        assert_eq!(outcome.coverage(4), 0.75);
        assert_eq!(Outcome::default().coverage(4), 0.0);
    }

    #[test]
    fn the_best_items_come_in_order() {
        let scores: Vec<f32> = (0..40).map(|item| ((item * 7) % 40) as f32).collect();
        let best = best_items(&scores);
        let expected: Vec<f32> = (30..40).rev().map(|score| score as f32).collect();
        assert_eq!(best.iter().map(|&item| scores[item as usize]).collect::<Vec<_>>(), expected);
        assert_eq!(best_items(&[1.0, 2.0, 1.0, 2.0]), [1, 3, 0, 2]);
    }
}
