//! Takes over what a trained model knows: items by key, fields and tasks by name, the encoder whole.

use crate::companion::train::parameters::normalise;
use crate::engine::input::Table;
use crate::error::{Error, Result};
use crate::format::{Block, HeadWeights, ItemTable, Matrix, Model, Neighbours, Weights};
use crate::schema::{Field, FieldKind, Head, HeadKind, Schema};
use crate::vocab::Vocab;
use std::fmt;

/// What was taken over.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    /// Which items: `[items]`.
    pub items: Vec<bool>,
    /// Whether scores are made of the state as they were.
    pub gates: bool,
    calendar: [bool; 2],
    repeat_counts: bool,
    /// Which fields, with all that they can be: `[fields]`.
    fields: Vec<bool>,
    /// Which tasks: `[heads]`.
    heads: Vec<bool>,
}

impl Taken {
    /// Whether an input table came whole.
    pub fn has_input(&self, table: Table) -> bool {
        match table {
            Table::Gap => true,
            Table::Hour => self.calendar[0],
            Table::Weekday => self.calendar[1],
            Table::RepeatCounts => self.repeat_counts,
            Table::Field(place) => self.fields[place],
        }
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |flags: &[bool]| format!("{} of {}", flags.iter().filter(|flag| **flag).count(), flags.len());
        let Self { items, fields, heads, .. } = self;
        write!(f, "the encoder, {} items, {} fields, {} tasks", of(items), of(fields), of(heads))
    }
}

/// Takes over what `base` has of what is to be learned. The row of an item that it does not know becomes the mean of its
/// neighbours' that it knows, where there are any.
///
/// # Errors
/// [`Error::Argument`] when the encoders differ in more than further units of their feed-forward layers.
pub fn transfer(base: &Model, schema: &Schema, vocab: &Vocab, weights: &mut Weights) -> Result<Taken> {
    let (old, from) = (&base.weights, &base.metadata.schema);
    take_blocks(&old.blocks, &mut weights.blocks)?;
    weights.start.clone_from(&old.start);
    weights.final_norm.clone_from(&old.final_norm);
    weights.gap.clone_from(&old.gap);
    let calendar = [take(&old.hour, &mut weights.hour), take(&old.weekday, &mut weights.weekday)];
    let repeat_counts = take(&old.repeat_counts, &mut weights.repeat_counts);
    let gates = from.predicts_items() && schema.predicts_items();
    if gates {
        weights.gates.clone_from(&old.gates);
        weights.gate_bias.clone_from(&old.gate_bias);
        weights.gate_open.clone_from(&old.gate_open);
        weights.repeat.clone_from(&old.repeat);
        weights.log_scale = old.log_scale;
    }
    let mut fields = Vec::new();
    for (field, to) in schema.fields.iter().zip(&mut weights.fields) {
        let known = from.fields.iter().zip(&old.fields).find(|(other, _)| other.name == field.name);
        fields.push(known.is_some_and(|(other, rows)| take_field(other, &rows.rows, field, &mut to.rows)));
    }
    let mut heads = Vec::new();
    for (head, to) in schema.heads.iter().zip(&mut weights.heads) {
        if fields.contains(&true) {
            // States differ from the first, whatever the log has.
            to.weight.values.fill(0.0);
        }
        let known = from.heads.iter().zip(&old.heads).find(|(other, _)| other.name == head.name);
        heads.push(known.is_some_and(|(other, rows)| take_head(other, rows, head, to)));
    }
    let items = take_items(base, vocab, weights);
    Ok(Taken { items, gates, calendar, repeat_counts, fields, heads })
}

fn take_blocks(from: &[Block], to: &mut [Block]) -> Result<()> {
    let differ = || {
        Error::Argument(
            "the model to go on from has another encoder than the one to learn; leave the sizes in [train] as they are there".into(),
        )
    };
    if from.len() != to.len() {
        return Err(differ());
    }
    for (from, to) in from.iter().zip(to) {
        for ((name, from), (other, to)) in from.parts().into_iter().zip(to.parts_mut()) {
            let [before, after] = [from, &*to].map(|matrix| [matrix.rows(), matrix.columns]);
            match name {
                _ if name == other && before == after => to.clone_from(from),
                // Further units, which add nothing at first: gates, then values, of each a part.
                "up" if name == other && before[0] < after[0] && before[1] == after[1] => {
                    for half in 0..2 {
                        let count = before[0] / 2 * before[1];
                        let start = half * after[0] / 2 * after[1];
                        to.values[start..start + count].copy_from_slice(&from.values[half * count..(half + 1) * count]);
                    }
                }
                "down" if name == other && before[0] == after[0] && before[1] < after[1] => {
                    to.values.fill(0.0);
                    (0..before[0]).for_each(|row| to.row_mut(row)[..before[1]].copy_from_slice(from.row(row)));
                }
                _ => return Err(differ()),
            }
        }
    }
    Ok(())
}

/// Takes over a table of the same size; tells whether it is one.
fn take(from: &Matrix, to: &mut Matrix) -> bool {
    let fits = from.values.len() == to.values.len();
    if fits {
        to.clone_from(from);
    }
    fits
}

/// Takes over a field's rows; tells whether all of them.
fn take_field(from: &Field, rows: &Matrix, field: &Field, to: &mut Matrix) -> bool {
    match (&from.kind, &field.kind) {
        (FieldKind::Category { values: known }, FieldKind::Category { values }) => {
            to.row_mut(0).copy_from_slice(rows.row(0));
            let mut all = true;
            for (place, value) in values.iter().enumerate() {
                match known.iter().position(|other| other == value) {
                    Some(old) => to.row_mut(1 + place).copy_from_slice(rows.row(1 + old)),
                    None => all = false,
                }
            }
            all
        }
        // Of text the same n-grams fall into the same rows where there are as many.
        (known, kind) => known == kind && take(rows, to),
    }
}

/// Takes over a head's outputs; tells whether all of them.
fn take_head(from: &Head, known: &HeadWeights, head: &Head, to: &mut HeadWeights) -> bool {
    let outputs = matching(from, head);
    for &(output, place) in &outputs {
        to.weight.row_mut(output).copy_from_slice(known.weight.row(place));
        to.bias[output] = known.bias[place];
    }
    if let (&HeadKind::Number { mean, std }, &HeadKind::Number { mean: new, std: unit }) = (&from.kind, &head.kind) {
        // Outputs are standardised: the same answer by another log's mean and spread.
        to.weight.values.iter_mut().for_each(|weight| *weight *= std / unit);
        to.bias[0] = (to.bias[0] * std + mean - new) / unit;
    }
    outputs.len() == head.outputs()
}

/// Which outputs of a head are which of another one's.
fn matching(from: &Head, head: &Head) -> Vec<(usize, usize)> {
    match (&from.kind, &head.kind) {
        (HeadKind::Classes { names: known, .. }, HeadKind::Classes { names, .. }) => {
            let old = |name| known.iter().position(|other| other == name);
            names.iter().enumerate().filter_map(|(place, name)| Some((place, old(name)?))).collect()
        }
        (HeadKind::Binary { .. }, HeadKind::Binary { .. }) | (HeadKind::Number { .. }, HeadKind::Number { .. }) => {
            vec![(0, 0)]
        }
        _ => Vec::new(),
    }
}

/// Each item's number in the other vocabulary.
fn numbers_in(other: &Vocab, vocab: &Vocab) -> Vec<Option<usize>> {
    let number = |item| other.id(&vocab.key(item)?).map(|id| id as usize);
    (0..vocab.len() as u32).map(number).collect()
}

/// The table of neighbours of those items that both know.
pub fn take_neighbours(base: &Model, vocab: &Vocab) -> Neighbours {
    let (table, new) = (&base.weights.neighbours, numbers_in(vocab, &base.vocab));
    let mut taken = Neighbours { offsets: vec![0], ..Neighbours::default() };
    for old in numbers_in(&base.vocab, vocab) {
        let range = old.map_or(0..0, |old| table.offsets[old] as usize..table.offsets[old + 1] as usize);
        for pair in range {
            if let Some(neighbour) = new[table.items[pair] as usize] {
                taken.items.push(neighbour as u32);
                taken.weights.push(table.weights[pair]);
            }
        }
        taken.offsets.push(taken.items.len() as u32);
        taken.scales.push(old.map_or(0.0, |old| table.scales[old]));
    }
    taken
}

/// Takes over known items' rows, and tells which they are.
fn take_items(base: &Model, vocab: &Vocab, weights: &mut Weights) -> Vec<bool> {
    let old = numbers_in(&base.vocab, vocab);
    let taken: Vec<bool> = old.iter().map(Option::is_some).collect();
    let Weights { items: ItemTable::F32(rows), item_bias, item_repeat, neighbours, .. } = weights else {
        return taken;
    };
    for (item, old) in old.iter().enumerate() {
        let Some(old) = *old else { continue };
        if rows.columns > 0 {
            base.weights.items.copy_row(old, rows.row_mut(item));
            if !matches!(base.weights.items, ItemTable::F32(_)) {
                normalise(rows.row_mut(item));
            }
        }
        (item_bias[item], item_repeat[item]) = (base.weights.item_bias[old], base.weights.item_repeat[old]);
    }
    if rows.columns > 0 && !neighbours.items.is_empty() {
        for item in (0..taken.len()).filter(|&item| !taken[item]) {
            let mut mean = vec![0.0; rows.columns];
            for (neighbour, share) in neighbours.row(item).filter(|(neighbour, _)| taken[*neighbour as usize]) {
                mean.iter_mut().zip(rows.row(neighbour as usize)).for_each(|(mean, value)| *mean += share * value);
            }
            if mean.iter().any(|&value| value != 0.0) {
                normalise(&mut mean);
                rows.row_mut(item).copy_from_slice(&mean);
            }
        }
    }
    taken
}
