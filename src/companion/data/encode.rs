//! From a field's column to the schema's field and the events' codes; only training events decide on the schema.

use super::clean::Event;
use super::dataset::Part;
use super::table::{FieldColumn, Keys, MISSING};
use crate::companion::config::FieldConfig;
use crate::schema::{Field, FieldKind};
use anyhow::{Result, bail};
use std::collections::HashMap;

/// Below this a column counts as constant.
const SMALLEST_STD: f64 = 1e-6;
const MIN_COUNT: usize = 5;

/// The schema's fields, as the training events have them.
pub fn fields(configs: &[FieldConfig], columns: &[FieldColumn], events: &[Event], parts: &[Part]) -> Vec<Field> {
    let training =
        events.iter().zip(parts).filter(|(_, part)| **part == Part::Train).map(|(event, _)| event.row as usize);
    let field = |(config, column): (&FieldConfig, &FieldColumn)| {
        let FieldConfig { name, kind: _, min_count } = config;
        let kind = match column {
            FieldColumn::Category(keys) => {
                let known = known(keys, training.clone(), min_count.unwrap_or(MIN_COUNT));
                FieldKind::Category { values: known.iter().map(|&id| keys.names[id as usize].clone()).collect() }
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

/// The events' codes, `[events, fields]`.
///
/// # Errors
/// When a column is of another kind than its field.
pub fn codes(fields: &[Field], columns: &[FieldColumn], events: &[Event]) -> Result<Vec<f32>> {
    let mut codes = vec![0.0; events.len() * fields.len()];
    for (place, (Field { name, kind }, column)) in fields.iter().zip(columns).enumerate() {
        let out = codes.iter_mut().skip(place).step_by(fields.len());
        match (kind, column) {
            (FieldKind::Category { values }, FieldColumn::Category(keys)) => {
                let places: HashMap<&String, usize> = values.iter().zip(1..).collect();
                let code: Vec<f32> =
                    keys.names.iter().map(|name| places.get(name).map_or(0.0, |&place| place as f32)).collect();
                for (event, out) in events.iter().zip(out) {
                    *out = code.get(keys.ids[event.row as usize] as usize).copied().unwrap_or(0.0);
                }
            }
            (FieldKind::Number { mean, std }, FieldColumn::Number { values, .. }) => {
                for (event, out) in events.iter().zip(out) {
                    *out = FieldKind::standardise(values[event.row as usize], *mean, *std);
                }
            }
            (FieldKind::Category { .. }, FieldColumn::Number { .. })
            | (FieldKind::Number { .. }, FieldColumn::Category(_)) => {
                bail!("[[field]] {name:?} is of another kind than in the model; use the schema file of its training")
            }
        }
    }
    Ok(codes)
}

/// The values with enough training events, in byte order.
fn known(keys: &Keys, training: impl Iterator<Item = usize>, min_count: usize) -> Vec<u32> {
    let mut counts = vec![0_usize; keys.names.len()];
    for id in training.map(|row| keys.ids[row]).filter(|&id| id != MISSING) {
        counts[id as usize] += 1;
    }
    let mut known: Vec<u32> =
        (0..keys.names.len() as u32).filter(|&id| counts[id as usize] >= min_count.max(1)).collect();
    known.sort_unstable_by_key(|&id| &keys.names[id as usize]);
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
