//! The fields of masked events, all at once: a linear head each, which no file keeps.
//!
//! What a head must tell are the rows that its field's value takes of its table, as `engine::input::rows` says: of a category its
//! row and of a number in buckets the shares of the two beside it, by cross-entropy; of other numbers and vectors the numbers by
//! which rows are multiplied, by half the squared error. Texts and missing values are not asked for.
//!
//! What fills a missing value (`[[field]] missing = "last"` or `"interpolate"`) stems from events beside it, hidden ones too: such a
//! field is the easier to tell.

use crate::companion::data::Dataset;
use crate::companion::train::heads::LabelAt;
use crate::companion::train::vector::{add_scaled, multiply};
use crate::engine::input::{self, Before, Table};
use crate::format::{FieldWeights, HeadWeights, Matrix, Weights};
use crate::schema::{Encoding, NumberEncoding};

/// First heads, which say nothing.
pub fn heads(fields: &[FieldWeights], hidden: usize) -> Vec<HeadWeights> {
    let head = |field: &FieldWeights| {
        let outputs = outputs(field);
        HeadWeights { weight: Matrix::zeros(outputs, hidden), bias: vec![0.0; outputs], log_variance: 0.0 }
    };
    fields.iter().map(head).collect()
}

fn outputs(field: &FieldWeights) -> usize {
    match field.encoding {
        Encoding::Category | Encoding::Number(NumberEncoding::Buckets) => field.rows.rows(),
        Encoding::Number(NumberEncoding::Linear | NumberEncoding::Periodic) => 1,
        Encoding::Vector(size) => size,
        Encoding::Text => 0,
    }
}

/// A row that the value of a masked event takes.
struct Taken {
    /// The event's number among the masked ones.
    event: usize,
    row: usize,
    factor: f32,
}

/// The sum of the masked events' losses over all fields, given the encoder's states, `[rows, hidden]`. Adds to `states_gradient`
/// and to the heads' gradients.
pub fn tell_fields(
    dataset: &Dataset,
    masked: &[LabelAt],
    weights: &Weights,
    states: &[f32],
    (states_gradient, gradient): (&mut [f32], &mut Weights),
) -> f64 {
    let mut taken: Vec<Vec<Taken>> = weights.fields.iter().map(|_| Vec::new()).collect();
    for (event, at) in masked.iter().enumerate() {
        let before = Before { previous: None, met: 0, left_out: None };
        input::rows(weights, dataset.sequences.event(at.place), before, &mut |table, row, factor| {
            if let Table::Field(place) = table {
                taken[place].push(Taken { event, row, factor });
            }
        });
    }
    let mut loss = 0.0;
    for (place, mut taken) in taken.into_iter().enumerate() {
        let missing = weights.fields[place].missing_row();
        let width = weights.heads[place].bias.len();
        taken.retain(|taken| taken.row < width && taken.row != missing);
        if !taken.is_empty() {
            loss += tell_field(place, &taken, masked, weights, states, (states_gradient, gradient));
        }
    }
    loss
}

fn tell_field(
    place: usize,
    taken: &[Taken],
    masked: &[LabelAt],
    weights: &Weights,
    states: &[f32],
    (states_gradient, gradient): (&mut [f32], &mut Weights),
) -> f64 {
    let (field, head, gradient) = (&weights.fields[place], &weights.heads[place], &mut gradient.heads[place]);
    let (width, hidden) = (head.bias.len(), head.weight.columns);
    // One row an event whose value is known.
    let mut events: Vec<usize> = taken.iter().map(|taken| taken.event).collect();
    events.dedup();
    let mut wanted = vec![0.0; events.len() * width];
    let mut number = 0;
    for taken in taken {
        number += usize::from(events[number] != taken.event);
        wanted[number * width + taken.row] = taken.factor;
    }
    let state = |event: &usize| masked[*event].row * hidden..(masked[*event].row + 1) * hidden;
    let known: Vec<f32> = events.iter().flat_map(|event| &states[state(event)]).copied().collect();
    let mut outputs = head.bias.repeat(events.len());
    let shape = [events.len(), width, hidden];
    multiply(shape, &mut outputs, &known, [hidden, 1], &head.weight.values, [1, hidden], true);
    let is_shares = matches!(field.encoding, Encoding::Category | Encoding::Number(NumberEncoding::Buckets));
    let loss_of = if is_shares { cross_entropy } else { squared_error };
    let pairs = outputs.chunks_exact_mut(width).zip(wanted.chunks_exact(width));
    let loss = pairs.map(|(outputs, wanted)| f64::from(loss_of(outputs, wanted))).sum();
    let errors = outputs;
    let shape = [width, hidden, events.len()];
    multiply(shape, &mut gradient.weight.values, &errors, [1, width], &known, [hidden, 1], true);
    errors.chunks_exact(width).for_each(|errors| add_scaled(&mut gradient.bias, errors, 1.0));
    let mut back = vec![0.0; known.len()];
    let shape = [events.len(), hidden, width];
    multiply(shape, &mut back, &errors, [width, 1], &head.weight.values, [hidden, 1], false);
    for (event, back) in events.iter().zip(back.chunks_exact(hidden)) {
        add_scaled(&mut states_gradient[state(event)], back, 1.0);
    }
    loss
}

/// Cross-entropy with shares that add up to 1; leaves its gradient in the outputs' place.
fn cross_entropy(outputs: &mut [f32], shares: &[f32]) -> f32 {
    let largest = outputs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let along: f32 = outputs.iter().zip(shares).map(|(output, share)| (output - largest) * share).sum();
    outputs.iter_mut().for_each(|output| *output = (*output - largest).exp());
    let sum: f32 = outputs.iter().sum();
    outputs.iter_mut().zip(shares).for_each(|(output, share)| *output = *output / sum - share);
    sum.ln() - along
}

/// Half the squared error; leaves its gradient in the outputs' place.
fn squared_error(outputs: &mut [f32], values: &[f32]) -> f32 {
    add_scaled(outputs, values, -1.0);
    outputs.iter().map(|error| error * error / 2.0).sum()
}
