//! From a field's column to the schema's field and the events' codes; only training events decide on the schema.

use super::clean::Cleaned;
use super::column::{Column, Spool, Store};
use super::dataset::Part;
use super::interpolate;
use super::names::MISSING;
use super::report::Rule;
use super::table::{FieldColumn, Keys, Table};
use super::vectors;
use crate::companion::config::{Config, FieldChoice, FieldConfig, Filling};
use crate::schema::{Field, FieldKind, Missing, Number, NumberEncoding, Schema, Vector};
use crate::text;
use crate::vocab::{ItemId, UNKNOWN_ITEM};
use anyhow::{Context, Result, bail};
use std::collections::HashMap;

/// Below this a column counts as constant.
pub const SMALLEST_STD: f64 = 1e-6;
pub const MIN_COUNT: usize = 5;
/// Buckets of a number, each with as many training events.
const BUCKETS: usize = 16;
/// Rows of a text's table, where the configuration names no other number.
const BUCKETS_OF_TEXT: usize = 1 << 14;

/// The schema's fields, as the training events, at these rows of the table, have them.
///
/// # Errors
/// When vectors have different sizes, or there are none.
pub fn fields(configs: &[FieldConfig], columns: &[FieldColumn], rows: &[u32], parts: &[Part]) -> Result<Vec<Field>> {
    let training = rows.iter().zip(parts).filter(|(_, part)| **part == Part::Train).map(|(&row, _)| row as usize);
    let field = |(config, column): (&FieldConfig, &FieldColumn)| {
        let FieldConfig { name, kind, min_count, encoding, buckets, missing } = config;
        let kind = match (kind, column) {
            (FieldChoice::Text, _) => FieldKind::Text { buckets: buckets.unwrap_or(BUCKETS_OF_TEXT) },
            (FieldChoice::Vector, FieldColumn::Category(keys)) => FieldKind::Vector(
                vectors::spread(keys, training.clone()).with_context(|| format!("[[field]] {name:?}"))?,
            ),
            (_, FieldColumn::Category(keys)) => {
                let known = known(keys, training.clone(), min_count.unwrap_or(MIN_COUNT));
                FieldKind::Category { values: known.iter().map(|&id| keys.names.get(id).to_owned()).collect() }
            }
            (_, FieldColumn::Number { values, .. }) => {
                let numbers = training.clone().map(|row| values[row]).filter(|number| number.is_finite());
                FieldKind::Number(number(numbers, encoding.unwrap_or_default()))
            }
        };
        let missing = if *missing == Filling::Row { Missing::Row } else { Missing::Last };
        Ok(Field { name: name.clone(), kind, missing })
    };
    configs.iter().zip(columns).map(field).collect()
}

/// What turns the rows of a column into codes.
enum Coder<'a> {
    Category {
        codes: Vec<f32>,
        ids: &'a [u32],
    },
    Number {
        values: &'a [f32],
        number: &'a Number,
    },
    Text {
        keys: &'a Keys,
        buckets: usize,
    },
    /// And how many cells are no such vectors, the first of them.
    Vector {
        keys: &'a Keys,
        vector: &'a Vector,
        broken: u64,
        first_broken: Option<&'a str>,
    },
}

/// The codes of the cleaned events, see [`Sequences`].
///
/// [`Sequences`]: super::dataset::Sequences
pub struct Codes {
    pub all: Column<f32>,
    /// Where each event's end, unless all have as many.
    pub ends: Column<u64>,
    /// How many cells could not be read.
    pub notes: Vec<Rule>,
}

/// Codes the cleaned events.
///
/// # Errors
/// When a column is of another kind than its field, or the disk refuses.
pub fn codes(
    config: &Config,
    schema: &Schema,
    table: &Table,
    cleaned: &Cleaned,
    parts: &[Part],
    items: &[ItemId],
    store: &Store,
) -> Result<Codes> {
    let coders = schema.fields.iter().zip(&table.fields);
    let mut coders = coders.map(|(field, column)| Coder::new(field, column)).collect::<Result<Vec<_>>>()?;
    let vary = schema.fields.iter().any(|field| matches!(field.kind, FieldKind::Text { .. }));
    let (mut all, mut ends) = (Spool::new(store), Spool::new(store));
    let (mut codes, mut before) = (Vec::new(), Vec::new());
    for sequence in cleaned.offsets.windows(2) {
        let places = sequence[0] as usize..sequence[1] as usize;
        let filled = interpolate::fill(&config.fields, table, &cleaned.rows[places.clone()], &parts[places.clone()]);
        before.clear();
        for place in places.clone() {
            codes.clear();
            for (field, coder) in coders.iter_mut().enumerate() {
                match filled.get(&(place - places.start, field)) {
                    Some(&value) => coder.push_number(value, &mut codes),
                    None => coder.push(cleaned.rows[place] as usize, &mut codes),
                }
            }
            if !before.is_empty() {
                schema.carry(&before, &mut codes);
            }
            // As in the page, where events of unknown items change nothing.
            if items[place] != UNKNOWN_ITEM {
                before.clone_from(&codes);
            }
            all.extend(codes.iter().copied())?;
            if vary {
                ends.push(all.len() as u64)?;
            }
        }
    }
    let notes = coders.iter().zip(&schema.fields).filter_map(|(coder, field)| coder.note(&field.name)).collect();
    Ok(Codes { all: all.finish()?, ends: ends.finish()?, notes })
}

impl<'a> Coder<'a> {
    fn new(Field { name, kind, missing: _ }: &'a Field, column: &'a FieldColumn) -> Result<Self> {
        match (kind, column) {
            (FieldKind::Category { values }, FieldColumn::Category(keys)) => {
                let places: HashMap<&str, usize> = values.iter().map(String::as_str).zip(1..).collect();
                let code = |name| places.get(name).map_or(0.0, |&place| place as f32);
                Ok(Self::Category { codes: keys.names.iter().map(code).collect(), ids: &keys.ids })
            }
            (FieldKind::Number(number), FieldColumn::Number { values, .. }) => Ok(Self::Number { values, number }),
            (&FieldKind::Text { buckets }, FieldColumn::Category(keys)) => Ok(Self::Text { keys, buckets }),
            (FieldKind::Vector(vector), FieldColumn::Category(keys)) => {
                Ok(Self::Vector { keys, vector, broken: 0, first_broken: None })
            }
            (_, FieldColumn::Number { .. }) | (FieldKind::Number(_), FieldColumn::Category(_)) => {
                bail!("[[field]] {name:?} is of another kind than in the model; use the schema file of its training")
            }
        }
    }

    fn push(&mut self, row: usize, codes: &mut Vec<f32>) {
        let name = |keys: &'a Keys| Some(keys.ids[row]).filter(|&id| id != MISSING).map(|id| keys.names.get(id));
        match self {
            Self::Category { codes: known, ids } => codes.push(known.get(ids[row] as usize).copied().unwrap_or(0.0)),
            Self::Number { values, number } => codes.push(number.code(values[row])),
            Self::Text { keys, buckets } => text::codes(name(keys).unwrap_or_default(), *buckets, codes),
            Self::Vector { keys, vector, broken, first_broken } => {
                let (cell, size) = (name(keys), vector.mean.len());
                let values = cell.and_then(vectors::parse).filter(|values| values.len() == size);
                if let (Some(cell), None) = (cell, &values) {
                    *broken += 1;
                    first_broken.get_or_insert(cell);
                }
                // Of the right size now.
                let _size = vector.codes(values.as_deref(), codes);
            }
        }
    }

    /// What the report says of cells that could not be read.
    fn note(&self, name: &str) -> Option<Rule> {
        let Self::Vector { vector, broken, first_broken: Some(first), .. } = self else { return None };
        let size = vector.mean.len();
        let detail = format!("cells of {name:?} that are no {size} finite numbers: missing; the first: {first:?}");
        Some(Rule { name: "broken vectors".into(), rows: *broken, detail })
    }

    fn push_number(&self, value: f32, codes: &mut Vec<f32>) {
        if let Self::Number { number, .. } = self {
            codes.push(number.code(value));
        }
    }
}

/// The values with enough training events, in byte order.
fn known(keys: &Keys, training: impl Iterator<Item = usize>, min_count: usize) -> Vec<u32> {
    let mut counts = vec![0_usize; keys.names.len()];
    for id in training.map(|row| keys.ids[row]).filter(|&id| id != MISSING) {
        counts[id as usize] += 1;
    }
    let mut known: Vec<u32> =
        (0..keys.names.len() as u32).filter(|&id| counts[id as usize] >= min_count.max(1)).collect();
    known.sort_unstable_by_key(|&id| keys.names.get(id));
    known
}

/// What is known of the numbers that are there: mean 0 and spread 1 when there is none, spread 1 for a constant.
fn number(numbers: impl Iterator<Item = f32> + Clone, encoding: NumberEncoding) -> Number {
    let wide = numbers.clone().map(f64::from);
    let count = wide.clone().count().max(1) as f64;
    let mean = wide.clone().sum::<f64>() / count;
    let std = (wide.map(|number| (number - mean).powi(2)).sum::<f64>() / count).sqrt();
    let (mean, std) = (mean as f32, if std < SMALLEST_STD { 1.0 } else { std as f32 });
    let bounds = match encoding {
        NumberEncoding::Buckets => quantiles(numbers.collect(), mean),
        NumberEncoding::Linear | NumberEncoding::Periodic => Vec::new(),
    };
    Number { mean, std, encoding, bounds }
}

/// The boundaries of [`BUCKETS`], fewer where numbers repeat; `otherwise` alone when there is none.
fn quantiles(mut numbers: Vec<f32>, otherwise: f32) -> Vec<f32> {
    numbers.sort_unstable_by(f32::total_cmp);
    let Some(last) = numbers.len().checked_sub(1) else { return vec![otherwise] };
    let mut bounds: Vec<f32> = (0..=BUCKETS).map(|bound| numbers[bound * last / BUCKETS]).collect();
    // 0 and -0 are equal, and one bound.
    bounds.dedup();
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(numbers: &[f32]) -> Vec<f32> {
        number(numbers.iter().copied(), NumberEncoding::Buckets).bounds
    }

    #[test]
    fn buckets_hold_as_many_events_each() {
        let numbers: Vec<f32> = (0..=1600).rev().map(|number| (number * number) as f32).collect();
        let expected: Vec<f32> = (0..=16).map(|bound| (bound * bound * 10_000) as f32).collect();
        assert_eq!(bounds(&numbers), expected);
        assert!(number(numbers.into_iter(), NumberEncoding::Linear).bounds.is_empty());
    }

    #[test]
    fn constant_and_tied_numbers_have_fewer_buckets() {
        assert_eq!(bounds(&[7.0; 40]), [7.0]);
        assert_eq!(bounds(&[0.0, -0.0]).len(), 1);
        assert_eq!(bounds(&[]), [0.0]);
        let mostly_zero: Vec<f32> = [0.0; 90].into_iter().chain((1..=10).map(|number| number as f32)).collect();
        let found = bounds(&mostly_zero);
        assert!(found[0] == 0.0 && found[found.len() - 1] == 10.0 && found.is_sorted(), "{found:?}");
        assert_eq!(number([7.0; 3].into_iter(), NumberEncoding::Linear).std, 1.0);
    }
}
