//! AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) with a global gradient norm.
//!
//! The dense parameters are updated whole. Item rows are updated where a batch touched them: each row remembers
//! when that was last, and its moments decay for the steps between as if zeros had come. A step's cost depends on
//! the batch, not on the catalogue.

use super::features::Features;
use super::parameters::{dense_mut, normalise, zeros_like};
use super::texts::{TextGradients, Texts};
use super::vector::{add_scaled, dot, wide};
use crate::format::{ItemTable, Weights};
use crate::vocab::ItemId;

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
/// How much of both moments stays from step to step.
pub const BETAS: [f32; 2] = [BETA_1, BETA_2];
const EPSILON: f32 = 1e-8;

/// How many times the learning rate item vectors move at: of unit length and each met rarely, they would hardly turn.
/// Beauty's encoder alone reached a validation NDCG@10 of .009 after four epochs at one, of .039 at five.
const VECTOR_RATE: f32 = 5.0;

/// How many times the learning rate the query's length moves at: it is kept as a logarithm and begins small.
pub const SCALE_RATE: f32 = 10.0;

/// Values of an item's row beside its vector: bias and repeat.
pub const ROW_EXTRAS: usize = 2;

/// Gradients of the item rows that a shard touched, `[touched, hidden + ROW_EXTRAS]`.
pub struct RowGradients {
    width: usize,
    /// Each item's place in `touched`, or `NONE`: `[items]`.
    slots: Vec<u32>,
    touched: Vec<ItemId>,
    values: Vec<f32>,
}

const NONE: u32 = u32::MAX;

impl RowGradients {
    pub fn new(items: usize, hidden: usize) -> Self {
        Self { width: hidden + ROW_EXTRAS, slots: vec![NONE; items], touched: Vec::new(), values: Vec::new() }
    }

    /// An item's gradient: its vector's, then its bias', then its repeat's.
    pub fn row_mut(&mut self, item: ItemId) -> &mut [f32] {
        let slot = &mut self.slots[item as usize];
        if *slot == NONE {
            *slot = self.touched.len() as u32;
            self.touched.push(item);
            self.values.resize(self.values.len() + self.width, 0.0);
        }
        let start = *slot as usize * self.width;
        &mut self.values[start..start + self.width]
    }

    pub fn clear(&mut self) {
        for item in self.touched.drain(..) {
            self.slots[item as usize] = NONE;
        }
        self.values.clear();
    }

    /// Adds another shard's gradients.
    pub fn add(&mut self, other: &Self) {
        for (&item, row) in other.touched.iter().zip(other.values.chunks_exact(self.width)) {
            for (value, part) in self.row_mut(item).iter_mut().zip(row) {
                *value += part;
            }
        }
    }

    /// The items that have a gradient.
    pub fn touched(&self) -> &[ItemId] {
        &self.touched
    }

    /// Each item's gradient.
    pub fn rows(&self) -> impl Iterator<Item = (ItemId, &[f32])> {
        self.touched.iter().copied().zip(self.values.chunks_exact(self.width))
    }

    /// The same, to change.
    pub fn rows_mut(&mut self) -> impl Iterator<Item = (ItemId, &mut [f32])> {
        self.touched.iter().copied().zip(self.values.chunks_exact_mut(self.width))
    }

    /// The sum of all squares.
    pub fn squared_norm(&self) -> f64 {
        self.values.iter().map(|&value| f64::from(value).powi(2)).sum()
    }
}

/// The moments of all parameters.
pub struct Optimizer {
    /// Of the dense parameters.
    pub first: Weights,
    /// Of the dense parameters.
    pub second: Weights,
    /// `[items, hidden + ROW_EXTRAS]`
    pub row_first: Vec<f32>,
    /// `[items, hidden + ROW_EXTRAS]`
    pub row_second: Vec<f32>,
    /// The step in which each row was last updated: `[items]`.
    pub row_step: Vec<u32>,
    /// Steps taken.
    pub step: u32,
}

/// What one update is told.
#[derive(Debug, Clone, Copy)]
pub struct Update {
    pub learning_rate: f32,
    pub weight_decay: f32,
    pub clip_norm: f32,
    /// Gradients are sums; they are divided by this.
    pub examples: f32,
}

impl Optimizer {
    pub fn new(weights: &Weights) -> Self {
        let items = weights.item_bias.len();
        let width = weights.final_norm.len() + ROW_EXTRAS;
        Self {
            first: zeros_like(weights),
            second: zeros_like(weights),
            row_first: vec![0.0; items * width],
            row_second: vec![0.0; items * width],
            row_step: vec![0; items],
            step: 0,
        }
    }

    /// One step; returns the gradients' norm before clipping. With features, `weights` and `rows` hold own parts.
    pub fn update(
        &mut self,
        weights: &mut Weights,
        gradient: &mut Weights,
        rows: &RowGradients,
        features: Option<&mut Features>,
        (texts, text_rows): (&mut Texts, &TextGradients),
        update: Update,
    ) -> f32 {
        self.step += 1;
        let dense: f64 =
            dense_mut(gradient).iter().flat_map(|part| part.values.iter()).map(|&value| f64::from(value).powi(2)).sum();
        let shared = features.as_ref().map_or(0.0, |features| features.squared_norm());
        let norm = ((dense + rows.squared_norm() + shared + text_rows.squared_norm()).sqrt()
            / f64::from(update.examples)) as f32;
        let clip = if norm > update.clip_norm { update.clip_norm / norm } else { 1.0 };
        let factor = clip / update.examples;
        let bias = [1.0 - BETA_1.powi(self.step as i32), 1.0 - BETA_2.powi(self.step as i32)];
        wide!([optimizer: &mut Optimizer = self,
               weights: &mut Weights = weights,
               gradient: &mut Weights = gradient,
               factor: f32 = factor,
               bias: [f32; 2] = bias,
               update: Update = update] {
            optimizer.update_dense(weights, gradient, factor, bias, update);
        });
        wide!([optimizer: &mut Optimizer = self,
               weights: &mut Weights = weights,
               rows: &RowGradients = rows,
               features: Option<&mut Features> = features,
               texts: &mut Texts = texts,
               text_rows: &TextGradients = text_rows,
               factor: f32 = factor,
               bias: [f32; 2] = bias,
               rate: f32 = update.learning_rate] {
            optimizer.update_rows(weights, rows, features.as_deref(), factor, bias, rate);
            if let Some(features) = features {
                features.update(factor, bias, rate, optimizer.step);
            }
            texts.update(weights, text_rows, factor, bias, rate, optimizer.step);
        });
        norm
    }

    #[inline(always)]
    fn update_dense(
        &mut self,
        weights: &mut Weights,
        gradient: &mut Weights,
        factor: f32,
        bias: [f32; 2],
        update: Update,
    ) {
        let gradients = dense_mut(gradient);
        let moments = dense_mut(&mut self.first).into_iter().zip(dense_mut(&mut self.second));
        for ((weight, gradient), (first, second)) in dense_mut(weights).into_iter().zip(gradients).zip(moments) {
            let decay = if weight.decays { 1.0 - update.learning_rate * update.weight_decay } else { 1.0 };
            let rate = update.learning_rate * weight.rate;
            gradient.values.iter_mut().for_each(|value| *value *= factor);
            adam(first.values, second.values, gradient.values, BETAS, bias);
            for (weight, step) in weight.values.iter_mut().zip(gradient.values.iter()) {
                *weight = *weight * decay - rate * step;
            }
        }
    }

    /// Item vectors stay on the unit sphere: only the gradient across the vector moves it.
    #[inline(always)]
    fn update_rows(
        &mut self,
        weights: &mut Weights,
        rows: &RowGradients,
        features: Option<&Features>,
        factor: f32,
        bias: [f32; 2],
        rate: f32,
    ) {
        let Weights { items: ItemTable::F32(items), item_bias, item_repeat, .. } = weights else { return };
        let (hidden, width) = (items.columns, rows.width);
        let mut steps = vec![0.0; width];
        for (item, sums) in rows.rows() {
            let item = item as usize;
            let vector = &mut items.values[item * hidden..(item + 1) * hidden];
            steps.iter_mut().zip(sums).for_each(|(step, sum)| *step = factor * sum);
            if features.is_none() {
                let along = dot(vector, &sums[..hidden]);
                add_scaled(&mut steps[..hidden], vector, -factor * along);
            }
            let passed = (self.step - self.row_step[item]) as i32;
            self.row_step[item] = self.step;
            let decays = [BETA_1.powi(passed), BETA_2.powi(passed)];
            let moments = item * width..(item + 1) * width;
            adam(&mut self.row_first[moments.clone()], &mut self.row_second[moments], &mut steps, decays, bias);
            add_scaled(vector, &steps[..hidden], -VECTOR_RATE * rate);
            match features {
                Some(features) => features.settle_own(item, vector),
                None => normalise(vector),
            }
            item_bias[item] -= rate * steps[hidden];
            item_repeat[item] -= rate * steps[hidden + 1];
        }
    }
}

/// Moves both moments towards the gradients, and leaves the steps in their place, in units of the learning rate.
#[inline(always)]
pub fn adam(first: &mut [f32], second: &mut [f32], gradients: &mut [f32], decays: [f32; 2], bias: [f32; 2]) {
    for ((value, first), second) in gradients.iter_mut().zip(first).zip(second) {
        *first = decays[0] * *first + (1.0 - BETA_1) * *value;
        *second = decays[1] * *second + (1.0 - BETA_2) * *value * *value;
        *value = (*first / bias[0]) / ((*second / bias[1]).sqrt() + EPSILON);
    }
}

/// The learning rate of a step (from 0): a linear rise over `warmup`, then a cosine down to a twentieth.
pub fn learning_rate(highest: f32, warmup: f32, step: u64, steps: u64) -> f32 {
    let progress = step as f32 / steps.max(1) as f32;
    if progress < warmup {
        return highest * (step + 1) as f32 / (warmup * steps as f32).max(1.0);
    }
    let fall = ((progress - warmup) / (1.0 - warmup)).min(1.0);
    highest * (0.05 + 0.95 * 0.5 * (1.0 + (std::f32::consts::PI * fall).cos()))
}
