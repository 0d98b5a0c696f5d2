//! Each loss and its gradients against its formula, written down slowly in f64.

use super::{Scores, bpr::bpr, gbce::gbce, softmax::softmax};
use crate::companion::train::negatives::Negatives;
use proptest::prelude::*;

/// One position: scores of its own candidates, and of negatives with how many items each stands for, and whether it is
/// listed.
#[derive(Debug, Clone)]
struct Case {
    own: Vec<f64>,
    target: usize,
    negatives: Vec<f64>,
    weights: Vec<f64>,
    listed: Vec<usize>,
    draws: usize,
    catalogue: usize,
}

fn cases() -> impl Strategy<Value = Case> {
    let own = prop::collection::vec(-12f64..12.0, 1..12);
    let negatives = prop::collection::vec((-12f64..12.0, 0.01f64..20.0, any::<bool>()), 0..30);
    (own, any::<prop::sample::Index>(), negatives, 30usize..100, 60usize..5000).prop_map(
        |(own, target, drawn, draws, catalogue)| Case {
            target: target.index(own.len()),
            own,
            negatives: drawn.iter().map(|&(score, ..)| score).collect(),
            weights: drawn.iter().map(|&(_, weight, _)| weight).collect(),
            listed: (0..drawn.len()).filter(|&place| drawn[place].2).collect(),
            draws,
            catalogue,
        },
    )
}

impl Case {
    /// Score and weight of what is drawn and not listed.
    fn unlisted(&self) -> impl Iterator<Item = (f64, f64)> {
        (0..self.negatives.len())
            .filter(|place| !self.listed.contains(place))
            .map(|place| (self.negatives[place], self.weights[place]))
    }

    fn others(&self) -> impl Iterator<Item = f64> {
        (0..self.own.len()).filter(|&place| place != self.target).map(|place| self.own[place])
    }

    /// A loss, and the gradients of own candidates and negatives.
    fn run(&self, loss: impl Fn(Scores<'_>) -> f64) -> (f64, Vec<f32>, Vec<f32>) {
        let single = |values: &[f64]| values.iter().map(|&value| value as f32).collect::<Vec<f32>>();
        let mut drawn = Negatives::default();
        drawn.weights = single(&self.weights);
        drawn.log_weights = self.weights.iter().map(|weight| weight.ln() as f32).collect();
        (drawn.draws, drawn.catalogue) = (self.draws, self.catalogue);
        let (mut own, mut negatives) = (single(&self.own), single(&self.negatives));
        self.listed.iter().for_each(|&place| negatives[place] = f32::NEG_INFINITY);
        let scores = Scores { own: &mut own, target: self.target, negatives: &mut negatives, drawn: &drawn };
        let value = loss(scores);
        self.listed.iter().for_each(|&place| negatives[place] = 0.0);
        (value, own, negatives)
    }

    /// Compares a loss with its formula, and its gradients with the formula's differences.
    fn check(
        &self,
        loss: impl Fn(Scores<'_>) -> f64,
        formula: impl Fn(&Self) -> f64,
    ) -> Result<(), proptest::test_runner::TestCaseError> {
        let (value, own, negatives) = self.run(loss);
        let expected = formula(self);
        prop_assert!((value - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{value}, expected {expected}");
        let difference = |change: &dyn Fn(&mut Self, f64)| {
            let [up, down] = [1e-4, -1e-4].map(|step| {
                let mut moved = self.clone();
                change(&mut moved, step);
                formula(&moved)
            });
            (up - down) / 2e-4
        };
        for (place, &gradient) in own.iter().enumerate() {
            let expected = difference(&|case, step| case.own[place] += step);
            let near = (f64::from(gradient) - expected).abs() < 1e-4;
            prop_assert!(near, "own candidate {place}: {gradient}, expected {expected}");
        }
        for (place, &gradient) in negatives.iter().enumerate() {
            let expected = difference(&|case, step| case.negatives[place] += step);
            let near = (f64::from(gradient) - expected).abs() < 1e-4 * (1.0 + expected.abs());
            prop_assert!(near, "negative {place}: {gradient}, expected {expected}");
        }
        Ok(())
    }
}

/// `-ln s(x)`
fn cost(x: f64) -> f64 {
    (1.0 + (-x).exp()).ln()
}

fn softmax_formula(case: &Case, smoothing: f64) -> f64 {
    let all = || case.own.iter().map(|&score| (score, 1.0)).chain(case.unlisted());
    let log_sum = all().map(|(score, weight)| weight * score.exp()).sum::<f64>().ln();
    let count: f64 = all().map(|(_, weight)| weight).sum();
    let mean = all().map(|(score, weight)| weight * (score - log_sum)).sum::<f64>() / count;
    -(1.0 - smoothing) * (case.own[case.target] - log_sum) - smoothing * mean
}

fn gbce_formula(case: &Case, calibration: f64) -> f64 {
    let items = case.catalogue as f64;
    let drawn = (case.draws as f64).min(items - 1.0);
    let alpha = drawn / (items - 1.0);
    // As the paper has it.
    let beta = alpha * (calibration * (1.0 - 1.0 / alpha) + 1.0 / alpha);
    let z = |score: f64| score - items.ln();
    let listed: f64 = case.others().map(|score| cost(-z(score))).sum();
    let others: f64 = case.unlisted().map(|(score, weight)| weight * cost(-z(score))).sum();
    (beta * cost(z(case.own[case.target])) + alpha * (listed + others)) / (drawn + 1.0)
}

fn bpr_formula(case: &Case) -> f64 {
    let pairs = || case.others().map(|score| (score, 1.0)).chain(case.unlisted());
    let count: f64 = pairs().map(|(_, weight)| weight).sum();
    let target = case.own[case.target];
    let sum: f64 = pairs().map(|(score, weight)| weight * cost(target - score)).sum();
    if count > 0.0 { sum / count } else { 0.0 }
}

proptest! {
    #[test]
    fn softmax_is_its_formula(case in cases(), smoothing in prop::sample::select(vec![0.0, 0.1, 0.9])) {
        case.check(|scores| softmax(scores, smoothing as f32), |case| softmax_formula(case, smoothing))?;
    }

    #[test]
    fn gbce_is_its_formula(case in cases(), calibration in 0f64..=1.0) {
        case.check(|scores| gbce(scores, calibration as f32), |case| gbce_formula(case, calibration))?;
    }

    #[test]
    fn bpr_is_its_formula(case in cases()) {
        case.check(bpr, bpr_formula)?;
    }

    /// What makes the ranking and nothing else.
    #[test]
    fn a_constant_changes_neither_softmax_nor_bpr(case in cases(), constant in -5f64..5.0) {
        let mut moved = case.clone();
        moved.own.iter_mut().chain(&mut moved.negatives).for_each(|score| *score += constant);
        let near = |a: f64, b: f64| (a - b).abs() < 1e-3 * (1.0 + a.abs());
        let smooth = |scores: Scores<'_>| softmax(scores, 0.1);
        prop_assert!(near(case.run(smooth).0, moved.run(smooth).0));
        prop_assert!(near(case.run(bpr).0, moved.run(bpr).0));
    }

    /// With all items drawn, gBCE is plain binary cross-entropy, whatever the calibration.
    #[test]
    fn gbce_with_every_item_needs_no_calibration(case in cases()) {
        let whole = Case { draws: case.catalogue, ..case };
        let [none, full] = [0.0, 1.0].map(|calibration| whole.run(|scores| gbce(scores, calibration)).0);
        prop_assert_eq!(none, full);
    }
}
