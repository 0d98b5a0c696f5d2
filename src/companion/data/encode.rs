//! From a field's column to the schema's field and the events' codes; only training events decide on the schema.

use super::column::{Column, Spool, Store};
use super::dataset::Part;
use super::names::MISSING;
use super::table::{FieldColumn, Keys};
use crate::companion::config::FieldConfig;
use crate::schema::{Field, FieldKind};
use anyhow::{Result, bail};
use std::collections::HashMap;

/// Below this a column counts as constant.
const SMALLEST_STD: f64 = 1e-6;
const MIN_COUNT: usize = 5;

/// The schema's fields, as the training events, at these rows of the table, have them.
pub fn fields(configs: &[FieldConfig], columns: &[FieldColumn], rows: &[u32], parts: &[Part]) -> Vec<Field> {
    let training = rows.iter().zip(parts).filter(|(_, part)| **part == Part::Train).map(|(&row, _)| row as usize);
    let field = |(config, column): (&FieldConfig, &FieldColumn)| {
        let FieldConfig { name, kind: _, min_count } = config;
        let kind = match column {
            FieldColumn::Category(keys) => {
                let known = known(keys, training.clone(), min_count.unwrap_or(MIN_COUNT));
                FieldKind::Category { values: known.iter().map(|&id| keys.names.get(id).to_owned()).collect() }
            }
            FieldColumn::Number { values, .. } => {
                let (mean, std) = moments(training.clone().map(|row| f64::from(values[row])));
                FieldKind::Number { mean, std }
            }
        };
        Field { name: name.clone(), kind }
    };
    configs.iter().zip(columns).map(field).collect()
}

/// What turns the rows of a column into codes.
enum Coder<'a> {
    Category { codes: Vec<f32>, ids: &'a [u32] },
    Number { values: &'a [f32], mean: f32, std: f32 },
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
    fn new(Field { name, kind }: &Field, column: &'a FieldColumn) -> Result<Self> {
        match (kind, column) {
            (FieldKind::Category { values }, FieldColumn::Category(keys)) => {
                let places: HashMap<&str, usize> = values.iter().map(String::as_str).zip(1..).collect();
                let code = |name| places.get(name).map_or(0.0, |&place| place as f32);
                Ok(Self::Category { codes: keys.names.iter().map(code).collect(), ids: &keys.ids })
            }
            (&FieldKind::Number { mean, std }, FieldColumn::Number { values, .. }) => {
                Ok(Self::Number { values, mean, std })
            }
            (FieldKind::Category { .. }, FieldColumn::Number { .. })
            | (FieldKind::Number { .. }, FieldColumn::Category(_)) => {
                bail!("[[field]] {name:?} is of another kind than in the model; use the schema file of its training")
            }
        }
    }

    fn code(&self, row: usize) -> f32 {
        match self {
            Self::Category { codes, ids } => codes.get(ids[row] as usize).copied().unwrap_or(0.0),
            Self::Number { values, mean, std } => FieldKind::standardise(values[row], *mean, *std),
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

/// Mean and standard deviation of the numbers that are there; (0, 1) when there is none, spread 1 for a constant.
fn moments(numbers: impl Iterator<Item = f64> + Clone) -> (f32, f32) {
    let finite = numbers.filter(|number| number.is_finite());
    let count = finite.clone().count().max(1) as f64;
    let mean = finite.clone().sum::<f64>() / count;
    let std = (finite.map(|number| (number - mean).powi(2)).sum::<f64>() / count).sqrt();
    (mean as f32, if std < SMALLEST_STD { 1.0 } else { std as f32 })
}
