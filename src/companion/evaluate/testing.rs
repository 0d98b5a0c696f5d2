//! Small logs for tests.

use crate::companion::config::SplitKind;
use crate::companion::data::{Dataset, ItemFeatures, ItemTable, Part, Sequences};
use crate::event::NO_TIME;
use crate::schema::{FilterSeen, Schema, Task};
use crate::vocab::{ItemId, Vocab};

/// One event of a small log.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    item: ItemId,
    group: u32,
    time: i64,
    part: Part,
}

impl Event {
    pub const fn train(item: ItemId, group: u32) -> Self {
        Self { item, group, time: NO_TIME, part: Part::Train }
    }

    pub fn validation(item: ItemId, group: u32) -> Self {
        Self { part: Part::Validation, ..Self::train(item, group) }
    }

    pub const fn test(item: ItemId, group: u32) -> Self {
        Self { part: Part::Test, ..Self::train(item, group) }
    }

    pub fn at(self, time: i64) -> Self {
        Self { time, ..self }
    }
}

/// A data set of `items` items, without fields.
pub fn dataset(items: usize, filter_seen: FilterSeen, has_group: bool, sequences: &[&[Event]]) -> Dataset {
    let events: Vec<Event> = sequences.concat();
    let mut offsets = vec![0];
    for sequence in sequences {
        offsets.push(offsets[offsets.len() - 1] + sequence.len() as u64);
    }
    Dataset {
        schema: Schema {
            has_time: events.iter().any(|event| event.time != NO_TIME),
            has_group,
            hour: false,
            weekday: false,
            filter_seen,
            fields: vec![],
            tasks: vec![Task::NextItem],
            heads: vec![],
        },
        vocab: Vocab::from_keys((0..items).map(|item| format!("{item:04}"))).unwrap(),
        sequences: Sequences {
            keys: (0..sequences.len()).map(|sequence| sequence.to_string()).collect(),
            offsets: offsets.into(),
            items: events.iter().map(|event| event.item).collect::<Vec<_>>().into(),
            times: events.iter().map(|event| event.time).collect::<Vec<_>>().into(),
            groups: events.iter().map(|event| event.group).collect::<Vec<_>>().into(),
            fields: vec![].into(),
            field_ends: vec![].into(),
            labels: vec![].into(),
            parts: events.iter().map(|event| event.part).collect::<Vec<_>>().into(),
        },
        split: SplitKind::Time,
        item_table: ItemTable::default(),
        item_features: ItemFeatures::default(),
    }
}
