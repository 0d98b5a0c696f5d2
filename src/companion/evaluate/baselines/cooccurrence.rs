//! Co-occurrence: what was met together with the context. The context is the open group, where groups exist
//! and it holds an item already, and the last ten events otherwise, the k-th newest weighted 1/k.

use super::neighbours::{Neighbours, Rule};
use crate::companion::data::Dataset;
use crate::companion::evaluate::Scorer;
use crate::event::{EventView, Upcoming};
use crate::vocab::{ItemId, UNKNOWN_ITEM};
use anyhow::Result;
use std::collections::VecDeque;

/// How many of the last events are the context.
const CONTEXT_EVENTS: usize = 10;

/// The distance within which events of a log without groups are met together: below ten.
const REACH: usize = 9;

/// Counts the neighbours that fit the log.
pub fn count(dataset: &Dataset) -> Neighbours {
    let rule = if dataset.schema.has_group { Rule::SameGroup } else { Rule::Following { reach: REACH } };
    Neighbours::count(dataset, rule)
}

/// The context of one sequence and what it says for each item.
pub struct Context<'a> {
    neighbours: &'a Neighbours,
    has_group: bool,
    group: u32,
    /// The open group's items.
    open: Vec<ItemId>,
    /// The last items, newest first.
    latest: VecDeque<ItemId>,
    /// `[items]`, and for how many of the open group's items it holds the sum; `None` when it is something else.
    sums: Vec<f32>,
    summed: Option<usize>,
}

impl<'a> Context<'a> {
    /// An empty context.
    pub fn new(neighbours: &'a Neighbours, has_group: bool, items: usize) -> Self {
        Self {
            neighbours,
            has_group,
            group: 0,
            open: Vec::new(),
            latest: VecDeque::with_capacity(CONTEXT_EVENTS),
            sums: vec![0.0; items],
            summed: None,
        }
    }

    /// Forgets the sequence.
    pub fn forget(&mut self) {
        self.open.clear();
        self.latest.clear();
        self.summed = None;
    }

    /// Takes the next event.
    pub fn take(&mut self, event: EventView<'_>) {
        if event.group != self.group {
            self.open.clear();
            self.summed = None;
            self.group = event.group;
        }
        if event.item == UNKNOWN_ITEM {
            return;
        }
        if self.has_group {
            self.open.push(event.item);
        }
        if self.latest.len() == CONTEXT_EVENTS {
            self.latest.pop_back();
        }
        self.latest.push_front(event.item);
    }

    /// What the context says for each item: `[items]`.
    pub fn sums(&mut self, upcoming: Upcoming) -> &[f32] {
        if upcoming.group == self.group && !self.open.is_empty() {
            self.sum_open_group();
        } else {
            self.sum_latest();
        }
        &self.sums
    }

    /// A group grows item by item: only new rows are added.
    fn sum_open_group(&mut self) {
        let summed = self.summed.unwrap_or_else(|| {
            self.sums.fill(0.0);
            0
        });
        for &item in &self.open[summed..] {
            self.neighbours.add_row(item, 1.0, &mut self.sums);
        }
        self.summed = Some(self.open.len());
    }

    fn sum_latest(&mut self) {
        self.sums.fill(0.0);
        self.summed = None;
        for (age, &item) in self.latest.iter().enumerate() {
            self.neighbours.add_row(item, 1.0 / (1 + age) as f32, &mut self.sums);
        }
    }
}

/// Ranks by the context alone.
pub struct Cooccurrence<'a> {
    context: Context<'a>,
    tie_break: &'a [f32],
}

impl<'a> Cooccurrence<'a> {
    /// An empty sequence.
    pub fn new(neighbours: &'a Neighbours, has_group: bool, tie_break: &'a [f32]) -> Self {
        Self { context: Context::new(neighbours, has_group, tie_break.len()), tie_break }
    }
}

impl Scorer for Cooccurrence<'_> {
    fn reset(&mut self) -> Result<()> {
        self.context.forget();
        Ok(())
    }

    fn observe(&mut self, event: EventView<'_>) -> Result<()> {
        self.context.take(event);
        Ok(())
    }

    fn scores(&mut self, upcoming: Upcoming, out: &mut [f32]) -> Result<()> {
        let sums = self.context.sums(upcoming);
        out.iter_mut().zip(sums.iter().zip(self.tie_break)).for_each(|(out, (sum, tie))| *out = sum + tie);
        Ok(())
    }
}
