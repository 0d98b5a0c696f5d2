//! BPR, Bayesian personalised ranking.

use super::{Scores, softplus};

/// The mean of `-ln s(z+ - z_j)` over the negatives j, with s the logistic function (Rendle et al. 2009, arXiv 1205.2618).
///
/// The negatives are the listed items, each once, and the drawn ones, each as often as it was drawn: pairs have
/// no sum over the catalogue to get right, so how negatives are drawn is a part of what is learned (Rendle and
/// Freudenthaler 2014), not corrected.
#[inline(always)]
pub fn bpr(scores: Scores<'_>) -> f64 {
    let Scores { own, target, negatives, drawn, listed } = scores;
    let positive = own[target];
    let hidden: f32 = listed.iter().map(|&place| drawn.times[place as usize]).sum();
    let pairs = (own.len() - 1) as f32 + drawn.draws as f32 - hidden;
    let share = 1.0 / pairs.max(1.0);
    let (mut loss, mut slopes) = (0.0, 0.0);
    own[target] = f32::NEG_INFINITY;
    for score in own.iter_mut() {
        let (part, slope) = softplus(*score - positive);
        *score = share * slope;
        loss += part;
        slopes += slope;
    }
    for (score, &times) in negatives.iter_mut().zip(&drawn.times) {
        let (part, slope) = softplus(*score - positive);
        *score = share * times * slope;
        loss += times * part;
        slopes += times * slope;
    }
    own[target] = -share * slopes;
    f64::from(share * loss)
}
