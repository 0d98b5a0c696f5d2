//! Cuts training sequences into windows and gathers what the head needs at each of their positions.

use super::head::Position;
use super::held_out::HeldOut;
use super::optimizer::RowGradients;
use super::random::{Purpose, stream};
use super::vector::add_scaled;
use crate::companion::data::{Dataset, Part};
use crate::engine::counting::{Candidate, History};
use crate::engine::input::{self, Before, Previous};
use crate::event::NO_TIME;
use crate::format::{Neighbours, Weights};
use crate::vocab::UNKNOWN_ITEM;
use rand::RngExt;
use rand::seq::SliceRandom;
use std::ops::Range;

/// A stretch of one sequence. Input 0 of a sequence is its start, input i its event i - 1; input i predicts event i.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// The sequence's number.
    pub sequence: usize,
    /// Inputs, counted from the sequence's start.
    pub inputs: Range<usize>,
}

/// Windows that are sorted by length together: padding stays small and the order random.
const STRETCH: usize = 2048;

/// An epoch's windows, in batches of about `batch_events` events and of about equal length, in random order.
///
/// Each sequence is cut at a random offset, so that an event stands at another place in each epoch.
pub fn epoch_batches(dataset: &Dataset, len: usize, batch_events: usize, seed: u64, epoch: u64) -> Vec<Vec<Window>> {
    let mut rng = stream(seed, Purpose::Windows, epoch, 0);
    let mut windows = Vec::new();
    for sequence in 0..dataset.sequences.len() {
        let range = dataset.sequences.range(sequence);
        let trained = dataset.sequences.parts[range].iter().rposition(|&part| part == Part::Train);
        let inputs = trained.map_or(0, |last| last + 1);
        let offset = if inputs > len { rng.random_range(0..len) } else { len };
        let mut start = 0;
        while start < inputs {
            let end = if start == 0 && offset > 0 { offset } else { start + len }.min(inputs);
            windows.push(Window { sequence, inputs: start..end });
            start = end;
        }
    }
    windows.shuffle(&mut rng);
    for stretch in windows.chunks_mut(STRETCH) {
        stretch.sort_by_key(|window| window.inputs.len());
    }
    let mut batches = Vec::new();
    let (mut batch, mut events) = (Vec::new(), 0);
    for window in windows {
        events += window.inputs.len();
        batch.push(window);
        if events >= batch_events {
            batches.push(std::mem::take(&mut batch));
            events = 0;
        }
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches.shuffle(&mut rng);
    batches
}

/// One shard's windows, ready for encoder and head.
#[derive(Default)]
pub struct Shard {
    /// Inputs of the longest window; shorter ones are padded with zeros at their end, which causality hides.
    pub len: usize,
    /// `[windows, len, hidden]`
    pub input: Vec<f32>,
    /// When each input's event was, `[windows, len]`.
    pub times: Vec<i64>,
    /// How often each input's item was met before, `[windows, len]`.
    met: Vec<u32>,
    /// What to predict.
    pub positions: Vec<Position>,
    /// Own candidates of all positions.
    pub candidates: Vec<Candidate>,
}

impl Shard {
    /// Gathers a shard; the events of `part` are to be predicted.
    pub fn gather(
        &mut self,
        dataset: &Dataset,
        weights: &Weights,
        windows: &[Window],
        history: &mut History,
        held_out: &HeldOut,
        part: Part,
    ) {
        let hidden = weights.final_norm.len();
        self.len = windows.iter().map(|window| window.inputs.len()).max().unwrap_or(0);
        self.input.clear();
        self.input.resize(windows.len() * self.len * hidden, 0.0);
        self.times.clear();
        self.times.resize(windows.len() * self.len, NO_TIME);
        self.met.clear();
        self.met.resize(windows.len() * self.len, 0);
        self.positions.clear();
        self.candidates.clear();
        for (number, window) in windows.iter().enumerate() {
            let first_event = dataset.sequences.range(window.sequence).start;
            history.reset();
            for place in first_event..first_event + window.inputs.start {
                history.observe(dataset.sequences.event(place));
            }
            for (row, input) in (number * self.len..).zip(window.inputs.clone()) {
                let place = first_event + input;
                self.write_input(dataset, weights, history, first_event, input, row);
                let neighbours = held_out.table(window.sequence, dataset.sequences.times[place]);
                if dataset.sequences.parts[place] == part {
                    self.predict(dataset, place, row, history, neighbours);
                }
                history.observe(dataset.sequences.event(place));
            }
        }
    }

    /// Writes an input and what it is made of; `history` has counted its event, but none after it.
    fn write_input(
        &mut self,
        dataset: &Dataset,
        weights: &Weights,
        history: &History,
        first_event: usize,
        input: usize,
        row: usize,
    ) {
        let hidden = weights.final_norm.len();
        let out = &mut self.input[row * hidden..(row + 1) * hidden];
        if input == 0 {
            out.copy_from_slice(&weights.start);
            return;
        }
        let place = first_event + input - 1;
        let event = dataset.sequences.event(place);
        let met = history.times_met(event.item) - 1;
        input::write(weights, event, before(dataset, first_event, place, met), out);
        (self.times[row], self.met[row]) = (event.time, met);
    }

    /// Takes the gradient of the input, `[windows, len, hidden]`, back to the tables that it was summed from.
    pub fn backward(
        &self,
        dataset: &Dataset,
        weights: &Weights,
        windows: &[Window],
        input_gradient: &[f32],
        gradient: &mut Weights,
        rows: &mut RowGradients,
    ) {
        let hidden = weights.final_norm.len();
        if hidden == 0 {
            return;
        }
        for (number, window) in windows.iter().enumerate() {
            let first_event = dataset.sequences.range(window.sequence).start;
            for (row, input) in (number * self.len..).zip(window.inputs.clone()) {
                let part = &input_gradient[row * hidden..(row + 1) * hidden];
                if input == 0 {
                    add_scaled(&mut gradient.start, part, 1.0);
                    continue;
                }
                let place = first_event + input - 1;
                let event = dataset.sequences.event(place);
                add_scaled(&mut rows.row_mut(event.item)[..hidden], part, (hidden as f32).sqrt());
                let before = before(dataset, first_event, place, self.met[row]);
                input::rows(weights, event, before, &mut |table, row, factor| {
                    add_scaled(table.of_mut(gradient).row_mut(row), part, factor);
                });
            }
        }
    }

    fn predict(&mut self, dataset: &Dataset, place: usize, row: usize, history: &mut History, neighbours: &Neighbours) {
        let event = dataset.sequences.event(place);
        if event.item == UNKNOWN_ITEM {
            return;
        }
        let start = self.candidates.len();
        self.candidates.extend_from_slice(history.candidates(event.group, neighbours));
        self.positions.push(Position {
            row,
            target: event.item,
            open_size: history.open_size(event.group),
            candidates: start..self.candidates.len(),
        });
    }
}

fn before(dataset: &Dataset, first_event: usize, place: usize, met: u32) -> Before {
    let previous = (place > first_event).then(|| Previous {
        time: dataset.sequences.times[place - 1],
        same_group: dataset.schema.has_group && dataset.sequences.groups[place - 1] == dataset.sequences.groups[place],
    });
    Before { previous, met }
}
