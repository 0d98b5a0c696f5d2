//! What of a file stems from few sequences, whatever attacks find.

use crate::companion::data::Dataset;
use crate::companion::train::REACH;
use crate::format::{Context, Model};
use crate::vocab::ItemId;
use serde::Serialize;
use std::collections::HashMap;

/// Rare items that are named.
const NAMED: usize = 10;

/// Items and neighbours of a file that few sequences stand behind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Exposure {
    /// Fewer sequences than this are few.
    pub few: usize,
    /// Items in the file.
    pub items: usize,
    /// Of these, such that few sequences have in training.
    pub rare_items: usize,
    /// Some of these, the rarest first, with how many sequences have them.
    pub rarest: Vec<(String, usize)>,
    /// Neighbours in the file.
    pub neighbours: usize,
    /// Of these, such that only few sequences have beside their item.
    pub rare_neighbours: usize,
    /// Of these, such that one sequence alone has.
    pub single_neighbours: usize,
}

impl Exposure {
    /// Counts sequences behind a model of this log.
    pub fn of(dataset: &Dataset, model: &Model, few: usize) -> Self {
        let sequences = &dataset.sequences;
        let mut of_item = vec![0; dataset.vocab.len()];
        let mut pairs = Pairs::of(model);
        for sequence in 0..sequences.len() {
            let event = |place: usize| (sequences.groups[place], sequences.items[place]);
            let events: Vec<(u32, ItemId)> = dataset.training_events(sequence).map(event).collect();
            let mut items: Vec<ItemId> = events.iter().map(|&(_, item)| item).collect();
            items.sort_unstable();
            items.dedup();
            items.iter().for_each(|&item| of_item[item as usize] += 1);
            pairs.count(sequence, &events);
        }
        let mut rare: Vec<usize> = (0..of_item.len()).filter(|&item| of_item[item] < few).collect();
        rare.sort_by_key(|&item| of_item[item]);
        let key = |item: usize| dataset.vocab.key(item as ItemId).unwrap_or_default();
        Self {
            few,
            items: of_item.len(),
            rare_items: rare.len(),
            rarest: rare.iter().take(NAMED).map(|&item| (key(item), of_item[item])).collect(),
            neighbours: pairs.counts.len(),
            rare_neighbours: pairs.counts.iter().filter(|&&count| (count as usize) < few).count(),
            single_neighbours: pairs.counts.iter().filter(|&&count| count == 1).count(),
        }
    }
}

/// The file's neighbours, and how many sequences have each.
struct Pairs {
    places: HashMap<(ItemId, ItemId), u32>,
    counts: Vec<u32>,
    /// The sequence that was counted last for each, plus 1.
    last: Vec<usize>,
    context: Context,
}

impl Pairs {
    fn of(model: &Model) -> Self {
        let neighbours = &model.weights.neighbours;
        let items = 0..model.vocab.len();
        let pairs = items.flat_map(|item| neighbours.row(item).map(move |(other, _)| (item as ItemId, other)));
        let places: HashMap<_, _> = pairs.zip(0..).collect();
        let (counts, last) = (vec![0; places.len()], vec![0; places.len()]);
        Self { places, counts, last, context: model.metadata.architecture.counting.context }
    }

    fn count(&mut self, sequence: usize, events: &[(u32, ItemId)]) {
        match self.context {
            Context::OpenGroup => {
                for group in events.chunk_by(|a, b| a.0 == b.0) {
                    for &(_, item) in group {
                        group.iter().for_each(|&(_, other)| self.meet(sequence, item, other));
                    }
                }
            }
            Context::LastEvents => {
                for (place, &(_, item)) in events.iter().enumerate() {
                    for &(_, other) in &events[place + 1..events.len().min(place + REACH)] {
                        self.meet(sequence, item, other);
                        self.meet(sequence, other, item);
                    }
                }
            }
        }
    }

    fn meet(&mut self, sequence: usize, item: ItemId, other: ItemId) {
        let Some(&place) = self.places.get(&(item, other)) else { return };
        let place = place as usize;
        if std::mem::replace(&mut self.last[place], sequence + 1) != sequence + 1 {
            self.counts[place] += 1;
        }
    }
}
