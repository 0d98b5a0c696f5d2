//! Every item's score: the query times its row, plus the popularity gate times its bias.

use super::Lanes;
use crate::format::{ItemTable, Weights};

/// A query as it is and as int16 codes.
pub struct Query<'a> {
    /// `[hidden]`
    pub values: &'a [f32],
    /// `[hidden]`
    pub codes: &'a [i16],
    /// What a code is worth.
    pub scale: f32,
}

/// Rows scored at a time, so that the integer sums stay in the nearest cache.
const ROWS: usize = 256;

/// Writes all scores, `[items]`.
pub fn run<L: Lanes>(weights: &Weights, query: &Query<'_>, popularity_gate: f32, scores: &mut [f32]) {
    match &weights.items {
        ItemTable::F32(matrix) => L::multiply(&matrix.values, query.values, scores),
        ItemTable::Int8(rows) => {
            let mut sums = [0; ROWS];
            let blocks = scores.chunks_mut(ROWS).zip(rows.codes.chunks(ROWS * rows.columns));
            for ((scores, codes), scales) in blocks.zip(rows.scales.chunks(ROWS)) {
                let sums = &mut sums[..scores.len()];
                L::multiply_int8(codes, query.codes, sums);
                for ((score, &sum), scale) in scores.iter_mut().zip(sums.iter()).zip(scales) {
                    *score = sum as f32 * (query.scale * scale);
                }
            }
        }
        ItemTable::Int4(rows) => {
            L::multiply_int4(&rows.codes, &rows.scales, query.codes, scores);
            for score in scores.iter_mut() {
                *score *= query.scale;
            }
        }
    }
    for (score, bias) in scores.iter_mut().zip(&weights.item_bias) {
        *score += popularity_gate * bias;
    }
}
