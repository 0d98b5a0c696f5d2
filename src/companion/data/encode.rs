//! From a field's column to the schema's field and the events' codes; only training events decide on the schema.

use super::column::{Column, Spool, Store};
use super::dataset::Part;
use super::names::MISSING;
use super::table::{FieldColumn, Keys};
use crate::companion::config::FieldConfig;
use crate::schema::{Field, FieldKind, Number, NumberEncoding};
use anyhow::{Result, bail};
use std::collections::HashMap;

/// Below this a column counts as constant.
const SMALLEST_STD: f64 = 1e-6;
const MIN_COUNT: usize = 5;
/// Buckets of a number, each with as many training events.
const BUCKETS: usize = 16;

/// The schema's fields, as the training events, at these rows of the table, have them.
pub fn fields(configs: &[FieldConfig], columns: &[FieldColumn], rows: &[u32], parts: &[Part]) -> Vec<Field> {
    let training = rows.iter().zip(parts).filter(|(_, part)| **part == Part::Train).map(|(&row, _)| row as usize);
    let field = |(config, column): (&FieldConfig, &FieldColumn)| {
        let FieldConfig { name, kind: _, min_count, encoding } = config;
        let kind = match column {
            FieldColumn::Category(keys) => {
                let known = known(keys, training.clone(), min_count.unwrap_or(MIN_COUNT));
                FieldKind::Category { values: known.iter().map(|&id| keys.names.get(id).to_owned()).collect() }
            }
            FieldColumn::Number { values, .. } => {
                let numbers = training.clone().map(|row| values[row]).filter(|number| number.is_finite());
                FieldKind::Number(number(numbers, encoding.unwrap_or_default()))
            }
        };
        Field { name: name.clone(), kind }
    };
    configs.iter().zip(columns).map(field).collect()
}

/// What turns the rows of a column into codes.
enum Coder<'a> {
    Category { codes: Vec<f32>, ids: &'a [u32] },
    Number { values: &'a [f32], number: &'a Number },
}

/// The codes of the events at these rows, `[events, fields]`.
///
/// # Errors
/// When a column is of another kind than its field, or the disk refuses.
pub fn codes(fields: &[Field], columns: &[FieldColumn], rows: &[u32], store: &Store) -> Result<Column<f32>> {
    let coders =
        fields.iter().zip(columns).map(|(field, column)| Coder::new(field, column)).collect::<Result<Vec<_>>>()?;
    let mut codes = Spool::new(store);
    for &row in rows {
        codes.extend(coders.iter().map(|coder| coder.code(row as usize)))?;
    }
    codes.finish()
}

impl<'a> Coder<'a> {
    fn new(Field { name, kind }: &'a Field, column: &'a FieldColumn) -> Result<Self> {
        match (kind, column) {
            (FieldKind::Category { values }, FieldColumn::Category(keys)) => {
                let places: HashMap<&str, usize> = values.iter().map(String::as_str).zip(1..).collect();
                let code = |name| places.get(name).map_or(0.0, |&place| place as f32);
                Ok(Self::Category { codes: keys.names.iter().map(code).collect(), ids: &keys.ids })
            }
            (FieldKind::Number(number), FieldColumn::Number { values, .. }) => Ok(Self::Number { values, number }),
            (FieldKind::Category { .. }, FieldColumn::Number { .. })
            | (FieldKind::Number(_), FieldColumn::Category(_)) => {
                bail!("[[field]] {name:?} is of another kind than in the model; use the schema file of its training")
            }
        }
    }

    fn code(&self, row: usize) -> f32 {
        match self {
            Self::Category { codes, ids } => codes.get(ids[row] as usize).copied().unwrap_or(0.0),
            Self::Number { values, number } => number.code(values[row]),
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
