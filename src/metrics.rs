//! From ranks and probabilities to the figures that are printed. Pure: no model, no files.
//!
//! A `target_rank` is 1-based and pessimistic: every candidate with the same score counts as better.

mod answers;

pub use answers::{auroc, average_precision, macro_f1};

use serde::Serialize;
use std::collections::BTreeMap;

/// The depths k at which ranking metrics are printed.
pub const DEPTHS: [usize; 4] = [1, 5, 10, 20];

/// Where 10 stands in [`DEPTHS`].
const TEN: usize = 2;

/// The rank of a target that is no candidate (unknown to the model, or filtered): a miss at every depth.
pub const MISS: u32 = u32::MAX;

/// The score of an item that is no candidate.
pub const EXCLUDED: f32 = f32::NEG_INFINITY;

/// The smallest probability that [`log_loss`] takes at its word, so that one zero does not make the mean infinite.
const SMALLEST_PROBABILITY: f32 = 1e-9;

/// The 1-based rank of `target` among the candidates of `scores`, `[items]`; ties count against it.
/// A target that is excluded or out of range is a [`MISS`]; a NaN score of another item counts against the target.
pub fn target_rank(scores: &[f32], target: usize) -> u32 {
    match scores.get(target) {
        None => MISS,
        Some(&score) if score == EXCLUDED => MISS,
        // The target itself is not below its own score, so that counting starts at 1.
        Some(&score) => scores.iter().map(|&other| u32::from(!is_below(other, score))).sum(),
    }
}

/// Written so that NaN is never below: a scorer gains nothing from broken scores.
fn is_below(other: f32, score: f32) -> bool {
    other < score
}

/// 1 when the target is among the first k.
pub fn hit_rate(rank: u32, k: usize) -> f64 {
    f64::from(u8::from(rank as usize <= k))
}

/// 1/log2(1 + rank) within the first k, else 0: NDCG with a single target, whose ideal is 1.
pub fn ndcg(rank: u32, k: usize) -> f64 {
    if rank as usize <= k { 1.0 / (1.0 + f64::from(rank)).log2() } else { 0.0 }
}

/// 1/rank within the first k, else 0.
pub fn reciprocal_rank(rank: u32, k: usize) -> f64 {
    if rank as usize <= k { 1.0 / f64::from(rank) } else { 0.0 }
}

/// Means over targets, each at every depth of [`DEPTHS`]. Serialised as a map with keys like `ndcg@10`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(into = "BTreeMap<String, f64>")]
pub struct RankingMetrics {
    /// Hit rate; with one target it is the recall.
    pub hr: [f64; DEPTHS.len()],
    /// Normalised discounted cumulative gain.
    pub ndcg: [f64; DEPTHS.len()],
    /// Mean reciprocal rank.
    pub mrr: [f64; DEPTHS.len()],
}

impl RankingMetrics {
    /// The means over `ranks`, `[targets]`; all 0 for no target.
    pub fn of(ranks: &[u32]) -> Self {
        let mean = |measure: fn(u32, usize) -> f64| {
            DEPTHS.map(|k| ranks.iter().map(|&rank| measure(rank, k)).sum::<f64>() / ranks.len().max(1) as f64)
        };
        Self { hr: mean(hit_rate), ndcg: mean(ndcg), mrr: mean(reciprocal_rank) }
    }

    /// Hit rate at 10.
    pub fn hr_at_10(&self) -> f64 {
        self.hr[TEN]
    }

    /// NDCG at 10: what training watches and gates compare.
    pub fn ndcg_at_10(&self) -> f64 {
        self.ndcg[TEN]
    }
}

impl From<RankingMetrics> for BTreeMap<String, f64> {
    fn from(metrics: RankingMetrics) -> Self {
        let RankingMetrics { hr, ndcg, mrr } = metrics;
        let mut named = Self::new();
        for (name, values) in [("hr", hr), ("ndcg", ndcg), ("mrr", mrr)] {
            named.extend(DEPTHS.iter().zip(values).map(|(k, value)| (format!("{name}@{k}"), value)));
        }
        named
    }
}

/// The mean of -ln(probability of the target), in nats; 0 for no target.
pub fn log_loss(target_probabilities: &[f32]) -> f64 {
    let sum: f64 = target_probabilities.iter().map(|&p| -f64::from(p.max(SMALLEST_PROBABILITY)).ln()).sum();
    sum / target_probabilities.len().max(1) as f64
}

/// How far stated probabilities lie from what happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Expected calibration error: the mean over bins, weighted by count, of |mean probability - hit rate|.
    pub expected_error: f64,
    /// The reliability curve, by rising probability.
    pub bins: Vec<CalibrationBin>,
}

/// One point of the reliability curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CalibrationBin {
    /// How many predictions fell into it.
    pub count: usize,
    /// What they promised.
    pub mean_probability: f64,
    /// What share came true.
    pub hit_rate: f64,
}

impl Calibration {
    /// Sorts predictions `(probability, came true)` into `bins` bins of equal count: with thousands of
    /// candidates most probabilities are small, and bins of equal width would leave all but one empty.
    pub fn of(predictions: &[(f32, bool)], bins: usize) -> Self {
        let mut sorted = predictions.to_vec();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let bins: Vec<CalibrationBin> = (0..bins)
            .map(|bin| &sorted[bin * sorted.len() / bins..(bin + 1) * sorted.len() / bins])
            .filter(|members| !members.is_empty())
            .map(CalibrationBin::of)
            .collect();
        let error = |bin: &CalibrationBin| bin.count as f64 * (bin.mean_probability - bin.hit_rate).abs();
        let expected_error = bins.iter().map(error).sum::<f64>() / predictions.len().max(1) as f64;
        Self { expected_error, bins }
    }
}

impl CalibrationBin {
    fn of(members: &[(f32, bool)]) -> Self {
        let count = members.len();
        let mean_probability = members.iter().map(|&(p, _)| f64::from(p)).sum::<f64>() / count as f64;
        let hit_rate = members.iter().filter(|&&(_, hit)| hit).count() as f64 / count as f64;
        Self { count, mean_probability, hit_rate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_and_nan_count_against_the_target() {
        assert_eq!(target_rank(&[0.5, 0.9, 0.5, 0.1], 0), 3);
        assert_eq!(target_rank(&[0.5, 0.9, 0.5, 0.1], 1), 1);
        assert_eq!(target_rank(&[0.5, f32::NAN, 0.1], 0), 2);
        assert_eq!(target_rank(&[f32::NAN, 0.9, 0.1], 0), 3);
    }

    #[test]
    fn what_is_no_candidate_is_a_miss_and_no_rival() {
        assert_eq!(target_rank(&[EXCLUDED, 0.9], 0), MISS);
        assert_eq!(target_rank(&[0.5, 0.9], 7), MISS);
        assert_eq!(target_rank(&[EXCLUDED, -3.0, EXCLUDED], 1), 1);
    }

    #[test]
    fn metrics_equal_their_formulas() {
        let metrics = RankingMetrics::of(&[1, 3, 12, MISS]);
        assert_eq!(metrics.hr, [0.25, 0.5, 0.5, 0.75]);
        assert_eq!(metrics.mrr[1], (1.0 + 1.0 / 3.0) / 4.0);
        // 1/log2(2) = 1 and 1/log2(4) = 1/2.
        assert_eq!(metrics.ndcg_at_10(), 1.5 / 4.0);
        let at_20 = (1.5 + 1.0 / 13f64.log2()) / 4.0;
        assert!((metrics.ndcg[3] - at_20).abs() < 1e-12);
        assert_eq!(RankingMetrics::of(&[]), RankingMetrics::default());
    }

    #[test]
    fn metrics_are_written_under_their_names() {
        let json = serde_json::to_value(RankingMetrics::of(&[2])).unwrap();
        assert_eq!(json.as_object().unwrap().len(), 12);
        assert_eq!((&json["hr@1"], &json["hr@5"], &json["mrr@20"]), (&0.0.into(), &1.0.into(), &0.5.into()));
    }

    #[test]
    fn log_loss_is_finite_and_in_nats() {
        assert!((log_loss(&[1.0, 0.5]) - 0.5 * 2f64.ln()).abs() < 1e-12);
        assert!(log_loss(&[0.0]).is_finite());
    }

    #[test]
    fn calibration_compares_promises_with_outcomes() {
        let predictions = [(0.9, true), (0.2, false), (0.1, false), (0.8, true), (0.2, true), (0.3, false)];
        let calibration = Calibration::of(&predictions, 2);
        let [low, high] = calibration.bins[..] else { panic!("two bins") };
        assert_eq!((low.count, high.count), (3, 3));
        assert!((low.mean_probability - 0.5 / 3.0).abs() < 1e-6);
        assert!((low.hit_rate - 1.0 / 3.0).abs() < 1e-12);
        assert!((calibration.expected_error - 0.5 * (0.5 / 3.0)).abs() < 1e-6);
        assert_eq!(Calibration::of(&[(0.4, true)], 10).bins.len(), 1);
    }
}
