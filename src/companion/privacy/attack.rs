//! How well scores tell members from others.

use crate::metrics::auroc;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Resamples of the sequences.
const RESAMPLES: usize = 500;

/// The false alarms at which hits are counted: an attack that names few, and these surely, matters more than one that is a
/// little right about everybody (Carlini et al. 2022, arXiv 2112.03570).
const FALSE_ALARMS: f64 = 0.01;

/// One model's scores: the higher, the likelier was a sequence learned from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scores {
    /// `[sequences]`
    pub scores: Vec<f64>,
    /// Whether it was: `[sequences]`.
    pub is_member: Vec<bool>,
}

/// How well an attack does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Success {
    /// The chance that a member has a higher score than another: .5 is a guess.
    pub auroc: f64,
    /// The 2.5th percentile when sequences are drawn anew.
    pub low: f64,
    /// The 97.5th.
    pub high: f64,
    /// The share of members that are found with one other in a hundred taken for one.
    pub found_at_1_percent: f64,
}

impl Success {
    /// The mean over models that were trained on different ones of the same sequences.
    pub fn of(models: &[Scores], seed: u64) -> Self {
        let sequences = models.first().map_or(0, |scores| scores.scores.len());
        let all: Vec<usize> = (0..sequences).collect();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut resampled: Vec<f64> = (0..RESAMPLES)
            .map(|_| {
                let drawn: Vec<usize> = (0..sequences).map(|_| random.random_range(0..sequences)).collect();
                mean(models, |scores| scores.area(&drawn))
            })
            .collect();
        resampled.sort_unstable_by(f64::total_cmp);
        let percentile = |share: f64| resampled[((RESAMPLES - 1) as f64 * share).round() as usize];
        Self {
            auroc: mean(models, |scores| scores.area(&all)),
            low: percentile(0.025),
            high: percentile(0.975),
            found_at_1_percent: mean(models, Scores::found),
        }
    }
}

fn mean(models: &[Scores], of: impl Fn(&Scores) -> f64) -> f64 {
    models.iter().map(of).sum::<f64>() / models.len().max(1) as f64
}

impl Scores {
    /// The area under the curve of hits over false alarms of the sequences at these places; a half where one kind is missing.
    fn area(&self, places: &[usize]) -> f64 {
        let scored: Vec<(f64, bool)> =
            places.iter().map(|&place| (self.scores[place], self.is_member[place])).collect();
        auroc(&scored)
    }

    /// The share of members that are found at [`FALSE_ALARMS`]; 0 where one kind is missing.
    fn found(&self) -> f64 {
        let mut scored: Vec<(f64, bool)> = self.scores.iter().copied().zip(self.is_member.iter().copied()).collect();
        scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let members = scored.iter().filter(|one| one.1).count();
        let others = scored.len() - members;
        if members == 0 || others == 0 {
            return 0.0;
        }
        let (mut hits, mut alarms, mut found) = (0, 0, 0);
        for equal in scored.chunk_by(|a, b| a.0 == b.0) {
            let more = equal.iter().filter(|one| one.1).count();
            (hits, alarms) = (hits + more, alarms + equal.len() - more);
            if alarms as f64 <= FALSE_ALARMS * others as f64 {
                found = hits;
            }
        }
        found as f64 / members as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(members: &[f64], others: &[f64]) -> Scores {
        let is_member = (0..members.len() + others.len()).map(|place| place < members.len()).collect();
        Scores { scores: [members, others].concat(), is_member }
    }

    #[test]
    fn the_area_is_the_share_of_pairs_in_order() {
        let scores = scores(&[3.0, 2.0, 2.0], &[2.0, 1.0]);
        // Of six pairs four are in order, two are equal.
        let (area, found) = (scores.area(&[0, 1, 2, 3, 4]), scores.found());
        assert!((area - 5.0 / 6.0).abs() < 1e-12 && (found - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(scores.area(&[0, 0, 4]), 1.0);
        assert_eq!(scores.area(&[4, 4]), 0.5, "no member");
        assert_eq!(self::scores(&[], &[1.0, 1.0]).found(), 0.0, "no member");
    }

    #[test]
    fn who_is_told_apart_and_who_is_not() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut draw = |shift: f64| -> Vec<f64> { (0..400).map(|_| random.random::<f64>() + shift).collect() };
        let (members, others, shifted) = (draw(0.0), draw(0.0), draw(0.5));
        let guess = Success::of(&[scores(&members, &others)], 1);
        assert!(guess.low < 0.5 && guess.high > 0.5 && guess.high - guess.low < 0.1, "{guess:?}");
        // 1 - .5 * .5^2: the shifted number is the lower one in an eighth of all pairs.
        let told = Success::of(&[scores(&shifted, &others)], 1);
        assert!((told.auroc - 0.875).abs() < 0.03 && told.low > 0.8, "{told:?}");
        assert!((told.found_at_1_percent - 0.5).abs() < 0.1, "{told:?}");
        // What sets sequences apart whatever was learned cancels out between complementary halves.
        let (half, other) = (scores(&shifted, &others), scores(&others, &shifted));
        let swapped = Scores {
            scores: [&shifted[..], &others[..]].concat(),
            is_member: other.is_member.iter().map(|&it| !it).collect(),
        };
        assert!((Success::of(&[half, swapped], 1).auroc - 0.5).abs() < 1e-9);
    }
}
