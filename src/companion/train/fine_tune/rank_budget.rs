//! AdaLoRA: products of low rank whose directions compete for a budget (Zhang et al. 2023, arXiv 2303.10512).
//!
//! `W + P diag(l) Q`: the columns of P and the rows of Q are kept near orthogonal by a penalty, so that each l is about a singular
//! value, and with each update those directions are set to zero whose numbers matter least to the loss. They may come back: what
//! matters is seen after the update, when an l that was zero no longer is.

use super::low_rank::{shapes, uniform};
use crate::companion::train::vector::{add_scaled, dot};
use crate::format::{Block, LowRank, Matrix, Weights};

/// How many directions there are at first for each that is left in the end.
const FIRST: f32 = 1.5;

/// The budget stays as it is over the first share of all updates, and has been cut to its end after the second.
const CUT: [f32; 2] = [0.1, 0.5];

/// How much of the running means of sensitivity and of its uncertainty stays from update to update.
const STAYS: f32 = 0.85;

/// The weight of what keeps directions apart.
const ORTHOGONAL: f32 = 0.1;

/// Which directions are left.
pub struct RankBudget {
    /// Of each number of the products, in their order: how much the loss would change without it.
    sensitivity: Vec<f32>,
    /// How much that varies.
    uncertainty: Vec<f32>,
    /// The latest step's mean gradients of the same numbers.
    gradients: Vec<f32>,
    /// Directions at first, and in the end.
    directions: [usize; 2],
    steps: u64,
}

/// Nothing is added at first: the scales are zero.
pub fn begin(blocks: &[Block], rank: usize, seed: u64) -> Vec<LowRank> {
    shapes(blocks, (FIRST * rank as f32).ceil() as usize, seed, |rng, block, part, [rows, columns, rank]| LowRank {
        block,
        part,
        down: uniform(rng, rank, columns, (3.0 / columns as f32).sqrt()),
        up: uniform(rng, rows, rank, (3.0 / rows as f32).sqrt()),
        scale: vec![0.0; rank],
    })
}

impl RankBudget {
    /// For a mean rank in the end, and so many updates at most.
    pub fn new(weights: &Weights, rank: usize, steps: u64) -> Self {
        let numbers = weights.low_rank.iter().map(|one| numbers(one).count()).sum();
        let first: usize = weights.low_rank.iter().map(|one| one.scale.len()).sum();
        let last = (rank * weights.low_rank.len()).min(first);
        let zeros = vec![0.0; numbers];
        Self {
            sensitivity: zeros.clone(),
            uncertainty: zeros.clone(),
            gradients: zeros,
            directions: [first, last],
            steps,
        }
    }

    /// Adds to a step's gradients, which are sums over so many examples, what keeps directions apart, and notes them.
    pub fn keep_apart(&mut self, weights: &Weights, gradient: &mut Weights, examples: usize) {
        let weight = 4.0 * ORTHOGONAL * examples as f32;
        for (one, gradient) in weights.low_rank.iter().zip(&mut gradient.low_rank) {
            keep_apart(&one.down, &mut gradient.down, weight);
            let mut up = transposed(&gradient.up);
            keep_apart(&transposed(&one.up), &mut up, weight);
            gradient.up = transposed(&up);
        }
        let mean = 1.0 / examples.max(1) as f32;
        let errors = gradient.low_rank.iter().flat_map(numbers);
        self.gradients.iter_mut().zip(errors).for_each(|(gradient, error)| *gradient = mean * error);
    }

    /// Sees the weights after the update by those gradients.
    pub fn look(&mut self, weights: &Weights) {
        let values = weights.low_rank.iter().flat_map(numbers).zip(&self.gradients);
        let kept = self.sensitivity.iter_mut().zip(&mut self.uncertainty);
        for ((value, gradient), (sensitivity, uncertainty)) in values.zip(kept) {
            let now = (value * gradient).abs();
            *sensitivity = STAYS * *sensitivity + (1.0 - STAYS) * now;
            *uncertainty = STAYS * *uncertainty + (1.0 - STAYS) * (now - *sensitivity).abs();
        }
    }

    /// Sets to zero what the budget has no room for after the `step`th update.
    pub fn spend(&self, weights: &mut Weights, step: u32) {
        let mut scores: Vec<(f32, usize, usize)> = Vec::new();
        let mut start = 0;
        for (place, one) in weights.low_rank.iter().enumerate() {
            let end = start + numbers(one).count();
            let importance: Vec<f32> =
                (start..end).map(|number| self.sensitivity[number] * self.uncertainty[number]).collect();
            scores.extend(directions(one, &importance).into_iter().enumerate().map(|(at, score)| (score, place, at)));
            start = end;
        }
        scores.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        for &(_, place, direction) in scores.iter().skip(self.left(step)) {
            weights.low_rank[place].scale[direction] = 0.0;
        }
    }

    /// Directions that are left: a cubic between the first and the last number.
    fn left(&self, step: u32) -> usize {
        let passed = step as f32 / self.steps.max(1) as f32;
        let [first, last] = self.directions;
        let still = 1.0 - ((passed - CUT[0]) / (CUT[1] - CUT[0])).clamp(0.0, 1.0);
        last + ((first - last) as f32 * still.powi(3)).ceil() as usize
    }

    /// What a checkpoint keeps.
    pub fn parts_mut(&mut self) -> [(&'static str, &mut Vec<f32>); 2] {
        [("budget.sensitivity", &mut self.sensitivity), ("budget.uncertainty", &mut self.uncertainty)]
    }
}

/// All numbers of a product.
fn numbers(one: &LowRank) -> impl Iterator<Item = f32> {
    one.down.values.iter().chain(&one.up.values).chain(&one.scale).copied()
}

/// How much each direction matters: its scale, and the mean of its row and of its column.
fn directions(one: &LowRank, importance: &[f32]) -> Vec<f32> {
    let (down, rest) = importance.split_at(one.down.values.len());
    let (up, scale) = rest.split_at(one.up.values.len());
    let (rank, columns, rows) = (one.scale.len(), one.down.columns, one.up.rows());
    let direction = |at: usize| {
        let row: f32 = down[at * columns..(at + 1) * columns].iter().sum();
        let column: f32 = (0..rows).map(|row| up[row * rank + at]).sum();
        scale[at] + row / columns as f32 + column / rows as f32
    };
    (0..rank).map(direction).collect()
}

/// Adds the gradient of `weight / 4 * |R R^T - 1|^2`, of rows R that should be orthonormal.
fn keep_apart(rows: &Matrix, gradient: &mut Matrix, weight: f32) {
    for a in 0..rows.rows() {
        for b in 0..rows.rows() {
            let off = dot(rows.row(a), rows.row(b)) - if a == b { 1.0 } else { 0.0 };
            add_scaled(gradient.row_mut(a), rows.row(b), weight * off);
        }
    }
}

fn transposed(matrix: &Matrix) -> Matrix {
    let (rows, columns) = (matrix.rows(), matrix.columns);
    let values = (0..columns).flat_map(|column| (0..rows).map(move |row| matrix.values[row * columns + column]));
    Matrix { columns: rows, values: values.collect() }
}
