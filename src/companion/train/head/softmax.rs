//! Cross-entropy over all candidates, the shared negatives standing for those that are not listed.

use super::Scores;
use crate::companion::train::vector::{add_scaled, exponentials, largest};

/// `-(1 - e) ln p(target) - e * mean of ln p(i)` over the candidates i, where e is the label smoothing (Szegedy et al.
/// 2016, arXiv 1512.00567).
///
/// With z the scores and w how many items each stands for (1 where it is listed), `ln p(i) = z_i - ln(sum of
/// w_j exp(z_j))`, and the mean of ln p is `sum of w_j z_j / sum of w_j` less that logarithm: the weights of a mean add up
/// to one, so that a constant added to all scores changes nothing. The sums are those over all candidates in
/// expectation, and exact where every item is a negative.
#[inline(always)]
pub fn softmax(scores: Scores<'_>, label_smoothing: f32) -> f64 {
    let Scores { own, target, negatives, drawn } = scores;
    // Before probabilities take the scores' places.
    let (mean, weight_sum) = if label_smoothing > 0.0 { mean(own, negatives, &drawn.weights) } else { (0.0, 1.0) };
    let target_score = own[target];
    add_scaled(negatives, &drawn.log_weights, 1.0);
    let shift = largest(own).max(largest(negatives));
    let sum = exponentials(own, shift) + exponentials(negatives, shift);
    let inverse = 1.0 / sum;
    own.iter_mut().for_each(|part| *part *= inverse);
    negatives.iter_mut().for_each(|part| *part *= inverse);
    own[target] -= 1.0;
    let mut loss = sum.ln() + shift - target_score;
    if label_smoothing > 0.0 {
        let share = label_smoothing / weight_sum;
        own.iter_mut().for_each(|error| *error -= share);
        add_scaled(negatives, &drawn.weights, -share);
        own[target] += label_smoothing;
        loss += label_smoothing * (target_score - mean);
    }
    f64::from(loss)
}

/// The mean score over all candidates, and how many there are, both as far as the negatives tell.
#[inline(always)]
fn mean(own: &[f32], negatives: &[f32], weights: &[f32]) -> (f32, f32) {
    let (mut sum, mut weight_sum) = (own.iter().sum::<f32>(), own.len() as f32);
    for (&score, &weight) in negatives.iter().zip(weights) {
        if score > f32::NEG_INFINITY {
            sum += weight * score;
            weight_sum += weight;
        }
    }
    (sum / weight_sum, weight_sum)
}
