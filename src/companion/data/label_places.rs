//! What labels are made of, and which event each stands at: a group's or a sequence's at the last event that is left of it.
//!
//! They are made of all valid rows. A basket costs what all its products cost, whether or not a model learns each of them; and it is
//! followed by the next basket of the log.

use super::clean::{Cleaned, Valid};
use super::dataset::Part;
use super::split;
use super::table::Table;
use crate::companion::config::{LabelsAt, NextGroup, SplitConfig, TaskConfig, TaskKind};
use crate::vocab::{ItemId, UNKNOWN_ITEM};
use std::ops::Range;

/// Which rows' cells a label is made of.
#[derive(Debug, Clone, Copy)]
pub enum Asked {
    /// Its event's own.
    Own,
    /// The last one's of its sequence.
    Sequence,
    /// The last one's of its group.
    Group,
    /// The numbers of the group after.
    NextGroup(NextGroup),
    /// The one so many events later.
    Later(usize),
    /// Whether the number so many events later is higher.
    Higher(usize),
}

/// A cleaned log.
pub struct LabelPlaces<'a> {
    pub split: &'a SplitConfig,
    pub table: &'a Table,
    pub valid: &'a Valid,
    pub cleaned: &'a Cleaned,
    pub parts: &'a [Part],
    /// Each event's item: `[events]`.
    pub items: &'a [ItemId],
}

/// A sequence's labels.
pub struct Told {
    /// The numbers of its events; none where cleaning dropped it.
    pub events: Range<usize>,
    /// What is said of each, NaN where nothing is: `[events]`.
    pub labels: Vec<f32>,
    /// How many labels have no event to stand at, since cleaning left none.
    pub lost: u64,
}

/// A sequence as the log has it.
struct Sequence {
    /// Its rows' places among the valid ones.
    rows: Range<usize>,
    /// The places of the rows that are events still.
    kept: Vec<usize>,
    /// The first event's number.
    first: usize,
}

impl Asked {
    /// What a task asks.
    pub fn of(task: &TaskConfig) -> Self {
        let steps = task.steps.unwrap_or(1);
        match (&task.of, task.next, task.at) {
            (Some(_), ..) if task.kind == TaskKind::Direction => Self::Higher(steps),
            (Some(_), ..) => Self::Later(steps),
            (None, Some(next), _) => Self::NextGroup(next),
            (None, None, LabelsAt::Every) => Self::Own,
            (None, None, LabelsAt::Last) => Self::Sequence,
            (None, None, LabelsAt::Group) => Self::Group,
        }
    }
}

impl Told {
    fn put(&mut self, event: Option<usize>, label: f32) {
        match event {
            Some(event) => self.labels[event - self.events.start] = label,
            None => self.lost += u64::from(!label.is_nan()),
        }
    }
}

impl Sequence {
    /// The numbers of the events in a stretch of its rows.
    fn events(&self, rows: &Range<usize>) -> Range<usize> {
        let before = |place: usize| self.first + self.kept.partition_point(|&row| row < place);
        before(rows.start)..before(rows.end)
    }

    /// The number of the event that a row is.
    fn event(&self, row: usize) -> Option<usize> {
        Some(self.events(&(row..row + 1))).filter(|events| !events.is_empty()).map(|events| events.start)
    }
}

impl LabelPlaces<'_> {
    /// Each sequence's labels, also of those that cleaning dropped. `cell` is what a row of the table says.
    pub fn told<'b>(
        &'b self,
        asked: Asked,
        cell: impl Fn(usize) -> f32 + Copy + 'b,
    ) -> impl Iterator<Item = Told> + 'b {
        self.sequences().map(move |sequence| {
            let events = sequence.events(&sequence.rows);
            let mut told = Told { labels: vec![f32::NAN; events.len()], events, lost: 0 };
            match asked {
                Asked::Own => {
                    let rows = sequence.rows.clone();
                    rows.for_each(|row| told.put(sequence.event(row), cell(self.row(row))));
                }
                Asked::Sequence | Asked::Group | Asked::NextGroup(_) => {
                    self.of_all_rows(&sequence, asked, cell, &mut told);
                }
                Asked::Later(steps) => self.later(&sequence, steps, |_, later| cell(later), &mut told),
                Asked::Higher(steps) => {
                    let is_higher = |now: usize, later: usize| {
                        let (now, later) = (cell(now), cell(later));
                        if now.is_nan() || later.is_nan() { f32::NAN } else { f32::from(u8::from(later > now)) }
                    };
                    self.later(&sequence, steps, is_higher, &mut told);
                }
            }
            told
        })
    }

    /// All sequences of valid rows. What is left of them is in the same order.
    fn sequences(&self) -> impl Iterator<Item = Sequence> {
        let (mut start, mut first) = (0, 0);
        self.valid.ends.iter().map(move |&end| {
            let rows = start..end as usize;
            let mut kept = Vec::new();
            for row in rows.clone() {
                if self.cleaned.rows.get(first + kept.len()) == Some(&self.valid.rows[row]) {
                    kept.push(row);
                }
            }
            let sequence = Sequence { rows, kept, first };
            (start, first) = (end as usize, first + sequence.kept.len());
            sequence
        })
    }

    /// Labels of whole groups, or of the sequence.
    fn of_all_rows(&self, sequence: &Sequence, asked: Asked, cell: impl Fn(usize) -> f32, told: &mut Told) {
        let wholes = match asked {
            Asked::Sequence => vec![sequence.rows.clone()],
            _ => self.groups(&sequence.rows),
        };
        for (number, rows) in wholes.iter().enumerate() {
            let known = |event: &usize| self.items[*event] != UNKNOWN_ITEM;
            let event = sequence.events(rows).rev().find(known);
            let Asked::NextGroup(asked) = asked else {
                let last = rows.end - 1;
                let event = event.filter(|&event| self.is_same_part(sequence, event, &(last..rows.end)));
                told.put(event, cell(self.row(last)));
                continue;
            };
            let after = wholes.get(number + 1).filter(|after| match event {
                Some(event) => self.is_same_part(sequence, event, after),
                None => self.by_time(rows.start) == self.by_time(after.start),
            });
            let label = after.map_or(f32::NAN, |after| {
                let mut values = after.clone().map(|row| cell(self.row(row))).filter(|value| !value.is_nan());
                match asked {
                    NextGroup::Any => f32::from(u8::from(values.any(|value| value != 0.0))),
                    NextGroup::Sum => values.sum(),
                }
            });
            told.put(event, label);
        }
    }

    /// Labels of the rows so many events later. A rare item's row is an event of the log too, a repeat is none.
    fn later(&self, sequence: &Sequence, steps: usize, label: impl Fn(usize, usize) -> f32, told: &mut Told) {
        let rows = || sequence.rows.clone().filter(|&row| !self.valid.repeats[row]);
        for (now, later) in rows().zip(rows().skip(steps)) {
            if let Some(event) = sequence.event(now)
                && self.is_same_part(sequence, event, &(later..later + 1))
            {
                told.put(Some(event), label(self.row(now), self.row(later)));
            }
        }
    }

    /// A stretch of rows cut where groups change.
    fn groups(&self, rows: &Range<usize>) -> Vec<Range<usize>> {
        let group = |row: u32| self.table.groups.as_ref().map(|groups| groups.ids[row as usize]);
        let mut start = rows.start;
        let cut = |group: &[u32]| {
            let rows = start..start + group.len();
            start = rows.end;
            rows
        };
        self.valid.rows[rows.clone()].chunk_by(|&before, &after| group(before) == group(after)).map(cut).collect()
    }

    /// Whether all of a stretch of rows is in an event's part. A label from another part would tell of it.
    fn is_same_part(&self, sequence: &Sequence, event: usize, rows: &Range<usize>) -> bool {
        let own = sequence.kept[event - sequence.first];
        let same = |other: usize| self.parts[other] == self.parts[event];
        rows.clone().all(|row| self.by_time(row) == self.by_time(own)) && sequence.events(rows).all(same)
    }

    fn by_time(&self, row: usize) -> Option<Part> {
        split::by_time(self.split, self.valid.begun[row])
    }

    /// The row of the table at a place among the valid ones.
    fn row(&self, place: usize) -> usize {
        self.valid.rows[place] as usize
    }
}
