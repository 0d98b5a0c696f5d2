//! Windows of training sequences, and what the head needs at each of their positions.

use super::head::Position;
use super::held_out::HeldOut;
use super::optimizer::RowGradients;
use super::vector::add_scaled;
use crate::companion::data::{Dataset, Part};
use crate::engine::counting::{Candidate, History};
use crate::engine::input::{self, Previous};
use crate::event::NO_TIME;
use crate::format::{FieldWeights, Neighbours, Weights};
use crate::vocab::{ItemId, UNKNOWN_ITEM};
use std::ops::Range;

/// A stretch of one sequence. Input 0 of a sequence is its start, input i its event i - 1; input i predicts event i.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// The sequence's number.
    pub sequence: usize,
    /// Inputs, counted from the sequence's start.
    pub inputs: Range<usize>,
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
    /// What to predict.
    pub positions: Vec<Position>,
    /// Own candidates of all positions.
    pub candidates: Vec<Candidate>,
}

impl Shard {
    /// Gathers a shard's examples; the events of `part` are to be predicted.
    pub fn gather(
        &mut self,
        dataset: &Dataset,
        windows: &[Window],
        history: &mut History,
        held_out: &HeldOut,
        part: Part,
    ) {
        self.len = windows.iter().map(|window| window.inputs.len()).max().unwrap_or(0);
        self.positions.clear();
        self.candidates.clear();
        for (row, window) in windows.iter().enumerate() {
            let first_event = dataset.sequences.range(window.sequence).start;
            history.reset();
            for place in first_event..first_event + window.inputs.start {
                history.observe(dataset.sequences.event(place));
            }
            for (column, input) in window.inputs.clone().enumerate() {
                let place = first_event + input;
                let neighbours = held_out.table(window.sequence, dataset.sequences.times[place]);
                if dataset.sequences.parts[place] == part {
                    self.predict(dataset, place, row * self.len + column, history, neighbours);
                }
                history.observe(dataset.sequences.event(place));
            }
        }
    }

    /// Writes the gathered windows' inputs.
    pub fn write_inputs(&mut self, dataset: &Dataset, weights: &Weights, windows: &[Window]) {
        let hidden = weights.final_norm.len();
        self.input.clear();
        self.input.resize(windows.len() * self.len * hidden, 0.0);
        self.times.clear();
        self.times.resize(windows.len() * self.len, NO_TIME);
        for (row, window) in windows.iter().enumerate() {
            let first_event = dataset.sequences.range(window.sequence).start;
            for (place, input) in (row * self.len..).zip(window.inputs.clone()) {
                let out = &mut self.input[place * hidden..(place + 1) * hidden];
                self.times[place] = write_input(dataset, weights, first_event, input, out);
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

/// The items of a window's inputs.
pub fn input_items(dataset: &Dataset, window: &Window) -> impl Iterator<Item = ItemId> {
    let first_event = dataset.sequences.range(window.sequence).start;
    let events = window.inputs.start.saturating_sub(1)..window.inputs.end.saturating_sub(1);
    let items = &dataset.sequences.items[first_event + events.start..first_event + events.end];
    items.iter().copied().filter(|&item| item != UNKNOWN_ITEM)
}

/// Writes an input and tells its time.
fn write_input(dataset: &Dataset, weights: &Weights, first_event: usize, input: usize, out: &mut [f32]) -> i64 {
    if input == 0 {
        out.copy_from_slice(&weights.start);
        return NO_TIME;
    }
    let place = first_event + input - 1;
    let event = dataset.sequences.event(place);
    input::write(weights, event, previous(dataset, first_event, place), out);
    event.time
}

fn previous(dataset: &Dataset, first_event: usize, place: usize) -> Option<Previous> {
    (place > first_event).then(|| Previous {
        time: dataset.sequences.times[place - 1],
        same_group: dataset.schema.has_group && dataset.sequences.groups[place - 1] == dataset.sequences.groups[place],
    })
}

/// Takes the gradient of a shard's input, `[windows, len, hidden]`, back to the tables that it was summed from.
pub fn input_backward(
    dataset: &Dataset,
    windows: &[Window],
    len: usize,
    input_gradient: &[f32],
    gradient: &mut Weights,
    rows: &mut RowGradients,
) {
    let hidden = gradient.final_norm.len();
    if hidden == 0 {
        return;
    }
    for (row, window) in windows.iter().enumerate() {
        let first_event = dataset.sequences.range(window.sequence).start;
        let parts = input_gradient[row * len * hidden..(row + 1) * len * hidden].chunks_exact(hidden);
        for (input, part) in window.inputs.clone().zip(parts) {
            if input == 0 {
                add_scaled(&mut gradient.start, part, 1.0);
                continue;
            }
            let place = first_event + input - 1;
            let event = dataset.sequences.event(place);
            if event.item != UNKNOWN_ITEM {
                add_scaled(&mut rows.row_mut(event.item)[..hidden], part, (hidden as f32).sqrt());
            }
            let gap = input::gap_bucket(previous(dataset, first_event, place), event.time);
            add_scaled(gradient.gap.row_mut(gap), part, 1.0);
            for (field, &code) in gradient.fields.iter_mut().zip(event.fields) {
                match field {
                    FieldWeights::Category(table) => {
                        let row = input::category_row(table, code);
                        add_scaled(table.row_mut(row), part, 1.0);
                    }
                    FieldWeights::Number { missing, .. } if code.is_nan() => add_scaled(missing, part, 1.0),
                    FieldWeights::Number { weight, .. } => add_scaled(weight, part, code),
                }
            }
        }
    }
}
