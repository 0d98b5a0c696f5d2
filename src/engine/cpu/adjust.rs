//! What counting adds to single scores, and which items are out.

use super::super::ops::Adjustment;
use crate::format::TERMS;

/// Changes the scores, `[items]`, in place.
pub fn run(adjustments: &[Adjustment], gates: &[f32; TERMS], scores: &mut [f32]) {
    let [_, recency_gate, neighbour_gate] = gates;
    for adjustment in adjustments {
        let Adjustment { item, excluded, recency, neighbour, constant } = *adjustment;
        let score = &mut scores[item as usize];
        if excluded {
            *score = f32::NEG_INFINITY;
        } else {
            *score += recency_gate * recency + neighbour_gate * neighbour + constant;
        }
    }
}
