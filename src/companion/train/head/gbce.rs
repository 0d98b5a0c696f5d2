//! gBCE, the generalised binary cross-entropy of gSASRec.

use super::{Scores, softplus};

/// `-(b ln s(z+) + a * sum of w_j ln(1 - s(z_j))) / (k + 1)` with s the logistic function (Petrov and Macdonald 2023,
/// arXiv 2308.07192).
///
/// Of N items, k are drawn as negatives (at most N - 1): a = k / (N - 1) is their share, and b = 1 - t (1 - a) the power
/// of the positive's probability, by which the calibration t undoes what leaving out most negatives does to
/// probabilities: none of it at 0 (plain binary cross-entropy), all of it at 1. In the paper the sum is over k negatives
/// drawn evenly. Here it is its expectation, with less chance in it: listed items always count a, a drawn one a for each
/// item that it stands for (w), however negatives are drawn.
///
/// z is a score less ln N, so that at first about one item is promised to come instead of half of all; a constant
/// changes no ranking, and the exported file needs none.
#[inline(always)]
pub fn gbce(scores: Scores<'_>, calibration: f32) -> f64 {
    let Scores { own, target, negatives, drawn } = scores;
    let shift = (drawn.catalogue as f32).ln();
    let sampled = drawn.sampled_share();
    let power = 1.0 - calibration * (1.0 - sampled);
    let scale = 1.0 / (sampled * drawn.catalogue.saturating_sub(1) as f32 + 1.0);
    let (positive, slope) = softplus(shift - own[target]);
    let mut loss = power * positive;
    let target_gradient = -power * slope * scale;
    let mut others = 0.0;
    for (place, score) in own.iter_mut().enumerate() {
        let (part, slope) = softplus(*score - shift);
        *score = sampled * slope * scale;
        others += if place == target { 0.0 } else { part };
    }
    own[target] = target_gradient;
    for (score, &weight) in negatives.iter_mut().zip(&drawn.weights) {
        let (part, slope) = softplus(*score - shift);
        *score = sampled * weight * slope * scale;
        others += weight * part;
    }
    loss += sampled * others;
    f64::from(loss * scale)
}
