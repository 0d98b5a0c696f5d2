//! A cleaned log: columns of events, cut into sequences.

use super::column::{Column, TextColumn};
use super::features::ItemFeatures;
use crate::companion::config::SplitKind;
use crate::event::EventView;
use crate::schema::Schema;
use crate::vocab::{ItemId, UNKNOWN_ITEM, Vocab};
use std::ops::Range;

/// A log that is read, cleaned, encoded and split.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// What an event is.
    pub schema: Schema,
    /// The items.
    pub vocab: Vocab,
    /// The events.
    pub sequences: Sequences,
    /// What parts the events.
    pub split: SplitKind,
    /// What side tables say of the items; empty columns without side tables.
    pub item_table: ItemTable,
    /// What items have in common; none without `[item] features`.
    pub item_features: ItemFeatures,
}

impl Dataset {
    /// How often each item occurs in the training events: `[items]`.
    pub fn training_counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.vocab.len()];
        for (&item, &part) in self.sequences.items.iter().zip(&self.sequences.parts) {
            if part == Part::Train && item != UNKNOWN_ITEM {
                counts[item as usize] += 1;
            }
        }
        counts
    }

    /// The places of a sequence's training events of known items.
    pub fn training_events(&self, sequence: usize) -> impl Iterator<Item = usize> {
        let Sequences { parts, items, .. } = &self.sequences;
        let counts = |place: &usize| parts[*place] == Part::Train && items[*place] != UNKNOWN_ITEM;
        self.sequences.range(sequence).filter(counts)
    }

    /// What the log tells a head, by its place, of the training events.
    pub fn training_labels(&self, head: usize) -> impl Iterator<Item = f32> {
        let labels = self.sequences.labels.chunks_exact(self.schema.heads.len()).map(move |labels| labels[head]);
        let training = labels.zip(self.sequences.parts.iter()).filter(|(_, part)| **part == Part::Train);
        training.map(|(label, _)| label).filter(|label| !label.is_nan())
    }
}

/// Events in columns, ordered by sequence and by time within one; ties are already shuffled by the seed. Long columns lie
/// in files.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sequences {
    /// Each sequence's key in the log: `[sequences]`.
    pub keys: TextColumn,
    /// Where each sequence starts, and the end: `[sequences + 1]`.
    pub offsets: Column<u64>,
    /// Each event's item: `[events]`.
    pub items: Column<ItemId>,
    /// Milliseconds since 1970, or `NO_TIME`: `[events]`.
    pub times: Column<i64>,
    /// The group's number within its sequence, from 0, rising; 0 throughout without groups: `[events]`.
    pub groups: Column<u32>,
    /// The fields' codes, event after event: see [`crate::schema::FieldKind`].
    pub fields: Column<f32>,
    /// The tasks' answers after each event, `[events, heads]`: 1 for yes and 0 for no, a class's place, a number; NaN where the
    /// log does not tell.
    pub labels: Column<f32>,
    /// Where each event's codes end: `[events]`; empty where all have as many.
    pub field_ends: Column<u64>,
    /// What each event is used for as a target: `[events]`.
    pub parts: Column<Part>,
}

/// What an event is used for. Every earlier event of its sequence is history, whatever its part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Part {
    /// Learned from.
    Train,
    /// Picks the epoch and every other choice.
    Validation,
    /// Read once, at the end.
    Test,
    /// History, and nothing else: of a sequence that `[split] held_out_sequences` keeps out, or before the latest
    /// `max_training_events` of one.
    HeldOut,
}

// SAFETY: it is one byte, all of which is its value.
unsafe impl bytemuck::NoUninit for Part {}

/// Columns that describe items (names, departments), for people to read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ItemTable {
    /// The columns' names.
    pub columns: Vec<String>,
    /// Row after row, `[items, columns]`; an empty string where the side table has no such item.
    pub values: Vec<String>,
}

impl Sequences {
    /// The number of sequences.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no sequence.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The places of one sequence's events.
    pub fn range(&self, sequence: usize) -> Range<usize> {
        self.offsets[sequence] as usize..self.offsets[sequence + 1] as usize
    }

    /// The tasks' answers after the event at a place, `[heads]`.
    pub fn labels(&self, place: usize) -> &[f32] {
        let width = self.labels.len() / self.items.len().max(1);
        &self.labels[place * width..(place + 1) * width]
    }

    /// The event at a place.
    pub fn event(&self, place: usize) -> EventView<'_> {
        let codes = if self.field_ends.is_empty() {
            let width = self.fields.len() / self.items.len().max(1);
            place * width..(place + 1) * width
        } else {
            let start = place.checked_sub(1).map_or(0, |before| self.field_ends[before]);
            start as usize..self.field_ends[place] as usize
        };
        EventView {
            item: self.items[place],
            time: self.times[place],
            group: self.groups[place],
            fields: &self.fields[codes],
        }
    }
}
