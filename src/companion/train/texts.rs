//! The tables of text fields while they are learned.
//!
//! They have as many rows as a catalogue, of which a batch reads few: like item rows they are updated where a batch touched
//! them, with moments that decay for the steps between as if zeros had come, and so is their running mean. The tables of all
//! text fields count as one, whose rows are numbered through.

use super::average::mix;
use super::optimizer::{BETAS, RowGradients, adam};
use super::vector::add_scaled;
use crate::format::{FieldWeights, Weights};
use crate::schema::Encoding;

/// Gradients of the rows that a shard touched.
pub struct TextGradients {
    /// The number of the first row of each field, in the schema's order; `None` of one that is no text.
    first: Vec<Option<usize>>,
    rows: RowGradients,
}

/// Moments and means of the rows.
pub struct Texts {
    /// `[rows, hidden]`
    first: Vec<f32>,
    /// `[rows, hidden]`
    second: Vec<f32>,
    /// The step in which each row was last updated: `[rows]`.
    last_step: Vec<u32>,
    /// What the steps until its last look have left of each row's first mean, as a logarithm: `[rows]`.
    faded: Vec<f32>,
}

/// Whether a field's table is updated row by row.
pub fn is_sparse(field: &FieldWeights) -> bool {
    field.encoding == Encoding::Text
}

/// All tables of texts, in the schema's order.
pub fn tables(weights: &Weights) -> impl Iterator<Item = &FieldWeights> {
    weights.fields.iter().filter(|field| is_sparse(field))
}

/// The same, to change.
pub fn tables_mut(weights: &mut Weights) -> impl Iterator<Item = &mut FieldWeights> {
    weights.fields.iter_mut().filter(|field| is_sparse(field))
}

fn row_of(weights: &Weights, mut row: usize) -> &[f32] {
    for field in tables(weights) {
        match row.checked_sub(field.rows.rows()) {
            None => return field.rows.row(row),
            Some(rest) => row = rest,
        }
    }
    &[]
}

fn row_of_mut(weights: &mut Weights, mut row: usize) -> &mut [f32] {
    for field in tables_mut(weights) {
        match row.checked_sub(field.rows.rows()) {
            None => return field.rows.row_mut(row),
            Some(rest) => row = rest,
        }
    }
    &mut []
}

fn count(weights: &Weights) -> usize {
    tables(weights).map(|field| field.rows.rows()).sum()
}

impl TextGradients {
    pub fn new(weights: &Weights) -> Self {
        let mut rows = 0;
        let mut first = |field: &FieldWeights| {
            let first = rows;
            rows += if is_sparse(field) { field.rows.rows() } else { 0 };
            is_sparse(field).then_some(first)
        };
        Self {
            first: weights.fields.iter().map(&mut first).collect(),
            rows: RowGradients::new(count(weights), weights.final_norm.len()),
        }
    }

    /// Adds to the gradient of a row of the field at this place; false where that is no text.
    pub fn take(&mut self, field: usize, row: usize, part: &[f32], factor: f32) -> bool {
        let Some(first) = self.first[field] else { return false };
        add_scaled(&mut self.rows.row_mut((first + row) as u32)[..part.len()], part, factor);
        true
    }

    /// The gradient of a row of the field at this place, `[hidden + ROW_EXTRAS]`.
    #[cfg(test)]
    pub fn row_mut(&mut self, field: usize, row: usize) -> Option<&mut [f32]> {
        self.first[field].map(|first| self.rows.row_mut((first + row) as u32))
    }

    pub fn clear(&mut self) {
        self.rows.clear();
    }

    /// Adds another shard's gradients.
    pub fn add(&mut self, other: &Self) {
        self.rows.add(&other.rows);
    }

    /// The sum of all squares.
    pub fn squared_norm(&self) -> f64 {
        self.rows.squared_norm()
    }
}

impl Texts {
    pub fn new(weights: &Weights) -> Self {
        let (rows, hidden) = (count(weights), weights.final_norm.len());
        Self {
            first: vec![0.0; rows * hidden],
            second: vec![0.0; rows * hidden],
            last_step: vec![0; rows],
            faded: vec![0.0; rows],
        }
    }

    /// AdamW's step `step` of the rows that the batch touched, whose gradients are multiplied by `factor`.
    pub fn update(
        &mut self,
        weights: &mut Weights,
        gradients: &TextGradients,
        factor: f32,
        bias: [f32; 2],
        rate: f32,
        step: u32,
    ) {
        let hidden = weights.final_norm.len();
        for (row, sums) in gradients.rows.rows() {
            let row = row as usize;
            let mut steps: Vec<f32> = sums[..hidden].iter().map(|sum| factor * sum).collect();
            let passed = (step - std::mem::replace(&mut self.last_step[row], step)) as i32;
            let moments = row * hidden..(row + 1) * hidden;
            let decays = BETAS.map(|beta| beta.powi(passed));
            adam(&mut self.first[moments.clone()], &mut self.second[moments], &mut steps, decays, bias);
            add_scaled(row_of_mut(weights, row), &steps, -rate);
        }
    }

    /// Brings the mean of the rows that the batch touches up to date, as [`super::average::Average`] does of item rows.
    pub fn take_in(&mut self, mean: &mut Weights, now: &Weights, gradients: &TextGradients, faded: f32) {
        gradients.rows.touched().iter().for_each(|&row| self.mix_row(mean, now, row as usize, faded));
    }

    /// Brings the mean of all rows up to date.
    pub fn take_in_all(&mut self, mean: &mut Weights, now: &Weights, faded: f32) {
        (0..self.faded.len()).for_each(|row| self.mix_row(mean, now, row, faded));
    }

    fn mix_row(&mut self, mean: &mut Weights, now: &Weights, row: usize, faded: f32) {
        let stays = (faded - std::mem::replace(&mut self.faded[row], faded)).exp();
        mix(row_of_mut(mean, row), row_of(now, row), stays);
    }

    /// What a checkpoint keeps beside the tables.
    pub fn parts_mut(&mut self) -> ([(&'static str, &mut Vec<f32>); 3], &mut Vec<u32>) {
        let Self { first, second, last_step, faded } = self;
        ([("texts.first", first), ("texts.second", second), ("texts.faded", faded)], last_step)
    }
}
