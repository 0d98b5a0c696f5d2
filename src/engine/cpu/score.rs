//! Every item's score: the query times its row, plus the popularity gate times its bias.

use super::Lanes;
use crate::format::{ItemTable, Weights};

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

/// Writes all scores, `[items]`.
pub fn run<L: Lanes>(weights: &Weights, query: &Query<'_>, scores: &mut [f32]) {
    match &weights.items {
        ItemTable::F32(matrix) => {
            L::multiply(&matrix.values, query.values, scores);
            for (score, bias) in scores.iter_mut().zip(&weights.item_bias) {
                *score += query.gate * bias;
            }
        }
        ItemTable::Int8(rows) => L::score_int8(rows, &weights.item_bias, query, scores),
        ItemTable::Int4(rows) => L::score_int4(rows, &weights.item_bias, query, scores),
    }
}
