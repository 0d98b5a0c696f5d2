//! Which items follow or accompany which, counted over the training events, row by row.

use super::popularity::training_places;
use crate::companion::data::{Dataset, Part};
use crate::companion::evaluate::stream::sequence_at;
use crate::vocab::{ItemId, UNKNOWN_ITEM};
use rayon::prelude::*;
use std::ops::Range;

/// A sparse matrix: what each item (row) says for others.
pub struct Neighbours {
    offsets: Vec<usize>,
    items: Vec<ItemId>,
    weights: Vec<f32>,
}

/// What counts as a neighbour of an event, and how much.
#[derive(Clone, Copy)]
pub enum Rule {
    /// Events that follow within `reach`, by 1/distance.
    Following {
        /// The largest distance.
        reach: usize,
    },
    /// The other items of the event's group, as a share of the item's events.
    SameGroup,
}

/// One thread's dense sums, and which of them are in use.
struct Row {
    sums: Vec<f32>,
    touched: Vec<ItemId>,
}

impl Neighbours {
    /// Counts over the training events.
    pub fn count(dataset: &Dataset, rule: Rule) -> Self {
        let items = dataset.vocab.len();
        let (starts, places) = occurrences(dataset);
        let rows: Vec<Vec<(ItemId, f32)>> = (0..items)
            .into_par_iter()
            .map_init(
                || Row { sums: vec![0.0; items], touched: Vec::new() },
                |row, item| {
                    let own = &places[starts[item]..starts[item + 1]];
                    own.iter().for_each(|&place| row.add_neighbours(dataset, place as usize, rule));
                    row.finish(item, rule, own.len())
                },
            )
            .collect();
        let mut neighbours = Self { offsets: vec![0], items: Vec::new(), weights: Vec::new() };
        for (item, weight) in rows.iter().flatten() {
            neighbours.items.push(*item);
            neighbours.weights.push(*weight);
        }
        neighbours.offsets.extend(rows.iter().scan(0, |end, row| {
            *end += row.len();
            Some(*end)
        }));
        neighbours
    }

    /// Adds `weight` times an item's row to `out`, `[items]`.
    pub fn add_row(&self, item: ItemId, weight: f32, out: &mut [f32]) {
        let row = self.offsets[item as usize]..self.offsets[item as usize + 1];
        for (&other, own) in self.items[row.clone()].iter().zip(&self.weights[row]) {
            out[other as usize] += weight * own;
        }
    }
}

/// The places of the training events by item: where each item's begin, `[items + 1]`, and the places (a log has fewer than
/// 4 billion events).
fn occurrences(dataset: &Dataset) -> (Vec<usize>, Vec<u32>) {
    let item_at = |place: usize| dataset.sequences.items[place] as usize;
    let mut starts = vec![0; dataset.vocab.len() + 1];
    training_places(dataset).for_each(|place| starts[item_at(place) + 1] += 1);
    for item in 1..starts.len() {
        starts[item] += starts[item - 1];
    }
    let mut next = starts.clone();
    let mut places = vec![0; next[next.len() - 1]];
    for place in training_places(dataset) {
        places[next[item_at(place)]] = place as u32;
        next[item_at(place)] += 1;
    }
    (starts, places)
}

impl Row {
    fn add_neighbours(&mut self, dataset: &Dataset, place: usize, rule: Rule) {
        let sequence = dataset.sequences.range(sequence_at(&dataset.sequences, place));
        match rule {
            Rule::Following { reach } => {
                let last = sequence.end.min(place + reach + 1);
                (place + 1..last).for_each(|other| self.add(dataset, other, 1.0 / (other - place) as f32));
            }
            Rule::SameGroup => {
                group_around(dataset, place, sequence).for_each(|other| self.add(dataset, other, 1.0));
            }
        }
    }

    fn add(&mut self, dataset: &Dataset, place: usize, weight: f32) {
        let item = dataset.sequences.items[place];
        if dataset.sequences.parts[place] != Part::Train || item == UNKNOWN_ITEM {
            return;
        }
        let sum = &mut self.sums[item as usize];
        if *sum == 0.0 {
            self.touched.push(item);
        }
        *sum += weight;
    }

    /// Takes the row out; the sums are 0 again.
    fn finish(&mut self, item: usize, rule: Rule, events: usize) -> Vec<(ItemId, f32)> {
        self.touched.sort_unstable();
        let sums = &mut self.sums;
        let row = self.touched.drain(..).map(|other| (other, std::mem::take(&mut sums[other as usize])));
        match rule {
            Rule::Following { .. } => row.collect(),
            Rule::SameGroup => row
                .filter(|&(other, _)| other as usize != item)
                .map(|(other, sum)| (other, sum / events as f32))
                .collect(),
        }
    }
}

/// The places of the group that holds `place`.
fn group_around(dataset: &Dataset, place: usize, sequence: Range<usize>) -> Range<usize> {
    let groups = &dataset.sequences.groups[sequence.clone()];
    let group = dataset.sequences.groups[place];
    // Groups rise within a sequence.
    sequence.start + groups.partition_point(|&other| other < group)
        ..sequence.start + groups.partition_point(|&other| other <= group)
}
