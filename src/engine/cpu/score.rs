//! Items' scores: query times row, plus the popularity gate times bias.

use super::Lanes;
use crate::format::{ItemTable, Weights};
use std::ops::Range;

/// A query as it is and as int16 codes.
#[derive(Clone, Copy)]
pub struct Query<'a> {
    /// `[hidden]`
    pub values: &'a [f32],
    /// `[hidden]`
    pub codes: &'a [i16],
    /// What a code is worth.
    pub scale: f32,
    /// Times an item's bias.
    pub gate: f32,
}

/// Some quantized rows one after the other, with what belongs to each.
#[derive(Clone, Copy)]
pub struct Rows<'a, T> {
    /// Values a row.
    pub columns: usize,
    /// `[rows, columns]`, or half of it where two share a byte.
    pub codes: &'a [T],
    /// `[rows]`
    pub scales: &'a [f32],
    /// `[rows]`
    pub biases: &'a [f32],
}

/// Writes the scores of these items.
pub fn run<L: Lanes>(weights: &Weights, query: &Query<'_>, items: Range<usize>, scores: &mut [f32]) {
    let biases = &weights.item_bias[items.clone()];
    if query.values.is_empty() {
        // There are no rows: popularity is all.
        scores.iter_mut().zip(biases).for_each(|(score, bias)| *score = query.gate * bias);
        return;
    }
    match &weights.items {
        ItemTable::F32(matrix) => {
            let columns = matrix.columns;
            L::multiply(&matrix.values[items.start * columns..items.end * columns], query.values, scores);
            for (score, bias) in scores.iter_mut().zip(biases) {
                *score += query.gate * bias;
            }
        }
        ItemTable::Int8(rows) => {
            let columns = rows.columns;
            let codes = &rows.codes.signed()[items.start * columns..items.end * columns];
            L::score_int8(&Rows { columns, codes, scales: &rows.scales[items], biases }, query, scores);
        }
        ItemTable::Int4(rows) => {
            let (columns, bytes) = (rows.columns, rows.columns / 2);
            let codes = &rows.codes[items.start * bytes..items.end * bytes];
            L::score_int4(&Rows { columns, codes, scales: &rows.scales[items], biases }, query, scores);
        }
    }
}
