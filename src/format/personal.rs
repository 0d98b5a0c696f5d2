//! Where a model of the visitor's own begins and how fast it learns: what `foreclick train --meta` finds.

use super::container::{Container, Dtype, Writer};
use super::weights::{FEATURES, Matrix};
use crate::error::{Error, Result};

/// The gates that a visitor has offsets of: the features' in their order, then that of having met the item.
pub const OWN_GATES: usize = FEATURES + 1;

/// What is learned, by kind: the gates, then the offset of an item.
const KINDS: usize = OWN_GATES + 1;

/// The most directions in which a visitor's query moves.
pub const MAX_RANK: usize = 32;

/// The largest number, above or below 0, that is begun with or moved along.
const LIMIT: f32 = 8.0;

/// Where a visitor's own model begins, before its first event, and how fast it learns.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonalStart {
    /// What the gates begin with, `[OWN_GATES]`, and an item when it is first met.
    pub first: [f32; KINDS],
    /// What a gradient is multiplied with, in the same order, 0 or more.
    pub steps: [f32; KINDS],
    /// The directions in which the query moves, each as long as the square root of its step, `[rank, hidden]`; empty where it
    /// does not move.
    pub subspace: Matrix,
}

impl Default for PersonalStart {
    /// What serves without meta-learning: steps that were picked on visitors of the sample, and no direction to move the query in.
    fn default() -> Self {
        Self {
            first: [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.4],
            steps: [0.02, 0.005, 0.0, 0.02, 0.005, 0.01, 0.2],
            subspace: Matrix::default(),
        }
    }
}

impl PersonalStart {
    /// What a file has, if it has any.
    ///
    /// # Errors
    /// [`Error::Format`] where a tensor has another shape, or a number is none that can be begun with.
    pub fn read(file: &Container<'_>, hidden: usize) -> Result<Option<Self>> {
        if file.get("personal.first").is_none() {
            return Ok(None);
        }
        let mut start = Self::default();
        start.first.copy_from_slice(&file.require("personal.first", Dtype::F32, 1, KINDS)?);
        start.steps.copy_from_slice(&file.require("personal.steps", Dtype::F32, 1, KINDS)?);
        if let Some(directions) = file.get("personal.subspace") {
            let rank = directions.rows.min(MAX_RANK);
            let values = file.require("personal.subspace", Dtype::F32, rank, hidden)?;
            start.subspace = Matrix { columns: hidden, values };
        }
        let numbers = start.first.iter().chain(&start.steps).chain(&start.subspace.values);
        // Comparing so refuses NaN too.
        if !numbers.copied().all(|number| number.abs() <= LIMIT) || start.steps.iter().any(|&step| step < 0.0) {
            return Err(Error::Format(format!(
                "the visitor's own model begins with numbers beyond {LIMIT}, or steps below 0; train with --meta again"
            )));
        }
        Ok(Some(start))
    }

    /// Adds it to a file.
    pub fn write(&self, writer: &mut Writer) {
        let Self { first, steps, subspace } = self;
        writer.add("personal.first", Dtype::F32, &[KINDS], first);
        writer.add("personal.steps", Dtype::F32, &[KINDS], steps);
        if !subspace.values.is_empty() {
            writer.add("personal.subspace", Dtype::F32, &[subspace.rows(), subspace.columns], &subspace.values);
        }
    }
}
