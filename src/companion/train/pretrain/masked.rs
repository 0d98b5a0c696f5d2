//! Masked events: of some of a window's events the encoder is given the time alone, and their items and fields must be told from
//! the events before and after (Cloze task; BERT4Rec, Sun et al. 2019, arXiv 1904.06690).
//!
//! The item is asked for by the loss of `[train]`, over rows and popularity alone: counting would know a hidden item from where
//! it comes again.

use crate::companion::data::{Dataset, Part};
use crate::companion::train::examples::{Input, Shard};
use crate::companion::train::head::Position;
use crate::companion::train::heads::LabelAt;
use crate::engine::input::{self, Before, Previous, Table};
use crate::event::EventView;
use crate::format::{GAP_BUCKETS, Weights};
use crate::vocab::UNKNOWN_ITEM;
use rand::Rng;
use rand::seq::SliceRandom;

/// The mask's row: one more of the table of gaps, while pretraining lasts.
const MASK_ROW: usize = GAP_BUCKETS;

/// Hides a share of each window's training events, at least one, and asks for them.
pub fn hide(shard: &mut Shard, dataset: &Dataset, share: f32, rng: &mut impl Rng) {
    let Shard { len, lengths, inputs, positions, labels, .. } = shard;
    let sequences = &dataset.sequences;
    for (window, &length) in lengths.iter().enumerate() {
        let first = window * *len;
        let mut events: Vec<(usize, usize)> = Vec::new();
        for (row, input) in inputs.iter_mut().enumerate().skip(first).take(length) {
            let Input::Event { place, item, before, .. } = input else { continue };
            // How often an item was met before would tell of an earlier one that is hidden.
            before.met = 0;
            if *item != UNKNOWN_ITEM && sequences.parts[*place] == Part::Train {
                events.push((row, *place));
            }
        }
        if events.is_empty() {
            continue;
        }
        let count = (share * events.len() as f32).round().max(1.0) as usize;
        let (hidden, _) = events.partial_shuffle(rng, count);
        hidden.sort_unstable();
        for &mut (row, place) in hidden {
            if let Input::Event { time, before, .. } = inputs[row] {
                inputs[row] = Input::Masked { time, previous: before.previous };
            }
            positions.push(Position { row, target: sequences.items[place], open_size: 0, candidates: 0..0 });
            labels.push(LabelAt { row, place });
        }
    }
}

/// Tells `take` each row that a masked event's input is summed from, and what it is multiplied with: its time's and the mask's.
pub fn masked_rows(weights: &Weights, time: i64, previous: Option<Previous>, take: &mut dyn FnMut(Table, usize, f32)) {
    let event = EventView { item: UNKNOWN_ITEM, time, group: 0, fields: &[] };
    input::rows(weights, event, Before { previous, met: 0, left_out: None }, &mut |table, row, factor| {
        if matches!(table, Table::Gap | Table::Hour | Table::Weekday) {
            take(table, row, factor);
        }
    });
    take(Table::Gap, MASK_ROW, 1.0);
}
