//! Values that a recorder missed, on the line in time between those before and after.
//!
//! It looks ahead, so that it only serves training events, between values of training events: what is validated and tested is
//! given what the page can know.

use super::dataset::Part;
use super::table::{FieldColumn, Table};
use crate::companion::config::{FieldConfig, Filling};
use std::collections::HashMap;

/// Values for the missing ones among a sequence's events, at these rows of the table, by event and field.
pub fn fill(configs: &[FieldConfig], table: &Table, rows: &[u32], parts: &[Part]) -> HashMap<(usize, usize), f32> {
    let mut filled = HashMap::new();
    for (field, (config, column)) in configs.iter().zip(&table.fields).enumerate() {
        let FieldColumn::Number { values, .. } = column else { continue };
        if config.missing != Filling::Interpolate {
            continue;
        }
        let known = |event: &usize| parts[*event] == Part::Train && !values[rows[*event] as usize].is_nan();
        let known: Vec<usize> = (0..rows.len()).filter(known).collect();
        let at = |event: usize| (table.time(rows[event] as usize) as f64, f64::from(values[rows[event] as usize]));
        for ends in known.windows(2) {
            let [(begin, first), (end, last)] = [at(ends[0]), at(ends[1])];
            for event in ends[0] + 1..ends[1] {
                let share = if end > begin { (at(event).0 - begin) / (end - begin) } else { 0.0 };
                filled.insert((event, field), (first + share * (last - first)) as f32);
            }
        }
    }
    filled
}
