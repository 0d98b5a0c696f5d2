//! A position's own candidates: the sums over their rows, which lie far apart in memory.

use super::super::row_gradients::RowGradients;
use super::super::vector::{add_scaled, dot, dots, wide};
use super::{NONE, State};
use crate::engine::counting::Candidate;
use crate::format::Matrix;
use crate::vocab::ItemId;

/// The gradients of own candidates' scores in a chunk, by item: consecutive positions have nearly the same candidates, whose
/// rows' gradients are then added to once.
pub struct OwnErrors {
    /// Each item's latest error, or `NONE`: `[items]`.
    latest: Vec<u32>,
    /// The items that have any.
    items: Vec<ItemId>,
    errors: Vec<OwnError>,
}

struct OwnError {
    /// The position's number in the chunk.
    place: u32,
    /// The item's error before it, or `NONE`.
    before: u32,
    error: f32,
    /// Whether the item was met before.
    is_met: bool,
}

impl OwnErrors {
    pub fn new(items: usize) -> Self {
        Self { latest: vec![NONE; items], items: Vec::new(), errors: Vec::new() }
    }

    #[inline(always)]
    pub fn push(&mut self, candidate: &Candidate, place: usize, error: f32) {
        let latest = &mut self.latest[candidate.item as usize];
        if *latest == NONE {
            self.items.push(candidate.item);
        }
        let before = std::mem::replace(latest, self.errors.len() as u32);
        self.errors.push(OwnError { place: place as u32, before, error, is_met: candidate.repeat_cell.is_some() });
    }

    /// From the chunk's errors to the gradients of rows, given its queries, `[positions, hidden]`; begins anew.
    pub fn backward(&mut self, queries: &[f32], states: &[State], rows: &mut RowGradients) {
        wide!([own: &mut OwnErrors = self, queries: &[f32] = queries, states: &[State] = states, rows: &mut RowGradients = rows] {
            own.backward_loops(queries, states, rows);
        });
    }

    #[inline(always)]
    fn backward_loops(&mut self, queries: &[f32], states: &[State], rows: &mut RowGradients) {
        let Self { latest, items, errors } = self;
        let hidden = queries.len() / states.len().max(1);
        for item in items.drain(..) {
            let row = rows.row_mut(item);
            let mut next = std::mem::replace(&mut latest[item as usize], NONE);
            while next != NONE {
                let OwnError { place, before, error, is_met } = errors[next as usize];
                let place = place as usize;
                add_scaled(&mut row[..hidden], &queries[place * hidden..(place + 1) * hidden], error);
                row[hidden] += error * states[place].gates[0];
                row[hidden + 1] += if is_met { error } else { 0.0 };
                next = before;
            }
        }
        errors.clear();
    }
}

/// Adds to each item's score the product of its row and the query, four rows at a time.
#[inline(always)]
pub fn add_products(scores: &mut [f32], query: &[f32], items: &Matrix, chosen: &[ItemId]) {
    let (fours, rest) = chosen.as_chunks::<4>();
    let (score_fours, score_rest) = scores.as_chunks_mut::<4>();
    for (scores, chosen) in score_fours.iter_mut().zip(fours) {
        let products = dots(query, chosen.map(|item| items.row(item as usize)));
        scores.iter_mut().zip(products).for_each(|(score, product)| *score += product);
    }
    for (score, &item) in score_rest.iter_mut().zip(rest) {
        *score += dot(query, items.row(item as usize));
    }
}

/// Adds the items' rows to `out`, each times its factor, four at a time.
#[inline(always)]
pub fn add_rows(out: &mut [f32], items: &Matrix, chosen: &[ItemId], factors: &[f32]) {
    let (fours, rest) = chosen.as_chunks::<4>();
    let (factor_fours, factor_rest) = factors.as_chunks::<4>();
    for (factors, chosen) in factor_fours.iter().zip(fours) {
        let [a, b, c, d] = chosen.map(|item| items.row(item as usize));
        for ((((out, a), b), c), d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *out += factors[0] * a + factors[1] * b + factors[2] * c + factors[3] * d;
        }
    }
    for (&factor, &item) in factor_rest.iter().zip(rest) {
        add_scaled(out, items.row(item as usize), factor);
    }
}
