//! The tables of text fields while they are learned.
//!
//! They have as many rows as a catalogue, of which a batch reads few: like item rows they are updated where a batch touched
//! them, and so is their running mean. The tables of all text fields count as one, whose rows are numbered through.
//!
//! A row moves as far as its gradient is long, in units of the root mean square of all of them (RMSprop, Tieleman and Hinton 2012, with one
//! mean for the whole table). AdamW would divide each row's gradient by its own: a word that was read once would move as far
//! as one that a hundred texts agree on, and be learned by heart.

use super::average::{Fading, mix};
use super::optimizer::{BETAS, EPSILON, RowUpdate};
use super::row_gradients::RowGradients;
use super::vector::add_scaled;
use crate::format::{FieldWeights, Weights};
use crate::schema::Encoding;

/// How many times the learning rate a row of a usual gradient moves at.
const ROW_RATE: f32 = 10.0;

/// Gradients of the rows that a shard touched.
pub struct TextGradients {
    /// The number of the first row of each field, in the schema's order; `None` of one that is no text.
    first: Vec<Option<usize>>,
    rows: RowGradients,
}

/// What is kept of the rows from step to step.
pub struct Texts {
    /// The running mean of the touched rows' squared gradients, of all numbers alike: `[1]`.
    square: Vec<f32>,
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
        Self { square: vec![0.0], last_step: vec![0; count(weights)] }
    }

    /// The step of the rows that the batch touched, and what `mean` holds of them before and after it: as
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
        let touched = gradients.rows.rows().count().max(1);
        let square = f64::from(factor).powi(2) * gradients.squared_norm() / (touched * hidden) as f64;
        self.square[0] += (1.0 - BETAS[1]) * (square as f32 - self.square[0]);
        let length = ROW_RATE * rate * factor / ((self.square[0] / bias[1]).sqrt() + EPSILON);
        for (row, sums) in gradients.rows.rows() {
            let row = row as usize;
            let (now, mean) = (row_of_mut(weights, row), row_of_mut(mean, row));
            let last = std::mem::replace(&mut self.last_step[row], step);
            mix(mean, now, fading.left(last, step - 1));
            add_scaled(now, &sums[..hidden], -length);
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
    pub fn parts_mut(&mut self) -> (&mut Vec<f32>, &mut Vec<u32>) {
        (&mut self.square, &mut self.last_step)
    }
}
