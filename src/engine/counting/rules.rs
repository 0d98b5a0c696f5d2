//! What a history is told of its model.

use crate::format::{Architecture, Counting, Model};
use crate::schema::{FilterSeen, Schema};

/// The rules that [`super::History`] counts by.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Decay, epsilons and context.
    pub counting: Counting,
    /// Whether events belong to groups; without, each event is a group of its own.
    pub has_group: bool,
    /// Which candidates are out.
    pub filter_seen: FilterSeen,
    /// The number of items.
    pub items: usize,
}

impl Rules {
    /// The rules of a model.
    pub fn of(model: &Model) -> Self {
        Self::new(&model.metadata.architecture, &model.metadata.schema, model.vocab.len())
    }

    /// The rules of a model of these sizes.
    pub fn new(architecture: &Architecture, schema: &Schema, items: usize) -> Self {
        Self {
            counting: architecture.counting.clone(),
            has_group: schema.has_group,
            filter_seen: schema.filter_seen,
            items,
        }
    }
}
