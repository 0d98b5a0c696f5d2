//! From a field's column to the schema's field and the events' codes; only training events decide on the schema.

use super::clean::Event;
use super::dataset::Part;
use super::table::{FieldColumn, Keys, MISSING};
use crate::companion::config::FieldConfig;
use crate::schema::{Field, FieldKind};

/// Below this a column counts as constant.
const SMALLEST_STD: f64 = 1e-6;
const MIN_COUNT: usize = 5;

/// The schema's fields and the events' codes, `[events, fields]`.
pub fn fields(
    configs: &[FieldConfig],
    columns: &[FieldColumn],
    events: &[Event],
    parts: &[Part],
) -> (Vec<Field>, Vec<f32>) {
    let mut codes = vec![0.0; events.len() * configs.len()];
    let mut fields = vec![];
    for (place, (config, column)) in configs.iter().zip(columns).enumerate() {
        let FieldConfig { name, kind: _, min_count } = config;
        let training =
            events.iter().zip(parts).filter(|(_, part)| **part == Part::Train).map(|(event, _)| event.row as usize);
        let mut out = codes.iter_mut().skip(place).step_by(configs.len());
        let kind = match column {
            FieldColumn::Category(keys) => {
                let known = known(keys, training, min_count.unwrap_or(MIN_COUNT));
                let mut code = vec![0.0; keys.names.len()];
                known.iter().enumerate().for_each(|(rank, &id)| code[id as usize] = (rank + 1) as f32);
                for (event, out) in events.iter().zip(&mut out) {
                    *out = code.get(keys.ids[event.row as usize] as usize).copied().unwrap_or(0.0);
                }
                FieldKind::Category { values: known.iter().map(|&id| keys.names[id as usize].clone()).collect() }
            }
            FieldColumn::Number { values, .. } => {
                let (mean, std) = moments(training.map(|row| f64::from(values[row])));
                for (event, out) in events.iter().zip(&mut out) {
                    *out = FieldKind::standardise(values[event.row as usize], mean, std);
                }
                FieldKind::Number { mean, std }
            }
        };
        fields.push(Field { name: name.clone(), kind });
    }
    (fields, codes)
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
