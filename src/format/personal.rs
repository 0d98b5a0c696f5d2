//! Where a model of the visitor's own begins and how fast it learns: what `foreclick train --meta` finds.

use super::container::{Dtype, Writer};
use super::read::Reader;
use super::weights::{FEATURES, Matrix};
use crate::error::Result;

/// The gates that a visitor has offsets of: the features' in their order, then those of an item that the visitor has met: of having
/// met it, of its popularity, of the query's word for it.
pub const OWN_GATES: usize = FEATURES + 3;

/// What is learned, by kind: the gates, then the offset of an item.
const KINDS: usize = OWN_GATES + 1;

/// The most directions in which a visitor's query moves.
pub const MAX_RANK: usize = 32;

/// Where a visitor's own model begins, before its first event, and how fast it learns.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonalStart {
    /// What the gates begin with, `[OWN_GATES]`, and an item when it is first met.
    pub first: [f32; KINDS],
    /// What a gradient is multiplied with, in the same order, 0 or more.
    pub steps: [f32; KINDS],
    /// How much better than the base model it is thought to be before any event says so, in nats.
    pub credit: f32,
    /// What is added to the query for items that the visitor has met, `[hidden]`; empty where it is nothing. Items whose rows lie in
    /// its direction are taken again.
    pub again: Vec<f32>,
    /// The directions in which the query moves, each as long as the square root of its step, `[rank, hidden]`; empty where it
    /// does not move.
    pub subspace: Matrix,
}

impl Default for PersonalStart {
    /// What serves without meta-learning: steps that were picked on visitors of the sample, and no direction to move the query in.
    fn default() -> Self {
        Self {
            first: [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.4],
            steps: [0.02, 0.005, 0.0, 0.02, 0.005, 0.01, 0.0, 0.0, 0.2],
            credit: 0.0,
            again: Vec::new(),
            subspace: Matrix::default(),
        }
    }
}

impl PersonalStart {
    /// What a file has; the default, of one from before there was such a thing or without it.
    ///
    /// # Errors
    /// [`crate::error::Error::Format`] where a tensor has another shape, or a number is not finite.
    pub fn read(reader: &Reader<'_>, hidden: usize) -> Result<Self> {
        let mut start = Self::default();
        if reader.file.get("personal.start").is_some() {
            let numbers = reader.vector("personal.start", 2 * KINDS + 1)?;
            start.first.copy_from_slice(&numbers[..KINDS]);
            start.steps.copy_from_slice(&numbers[KINDS..2 * KINDS]);
            start.credit = numbers[2 * KINDS];
        }
        if reader.file.get("personal.again").is_some() {
            start.again = reader.vector("personal.again", hidden)?;
        }
        if let Some(directions) = reader.file.get("personal.subspace") {
            start.subspace = reader.f32("personal.subspace", directions.rows.min(MAX_RANK), hidden)?;
        }
        Ok(start)
    }

    /// Adds it to a file, unless it is the default.
    pub fn write(&self, writer: &mut Writer) {
        let Self { first, steps, credit, again, subspace } = self;
        if *self != Self::default() {
            let numbers = [&first[..], steps, &[*credit]].concat();
            writer.add("personal.start", Dtype::F32, &[numbers.len()], &numbers);
        }
        if !again.is_empty() {
            writer.add("personal.again", Dtype::F32, &[again.len()], again);
        }
        if !subspace.values.is_empty() {
            writer.add("personal.subspace", Dtype::F32, &[subspace.rows(), subspace.columns], &subspace.values);
        }
    }
}
