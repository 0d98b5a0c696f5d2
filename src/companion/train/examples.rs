//! Windows of training sequences, and what the head needs at each of their positions.

use super::augment::Augment;
use super::buffer::Buffer;
use super::head::Position;
use super::heads::LabelAt;
use super::pretrain::masked_rows;
use super::row_gradients::RowGradients;
use super::texts::TextGradients;
use super::vector::add_scaled;
use super::worker::Plan;
use crate::companion::data::{Dataset, Part};
use crate::engine::counting::{Candidate, History};
use crate::engine::input::{self, Before, Previous, Table};
use crate::event::{EventView, NO_TIME};
use crate::format::{ItemTable, Neighbours, Weights};
use crate::vocab::{ItemId, UNKNOWN_ITEM};
use rand::{Rng, RngExt};
use std::ops::Range;

/// A stretch of one sequence. Input 0 of a sequence is its start, input i its event i - 1; input i predicts event i.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// The sequence's number.
    pub sequence: usize,
    /// Inputs, counted from the sequence's start.
    pub inputs: Range<usize>,
}

/// What the encoder is given in one step.
#[derive(Debug, Clone, Copy)]
pub enum Input {
    /// Nothing: the window has ended.
    Padding,
    /// That a sequence begins.
    Start,
    /// An event.
    Event {
        /// Its place in the data set.
        place: usize,
        /// Its item, or what stands for it: [`UNKNOWN_ITEM`] where it is hidden.
        item: ItemId,
        /// Its time, or that of the event whose place it took.
        time: i64,
        /// What came before it.
        before: Before,
    },
    /// An event of which only its time is given: pretraining asks for the rest.
    Masked {
        /// Its time.
        time: i64,
        /// The event before it.
        previous: Option<Previous>,
    },
}

/// One shard's windows, ready for encoder and head.
#[derive(Default)]
pub struct Shard {
    /// Inputs of the longest window; shorter ones are padded with zeros at their end, which causality hides.
    pub len: usize,
    /// Each window's inputs, `[windows]`.
    pub lengths: Vec<usize>,
    /// What the windows' inputs are made of, `[windows, len]`.
    pub inputs: Vec<Input>,
    /// `[windows, len, hidden]`
    pub input: Buffer,
    /// When each input's event was, `[windows, len]`.
    pub times: Vec<i64>,
    /// What to predict.
    pub positions: Vec<Position>,
    /// Own candidates of all positions.
    pub candidates: Vec<Candidate>,
    /// Events of which tasks' labels are known.
    pub labels: Vec<LabelAt>,
    /// Which values are hidden from the encoder, `[windows, len, fields]`; empty without field dropout.
    hidden: Vec<bool>,
}

impl Input {
    /// The same event when another one was, after what came before that.
    pub fn at_the_time_of(self, other: Self) -> Self {
        match (self, other) {
            (
                Self::Event { place, item, time: _, before },
                Self::Event { time, before: Before { previous, .. }, .. },
            ) => Self::Event { place, item, time, before: Before { previous, ..before } },
            _ => self,
        }
    }

    fn of(dataset: &Dataset, history: &History, first_event: usize, input: usize) -> Self {
        if input == 0 {
            return Self::Start;
        }
        let place = first_event + input - 1;
        let sequences = &dataset.sequences;
        let item = sequences.items[place];
        let previous = (place > first_event).then(|| Previous {
            time: sequences.times[place - 1],
            same_group: dataset.schema.has_group && sequences.groups[place - 1] == sequences.groups[place],
        });
        // The history has counted the event itself.
        let met = if item == UNKNOWN_ITEM { 0 } else { history.times_met(item) - 1 };
        Self::Event { place, item, time: sequences.times[place], before: Before { previous, met, left_out: None } }
    }
}

impl Shard {
    /// Gathers a shard's examples, the encoder's inputs changed by `augment`; the events of the plan's part are to be predicted,
    /// if not in pretraining.
    pub fn gather(
        &mut self,
        plan: &Plan<'_>,
        windows: &[Window],
        augment: Augment,
        history: &mut History,
        rng: &mut impl Rng,
    ) {
        let Plan { dataset, config, held_out, part, pretext, .. } = *plan;
        self.len = windows.iter().map(|window| window.inputs.len()).max().unwrap_or(0);
        self.lengths.clear();
        self.inputs.clear();
        self.positions.clear();
        self.candidates.clear();
        self.labels.clear();
        let predicts_items = dataset.schema.predicts_items() && pretext.is_none();
        let answers_tasks = pretext.is_none();
        // What the history has counted: windows that follow each other in a sequence go on from there.
        let mut counted = 0..0;
        for (number, window) in windows.iter().enumerate() {
            let Range { start: first_event, end } = dataset.sequences.range(window.sequence);
            let begin = window.inputs.start + augment.begin(window.inputs.len(), rng);
            if counted.start != first_event || counted.end > first_event + begin || counted.is_empty() {
                history.reset();
                counted = first_event..first_event;
            }
            for place in counted.end..first_event + begin {
                history.observe(dataset.sequences.event(place));
            }
            counted.end = (first_event + window.inputs.end).min(end);
            let first_row = number * self.len;
            for input in begin..window.inputs.end {
                let place = first_event + input;
                if input == begin || !augment.drops(rng) {
                    self.inputs.push(Input::of(dataset, history, first_event, input));
                }
                if answers_tasks && input > 0 && dataset.sequences.parts[place - 1] == part {
                    self.label(dataset, place - 1);
                }
                if place == end {
                    break;
                }
                if predicts_items && dataset.sequences.parts[place] == part {
                    let neighbours = held_out.table(window.sequence, dataset.sequences.times[place]);
                    self.predict(dataset, place, self.inputs.len() - 1, history, neighbours);
                }
                history.observe(dataset.sequences.event(place));
            }
            let begun = (first_event + begin).min(end - 1);
            let neighbours = held_out.table(window.sequence, dataset.sequences.times[begun]);
            augment.change(&mut self.inputs[first_row..], neighbours, rng);
            self.lengths.push(self.inputs.len() - first_row);
            self.inputs.resize(first_row + self.len, Input::Padding);
        }
        let share = if part == Part::Train { config.field_dropout } else { 0.0 };
        self.hide(dataset.schema.fields.len(), share, rng);
    }

    /// Hides values at random: the share of `[train] field_dropout`, where the encoder learns.
    fn hide(&mut self, fields: usize, share: f32, rng: &mut impl Rng) {
        self.hidden.clear();
        if share > 0.0 {
            self.hidden.extend((0..self.inputs.len() * fields).map(|_| rng.random::<f32>() < share));
        }
    }

    /// What `engine::input::rows` tells of the event that the input of a number is, of a hidden value the row of missing ones.
    fn rows(
        &self,
        weights: &Weights,
        input: usize,
        (event, before): (EventView<'_>, Before),
        take: &mut dyn FnMut(Table, usize, f32),
    ) {
        let fields = weights.fields.len();
        let hidden = self.hidden.get(input * fields..(input + 1) * fields).unwrap_or_default();
        let is_hidden = |table| matches!(table, Table::Field(place) if hidden.get(place) == Some(&true));
        input::rows(weights, event, before, &mut |table, row, factor| {
            if !is_hidden(table) {
                take(table, row, factor);
            }
        });
        for (place, field) in weights.fields.iter().enumerate().filter(|(place, _)| is_hidden(Table::Field(*place))) {
            take(Table::Field(place), field.missing_row(), 1.0);
        }
    }

    /// The items of the gathered inputs.
    pub fn input_items(&self) -> impl Iterator<Item = ItemId> {
        let item = |input: &Input| if let Input::Event { item, .. } = input { Some(*item) } else { None };
        self.inputs.iter().filter_map(item).filter(|&item| item != UNKNOWN_ITEM)
    }

    /// Writes the gathered inputs: what `engine::input::write` does, and of an event whose item is hidden the rest.
    pub fn write_inputs(&mut self, dataset: &Dataset, weights: &Weights) {
        let hidden = weights.final_norm.len();
        self.times.clear();
        self.times.resize(self.inputs.len(), NO_TIME);
        self.input = Buffer::zeros(self.inputs.len() * hidden);
        let ItemTable::F32(items) = &weights.items else { return };
        let mut written = std::mem::take(&mut self.input);
        for (row, input) in self.inputs.iter().enumerate() {
            let out = &mut written[row * hidden..(row + 1) * hidden];
            match *input {
                Input::Padding => {}
                Input::Start => out.copy_from_slice(&weights.start),
                Input::Event { place, item, time, before } => {
                    let event = EventView { time, ..dataset.sequences.event(place) };
                    self.times[row] = time;
                    if item != UNKNOWN_ITEM {
                        add_scaled(out, items.row(item as usize), (hidden as f32).sqrt());
                    }
                    self.rows(weights, row, (event, before), &mut |table, row, factor| {
                        add_scaled(out, table.of(weights).row(row), factor);
                    });
                }
                Input::Masked { time, previous } => {
                    self.times[row] = time;
                    masked_rows(weights, time, previous, &mut |table, row, factor| {
                        add_scaled(out, table.of(weights).row(row), factor);
                    });
                }
            }
        }
        self.input = written;
    }

    /// Takes the gradient of the input, `[windows, len, hidden]`, back to the tables that it was summed from.
    pub fn backward(
        &self,
        dataset: &Dataset,
        weights: &Weights,
        input_gradient: &[f32],
        gradient: &mut Weights,
        (rows, texts): (&mut RowGradients, &mut TextGradients),
    ) {
        let hidden = weights.final_norm.len();
        for (place_of_input, part) in input_gradient.chunks_exact(hidden.max(1)).enumerate() {
            match self.inputs[place_of_input] {
                Input::Padding => {}
                Input::Start => add_scaled(&mut gradient.start, part, 1.0),
                Input::Event { place, item, time, before } => {
                    if item != UNKNOWN_ITEM {
                        add_scaled(&mut rows.row_mut(item)[..hidden], part, (hidden as f32).sqrt());
                    }
                    let event = EventView { time, ..dataset.sequences.event(place) };
                    self.rows(weights, place_of_input, (event, before), &mut |table, row, factor| {
                        let is_text = matches!(table, Table::Field(field) if texts.take(field, row, part, factor));
                        if !is_text {
                            add_scaled(table.of_mut(gradient).row_mut(row), part, factor);
                        }
                    });
                }
                Input::Masked { time, previous } => {
                    masked_rows(weights, time, previous, &mut |table, row, factor| {
                        add_scaled(table.of_mut(gradient).row_mut(row), part, factor);
                    });
                }
            }
        }
    }

    /// Notes the labels of the event at a place, which the latest input is.
    fn label(&mut self, dataset: &Dataset, place: usize) {
        let sequences = &dataset.sequences;
        if sequences.items[place] != UNKNOWN_ITEM && sequences.labels(place).iter().any(|label| !label.is_nan()) {
            self.labels.push(LabelAt { row: self.inputs.len() - 1, place });
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
