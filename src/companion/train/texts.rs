//! The tables of text fields while they are learned.
//!
//! They have as many rows as a catalogue, of which a batch reads few: like item rows they are updated where a batch touched
//! them, with moments that decay for the steps between as if zeros had come, and so is their running mean. The tables of all
//! text fields count as one, whose rows are numbered through.

use super::average::{Fading, mix};
use super::optimizer::{BETAS, RowUpdate, adam};
use super::row_gradients::RowGradients;
use super::vector::add_scaled;
use crate::format::{FieldWeights, Weights};
use crate::schema::Encoding;

/// Gradients of the rows that a shard touched.
pub struct TextGradients {
    /// The number of the first row of each field, in the schema's order; `None` of one that is no text.
    first: Vec<Option<usize>>,
    rows: RowGradients,
}

/// Moments of the rows.
pub struct Texts {
    /// `[rows, hidden]`
    first: Vec<f32>,
    /// `[rows, hidden]`
    second: Vec<f32>,
    /// The step in which each row was last updated: `[rows]`.
    last_step: Vec<u32>,
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
        self.rows.parts_mut().iter_mut().zip(other.rows.parts()).for_each(|(part, other)| part.add(other));
    }

    /// Leaves out the fields at places that are true: `[fields]`.
    pub fn clear_fields(&mut self, frozen: &[bool]) {
        // Rows are numbered through, so a row's field is the last one that begins at or before it.
        let first: Vec<(usize, bool)> =
            self.first.iter().zip(frozen).filter_map(|(first, &is_frozen)| Some(((*first)?, is_frozen))).collect();
        let is_frozen = |row: usize| first.iter().rev().find(|(first, _)| *first <= row).is_some_and(|found| found.1);
        self.rows.retain(|row| !is_frozen(row as usize));
    }

    /// The sum of all squares.
    pub fn squared_norm(&self) -> f64 {
        self.rows.squared_norm()
    }
}

impl Texts {
    pub fn new(weights: &Weights) -> Self {
        let (rows, hidden) = (count(weights), weights.final_norm.len());
        Self { first: vec![0.0; rows * hidden], second: vec![0.0; rows * hidden], last_step: vec![0; rows] }
    }

    /// The step of AdamW of the rows that the batch touched, and what `mean` holds of them before and after it: as
    /// [`super::average::Average`] does of item rows.
    pub fn update(
        &mut self,
        weights: &mut Weights,
        gradients: &TextGradients,
        mean: &mut Weights,
        update: &RowUpdate<'_>,
    ) {
        let &RowUpdate { step, features: _, factor, bias, rate, fading } = update;
        let hidden = weights.final_norm.len();
        for (row, sums) in gradients.rows.rows() {
            let row = row as usize;
            let (now, mean) = (row_of_mut(weights, row), row_of_mut(mean, row));
            let last = std::mem::replace(&mut self.last_step[row], step);
            mix(mean, now, fading.left(last, step - 1));
            let mut steps: Vec<f32> = sums[..hidden].iter().map(|sum| factor * sum).collect();
            let moments = row * hidden..(row + 1) * hidden;
            let decays = BETAS.map(|beta| beta.powi((step - last) as i32));
            adam(&mut self.first[moments.clone()], &mut self.second[moments], &mut steps, decays, bias);
            add_scaled(now, &steps, -rate);
            mix(mean, now, fading.left(step - 1, step));
        }
    }

    /// Brings the mean of all rows up to date after `step` updates.
    pub fn settle(&self, mean: &mut Weights, now: &Weights, fading: Fading, step: u32) {
        for (row, &last) in self.last_step.iter().enumerate() {
            mix(row_of_mut(mean, row), row_of(now, row), fading.left(last, step));
        }
    }

    /// What a checkpoint keeps beside the tables.
    pub fn parts_mut(&mut self) -> ([(&'static str, &mut Vec<f32>); 2], &mut Vec<u32>) {
        let Self { first, second, last_step } = self;
        ([("texts.first", first), ("texts.second", second)], last_step)
    }
}
