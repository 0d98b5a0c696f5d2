//! Item rows as sums: what an item's features give, and a part of its own.
//!
//! `row_i = unit(own_i + sum of weight_if * vector_f over the item's features f)` (LightFM, Kula 2015, arXiv 1507.08439). An
//! item that training never met has no part of its own, so its row is what its features give. Files hold rows, not sums.
//!
//! With features, `Weights::items` holds the own parts while it is trained. Each step folds the rows of those items that
//! its batch reads, lends them to the workers in the own parts' place, and takes the rows' gradients back to own parts and
//! vectors: a step costs what its batch costs.

use super::average::{Fading, mix};
use super::optimizer::{BETAS, adam};
use super::parameters::{normalise, popularity};
use super::random::{Purpose, stream};
use super::row_gradients::RowGradients;
use super::vector::{add_scaled, dot};
use crate::companion::data::ItemFeatures;
use crate::format::{ItemTable, Matrix, Weights};
use crate::vocab::ItemId;
use rand::RngExt;
use rayon::prelude::*;

/// The share of items whose own part a step leaves out, so that features learn to do without.
const DROPPED: f32 = 0.2;

/// With so many training events an item's first row keeps half of what its features do not explain: less of a rarer one's,
/// which is mostly chance.
const HALF_TRUSTED: f32 = 10.0;

/// So many items of its own would give a feature half of what they say (ridge regression).
const RIDGE: f32 = 2.0;

/// Sweeps of the regression over all features.
const SWEEPS: usize = 5;

/// Of a sum that is shorter, the direction tells nothing.
const SHORTEST: f32 = 0.1;

/// The features' vectors, all that is learned of them, and the rows of a step.
pub struct Features {
    table: ItemFeatures,
    /// `[features, hidden]`
    pub vectors: Matrix,
    /// The vectors' running mean, as of when each was last updated: `[features, hidden]`.
    mean: Matrix,
    /// AdamW's moments, `[features, hidden]`, and the step in which each vector was last updated.
    first: Vec<f32>,
    second: Vec<f32>,
    last_step: Vec<u32>,
    /// What the latest step read.
    step: Step,
    /// The vectors' gradients in the latest step.
    pub gradients: RowGradients,
}

/// The rows that a step reads; of all others they are out of date.
struct Step {
    /// `[items, hidden]`
    rows: Matrix,
    /// The sums' lengths: `[items]`.
    lengths: Vec<f32>,
    /// Whether the own part is left out: `[items]`.
    drops: Vec<bool>,
    /// The step that folded each row last, from 1: `[items]`.
    folded: Vec<u64>,
}

impl Features {
    /// Explains first item rows by the items' features as well as it goes, and leaves the rest in them as own parts; `None`
    /// without features. `counts` is how often each item occurs in training: `[items]`. Nothing changes of items that are
    /// `known` from another model, `[items]`, whatever this log has of them.
    pub fn begin(weights: &mut Weights, table: &ItemFeatures, counts: &[u32], known: Option<&[bool]>) -> Option<Self> {
        let ItemTable::F32(own) = &mut weights.items else { return None };
        let (items, hidden, features) = (counts.len(), own.columns, table.count);
        if hidden * features == 0 {
            return None;
        }
        let is_known = |item: usize| known.is_some_and(|known| known[item]);
        let trust_of = |(item, &count)| if is_known(item) { 1.0 } else { count as f32 / (count as f32 + HALF_TRUSTED) };
        let trust: Vec<f32> = counts.iter().enumerate().map(trust_of).collect();
        let vectors = explain(own, table, &trust);
        let begun = Self {
            table: table.clone(),
            mean: vectors.clone(),
            vectors,
            first: vec![0.0; features * hidden],
            second: vec![0.0; features * hidden],
            last_step: vec![0; features],
            step: Step {
                rows: Matrix::zeros(items, hidden),
                lengths: vec![0.0; items],
                drops: vec![false; items],
                folded: vec![0; items],
            },
            gradients: RowGradients::new(features, hidden),
        };
        let learned = counts.iter().filter(|&&count| count > 0);
        let (bias, repeat) = popularity(counts, learned);
        let mut sum = vec![0.0; hidden];
        for (item, &trust) in trust.iter().enumerate().filter(|(item, _)| !is_known(*item)) {
            (weights.item_bias[item], weights.item_repeat[item]) = (bias[item], repeat[item]);
            begun.sum(&begun.vectors, item, &mut sum);
            if dot(&sum, &sum).sqrt() < SHORTEST {
                continue;
            }
            own.row_mut(item).iter_mut().for_each(|value| *value *= trust);
            if counts[item] == 0 {
                // Nobody knows how popular it will be: as the mean.
                (weights.item_bias[item], weights.item_repeat[item]) = (0.0, 0.0);
            }
        }
        Some(begun)
    }

    /// The sum of what an item's features give: `[hidden]`.
    fn sum(&self, vectors: &Matrix, item: usize, out: &mut [f32]) {
        out.fill(0.0);
        self.table.row(item).for_each(|(feature, weight)| add_scaled(out, vectors.row(feature), weight));
    }

    /// Makes rows of all own parts, in their place.
    pub fn fold_all(&self, own: &mut Matrix) {
        self.fold_with(&self.vectors, own);
    }

    fn fold_with(&self, vectors: &Matrix, own: &mut Matrix) {
        own.values.par_chunks_mut(own.columns).enumerate().for_each(|(item, row)| {
            self.table.row(item).for_each(|(feature, weight)| add_scaled(row, vectors.row(feature), weight));
            normalise(row);
        });
    }

    /// Folds the rows that step `step` reads, some without their own part.
    pub fn fold(&mut self, own: &Matrix, items: impl Iterator<Item = ItemId>, seed: u64, step: u64) {
        let mut rng = stream(seed, Purpose::Features, step, 0);
        let mut sum = vec![0.0; own.columns];
        for item in items.map(|item| item as usize) {
            if std::mem::replace(&mut self.step.folded[item], step + 1) == step + 1 {
                continue;
            }
            self.sum(&self.vectors, item, &mut sum);
            let drops = rng.random::<f32>() < DROPPED && dot(&sum, &sum).sqrt() >= SHORTEST;
            if !drops {
                add_scaled(&mut sum, own.row(item), 1.0);
            }
            self.step.drops[item] = drops;
            self.step.lengths[item] = dot(&sum, &sum).sqrt().max(f32::MIN_POSITIVE);
            normalise(&mut sum);
            self.step.rows.row_mut(item).copy_from_slice(&sum);
        }
    }

    /// Lends the folded rows in the place of the own parts, until [`Features::backward`].
    pub fn lend(&mut self, weights: &mut Weights) {
        self.swap(weights);
    }

    fn swap(&mut self, weights: &mut Weights) {
        if let ItemTable::F32(items) = &mut weights.items {
            std::mem::swap(items, &mut self.step.rows);
        }
    }

    /// Puts the own parts back, turns the gradients of the step's rows into theirs, and keeps those of the vectors.
    pub fn backward(&mut self, weights: &mut Weights, rows: &mut RowGradients) {
        self.swap(weights);
        let hidden = self.vectors.columns;
        self.gradients.clear();
        for (item, gradient) in rows.rows_mut() {
            let item = item as usize;
            let (row, gradient) = (self.step.rows.row(item), &mut gradient[..hidden]);
            let along = dot(row, gradient);
            add_scaled(gradient, row, -along);
            gradient.iter_mut().for_each(|value| *value /= self.step.lengths[item]);
            for (feature, weight) in self.table.row(item) {
                add_scaled(&mut self.gradients.row_mut(feature as ItemId)[..hidden], gradient, weight);
            }
            if self.step.drops[item] {
                gradient.fill(0.0);
            }
        }
    }

    /// The vectors' gradients: their squares' sum.
    pub fn squared_norm(&self) -> f64 {
        self.gradients.squared_norm()
    }

    /// Scales an own part that was updated so that the item's sum has unit length, as rows without features have: else rows
    /// would grow and turn less and less.
    pub fn settle_own(&self, item: usize, own: &mut [f32]) {
        let mut sum = vec![0.0; own.len()];
        self.sum(&self.vectors, item, &mut sum);
        add_scaled(own, &sum, 1.0);
        normalise(own);
        add_scaled(own, &sum, -1.0);
    }

    /// AdamW's step `step` of the vectors that the batch touched, whose gradients are multiplied by `factor`; their mean takes
    /// them in, as [`super::average::Average`] does rows.
    pub fn update(&mut self, factor: f32, bias: [f32; 2], rate: f32, step: u32, fading: Fading) {
        let hidden = self.vectors.columns;
        for (feature, sums) in self.gradients.rows() {
            let place = feature as usize;
            let mut steps: Vec<f32> = sums[..hidden].iter().map(|sum| factor * sum).collect();
            let last = std::mem::replace(&mut self.last_step[place], step);
            mix(self.mean.row_mut(place), self.vectors.row(place), fading.left(last, step - 1));
            let passed = (step - last) as i32;
            let moments = place * hidden..(place + 1) * hidden;
            let decays = BETAS.map(|beta| beta.powi(passed));
            adam(&mut self.first[moments.clone()], &mut self.second[moments], &mut steps, decays, bias);
            add_scaled(self.vectors.row_mut(place), &steps, -rate);
            mix(self.mean.row_mut(place), self.vectors.row(place), fading.left(step - 1, step));
        }
    }

    /// The rows of all items by the mean of their own parts and that of the vectors, after `step` updates.
    pub fn fold_mean(&self, own: &mut Matrix, fading: Fading, step: u32) {
        let mut mean = self.mean.clone();
        for (place, &last) in self.last_step.iter().enumerate() {
            mix(mean.row_mut(place), self.vectors.row(place), fading.left(last, step));
        }
        self.fold_with(&mean, own);
    }

    /// Forgets the steps that were taken, not what came of them.
    pub fn begin_anew(&mut self) {
        let Self { vectors, mean, first, second, last_step, table: _, step, gradients: _ } = self;
        mean.clone_from(vectors);
        [first, second].into_iter().for_each(|moments| moments.fill(0.0));
        last_step.fill(0);
        step.folded.fill(0);
    }

    /// What a checkpoint keeps.
    pub fn parts_mut(&mut self) -> ([(&'static str, &mut Vec<f32>); 4], &mut Vec<u32>) {
        let Self { vectors, mean, first, second, last_step, table: _, step: _, gradients: _ } = self;
        let parts = [
            ("features.vectors", &mut vectors.values),
            ("features.mean", &mut mean.values),
            ("features.first", first),
            ("features.second", second),
        ];
        (parts, last_step)
    }
}

/// The vectors whose sums are nearest to the rows, each item weighed by its trust, by ridge regression, feature after feature
/// (Gauss and Seidel); leaves in `rows` what they do not explain.
fn explain(rows: &mut Matrix, table: &ItemFeatures, trust: &[f32]) -> Matrix {
    let mut items_of = vec![Vec::new(); table.count];
    for item in 0..rows.rows() {
        table.row(item).for_each(|(feature, weight)| items_of[feature].push((item, weight)));
    }
    let mut vectors = Matrix::zeros(table.count, rows.columns);
    let mut change = vec![0.0; rows.columns];
    for _ in 0..SWEEPS {
        for (feature, items) in items_of.iter().enumerate() {
            change.iter_mut().zip(vectors.row(feature)).for_each(|(change, value)| *change = -RIDGE * value);
            let mut total = RIDGE;
            for &(item, weight) in items {
                add_scaled(&mut change, rows.row(item), trust[item] * weight);
                total += trust[item] * weight * weight;
            }
            change.iter_mut().for_each(|change| *change /= total);
            add_scaled(vectors.row_mut(feature), &change, 1.0);
            items.iter().for_each(|&(item, weight)| add_scaled(rows.row_mut(item), &change, -weight));
        }
    }
    vectors
}
