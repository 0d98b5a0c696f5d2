//! The scores of candidates, the loss and its gradients, written by hand.
//!
//! Each position has candidates of its own (items met before, neighbours of the open group) whose features enter
//! the score; all other items differ only by row and popularity. So a position's sums are taken exactly over its own
//! candidates and the target, and for all others they are estimated from shared negatives, each standing for a
//! number of items: importance sampling (of the softmax's partition: Jean et al. 2015, arXiv 1412.2007). Negatives that
//! are a position's own candidates or its target count nothing there. With every item as a negative the sums are
//! exact. A loss (`softmax.rs`, `gbce.rs`, `bpr.rs`) sees one position's scores and puts its gradients in their place.

mod at;
mod bpr;
mod gbce;
mod own;
mod softmax;
mod teachers;
#[cfg(test)]
mod tests;

use super::config::{Loss, TrainConfig};
use super::negatives::Negatives;
use super::row_gradients::RowGradients;
use super::vector::{add_scaled, dot, exp, multiply, wide};
use crate::engine::counting::Candidate;
use crate::format::{ItemTable, Matrix, OPEN_BUCKETS, TERMS, Weights};
use crate::vocab::ItemId;
use at::At;
use own::{OwnErrors, add_products, add_rows};
pub use teachers::Teachers;

/// Positions whose scores of the shared negatives are held at a time.
const CHUNK: usize = 64;

/// One event to predict.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    /// Its state's row in the encoder's output.
    pub row: usize,
    /// The item that came.
    pub target: ItemId,
    /// Known items of the open group.
    pub open_size: usize,
    /// Its own candidates' places.
    pub candidates: std::ops::Range<usize>,
}

/// What the head learns from in one shard.
pub struct Examples<'a> {
    /// Which loss, and its numbers.
    pub config: &'a TrainConfig,
    pub positions: &'a [Position],
    pub candidates: &'a [Candidate],
    pub negatives: &'a Negatives,
    /// The encoder's states, `[rows, hidden]`.
    pub states: &'a [f32],
}

/// Room that a thread keeps from step to step.
pub struct Head {
    /// Each item's place among the negatives, or `NONE`: `[items]`.
    negative_place: Vec<u32>,
    negative_rows: Vec<f32>,
    negative_gradients: Vec<f32>,
    negative_biases: Vec<f32>,
    negative_bias_gradients: Vec<f32>,
    queries: Vec<f32>,
    query_gradients: Vec<f32>,
    /// Scores of the negatives, then their gradients: `[positions, negatives]`.
    scores: Vec<f32>,
    /// A position's own candidates but those that are excluded, the target among them.
    own: Vec<ItemId>,
    /// Their scores, then their gradients.
    own_scores: Vec<f32>,
    /// The negatives' places that are a position's own candidates.
    listed: Vec<u32>,
    own_errors: OwnErrors,
}

/// One position's scores; a loss puts its gradients in their place.
struct Scores<'a> {
    /// Of its own candidates, the target among them.
    own: &'a mut [f32],
    /// The target's place in `own`.
    target: usize,
    /// Of the shared negatives; minus infinity for those that are listed. What a loss leaves there is passed over.
    negatives: &'a mut [f32],
    /// How the negatives were drawn.
    drawn: &'a Negatives,
}

const NONE: u32 = u32::MAX;

/// A shorter state points nowhere: dropout may have taken all of a window's first one.
const SHORTEST: f32 = 1e-12;

/// What one position's loss is computed from, and where its gradients go.
struct Place<'a> {
    at: At<'a>,
    examples: &'a Examples<'a>,
    state: &'a mut State,
    gradient: &'a mut Weights,
    teachers: Option<&'a mut Teachers>,
}

/// A position's unit state, query and gates, and the gradients of query and gates.
struct State {
    length: f32,
    gates: [f32; TERMS],
    gate_gradients: [f32; TERMS],
}

impl Head {
    pub fn new(items: usize) -> Self {
        Self {
            negative_place: vec![NONE; items],
            negative_rows: Vec::new(),
            negative_gradients: Vec::new(),
            negative_biases: Vec::new(),
            negative_bias_gradients: Vec::new(),
            queries: Vec::new(),
            query_gradients: Vec::new(),
            scores: Vec::new(),
            own: Vec::new(),
            own_scores: Vec::new(),
            listed: Vec::new(),
            own_errors: OwnErrors::new(items),
        }
    }

    /// The sum of the positions' losses, mixed with what `teachers` say. Adds to `gradient` and `rows`, and to
    /// `states_gradient` (`[rows, hidden]`).
    pub fn run(
        &mut self,
        weights: &Weights,
        examples: &Examples<'_>,
        mut teachers: Option<&mut Teachers>,
        (states_gradient, gradient, rows): (&mut [f32], &mut Weights, &mut RowGradients),
    ) -> f64 {
        let ItemTable::F32(items) = &weights.items else { return 0.0 };
        let (hidden, negatives) = (items.columns, &examples.negatives.items);
        self.gather_negatives(weights, items, negatives);
        if let Some(teachers) = &mut teachers {
            teachers.begin(negatives);
        }
        let mut loss = 0.0;
        for positions in examples.positions.chunks(CHUNK) {
            let mut states = self.prepare(weights, positions, examples.states, hidden);
            self.score_negatives(positions.len(), negatives.len(), hidden);
            if let Some(teachers) = &mut teachers {
                teachers.prepare(positions, negatives.len());
            }
            for (place, position) in positions.iter().enumerate() {
                let state = &mut states[place];
                let at = At::new((weights, items), examples, (place, position), state.gates);
                loss += self.position(&mut Place { at, examples, state, gradient, teachers: teachers.as_deref_mut() });
            }
            self.own_errors.backward(&self.queries, &states, rows);
            self.negatives_backward(positions.len(), negatives.len(), hidden);
            for (place, position) in positions.iter().enumerate() {
                self.state_backward(
                    weights,
                    examples.states,
                    place,
                    position,
                    &states[place],
                    states_gradient,
                    gradient,
                );
            }
        }
        for ((place, &item), bias_gradient) in negatives.iter().enumerate().zip(&self.negative_bias_gradients) {
            let row = rows.row_mut(item);
            add_scaled(&mut row[..hidden], &self.negative_gradients[place * hidden..(place + 1) * hidden], 1.0);
            row[hidden] += bias_gradient;
        }
        self.forget_negatives(negatives);
        if let Some(teachers) = teachers {
            teachers.end(negatives);
        }
        loss
    }

    fn forget_negatives(&mut self, negatives: &[ItemId]) {
        negatives.iter().for_each(|&item| self.negative_place[item as usize] = NONE);
    }

    fn gather_negatives(&mut self, weights: &Weights, items: &Matrix, negatives: &[ItemId]) {
        self.negative_rows.clear();
        self.negative_biases.clear();
        for (place, &item) in negatives.iter().enumerate() {
            self.negative_place[item as usize] = place as u32;
            self.negative_rows.extend_from_slice(items.row(item as usize));
            self.negative_biases.push(weights.item_bias[item as usize]);
        }
        self.negative_bias_gradients.clear();
        self.negative_bias_gradients.resize(negatives.len(), 0.0);
        self.negative_gradients.clear();
        self.negative_gradients.resize(self.negative_rows.len(), 0.0);
    }

    /// Queries and gates of a chunk's positions.
    fn prepare(&mut self, weights: &Weights, positions: &[Position], states: &[f32], hidden: usize) -> Vec<State> {
        let scale = weights.log_scale.exp();
        self.queries.clear();
        self.query_gradients.clear();
        self.query_gradients.resize(positions.len() * hidden, 0.0);
        let mut prepared = Vec::with_capacity(positions.len());
        for position in positions {
            let state = &states[position.row * hidden..(position.row + 1) * hidden];
            let length = dot(state, state).sqrt().max(SHORTEST);
            self.queries.extend(state.iter().map(|value| value * scale / length));
            let shift = weights.gate_open.row(position.open_size.min(OPEN_BUCKETS - 1));
            let gates =
                std::array::from_fn(|term| dot(weights.gates.row(term), state) + weights.gate_bias[term] + shift[term]);
            prepared.push(State { length, gates, gate_gradients: [0.0; TERMS] });
        }
        prepared
    }

    /// `scores = queries * negative_rows^T`, `[positions, negatives]`.
    fn score_negatives(&mut self, positions: usize, negatives: usize, hidden: usize) {
        self.scores.resize(positions * negatives, 0.0);
        let shape = [positions, negatives, hidden];
        multiply(shape, &mut self.scores, &self.queries, [hidden, 1], &self.negative_rows, [1, hidden], false);
    }

    /// From the scores' gradients (in place of the scores) to those of queries and negative rows.
    fn negatives_backward(&mut self, positions: usize, negatives: usize, hidden: usize) {
        let shape = [positions, hidden, negatives];
        multiply(
            shape,
            &mut self.query_gradients,
            &self.scores,
            [negatives, 1],
            &self.negative_rows,
            [hidden, 1],
            true,
        );
        let shape = [negatives, hidden, positions];
        multiply(shape, &mut self.negative_gradients, &self.scores, [1, negatives], &self.queries, [hidden, 1], true);
    }

    /// One position's loss; leaves the gradients of its negatives' scores in `scores`.
    fn position(&mut self, place: &mut Place<'_>) -> f64 {
        wide!([head: &mut Head = self, place: &mut Place<'_> = place] -> f64 { head.position_loops(place) })
    }

    #[inline(always)]
    fn position_loops(&mut self, place: &mut Place<'_>) -> f64 {
        let Place { at, examples, state, gradient, teachers } = place;
        let target = self.score_position(at);
        let At { weights, items, place, negatives: count, .. } = *at;
        let hidden = items.columns;
        let query_gradient = &mut self.query_gradients[place * hidden..(place + 1) * hidden];
        let scores = &mut self.scores[place * count..(place + 1) * count];
        let given = Scores { own: &mut self.own_scores, target, negatives: &mut *scores, drawn: examples.negatives };
        let loss = match teachers {
            Some(teachers) => teachers.mixed(at, given, |given| loss(examples.config, given)),
            None => loss(examples.config, given),
        };
        let (errors, own_errors) = (scores, &self.own_scores);
        self.listed.iter().for_each(|&negative| errors[negative as usize] = 0.0);
        state.gate_gradients[0] += dot(errors, &self.negative_biases);
        add_scaled(&mut self.negative_bias_gradients, errors, state.gates[0]);
        add_rows(query_gradient, items, &self.own, own_errors);
        for (candidate, &error) in at.kept().zip(own_errors) {
            state.gate_gradients[0] += error * weights.item_bias[candidate.item as usize];
            add_scaled(&mut state.gate_gradients[1..], &candidate.features, error);
            if let Some(cell) = candidate.repeat_cell {
                gradient.repeat.values[usize::from(cell)] += error;
            }
            self.own_errors.push(candidate, place, error);
        }
        loss
    }

    /// Scores a position's own candidates and completes its negatives' scores; gives the target's place among the former.
    #[inline(always)]
    fn score_position(&mut self, at: &At<'_>) -> usize {
        let At { weights, items, position, place, ref gates, negatives: count, .. } = *at;
        let hidden = items.columns;
        let query = &self.queries[place * hidden..(place + 1) * hidden];
        let scores = &mut self.scores[place * count..(place + 1) * count];
        self.own.clear();
        self.own_scores.clear();
        for candidate in at.kept() {
            self.own.push(candidate.item);
            self.own_scores.push(terms(weights, candidate, gates));
        }
        add_products(&mut self.own_scores, query, items, &self.own);
        add_scaled(scores, &self.negative_biases, gates[0]);
        self.listed.clear();
        for candidate in at.all() {
            let negative = self.negative_place[candidate.item as usize];
            if negative != NONE {
                scores[negative as usize] = f32::NEG_INFINITY;
                self.listed.push(negative);
            }
        }
        self.own.iter().position(|&item| item == position.target).unwrap_or_default()
    }

    /// From query and gates back to the encoder's state.
    #[expect(clippy::too_many_arguments, reason = "the operands of one formula; a struct for one call would hide them")]
    fn state_backward(
        &self,
        weights: &Weights,
        states: &[f32],
        place: usize,
        position: &Position,
        state: &State,
        states_gradient: &mut [f32],
        gradient: &mut Weights,
    ) {
        let hidden = weights.final_norm.len();
        let range = position.row * hidden..(position.row + 1) * hidden;
        let values = &states[range.clone()];
        let out = &mut states_gradient[range];
        let query = &self.queries[place * hidden..(place + 1) * hidden];
        let query_gradient = &self.query_gradients[place * hidden..(place + 1) * hidden];
        let along = dot(query, query_gradient);
        gradient.log_scale += along;
        if state.length > SHORTEST {
            let scale = weights.log_scale.exp() / state.length;
            let squared = state.length * state.length;
            for ((out, &query_gradient), &value) in out.iter_mut().zip(query_gradient).zip(values) {
                *out += scale * query_gradient - along * value / squared;
            }
        }
        let open = position.open_size.min(OPEN_BUCKETS - 1) * TERMS;
        for (term, &gate_gradient) in state.gate_gradients.iter().enumerate() {
            add_scaled(out, weights.gates.row(term), gate_gradient);
            add_scaled(&mut gradient.gates.values[term * hidden..(term + 1) * hidden], values, gate_gradient);
            gradient.gate_bias[term] += gate_gradient;
            gradient.gate_open.values[open + term] += gate_gradient;
        }
    }
}

/// A position's loss by what came; leaves the scores' gradients in their place.
#[inline(always)]
fn loss(config: &TrainConfig, given: Scores<'_>) -> f64 {
    match config.loss {
        Loss::Softmax => softmax::softmax(given, config.label_smoothing),
        Loss::Gbce => gbce::gbce(given, config.gbce_calibration),
        Loss::Bpr => bpr::bpr(given),
    }
}

/// A candidate's score beside what its row gives.
#[inline(always)]
fn terms(weights: &Weights, candidate: &Candidate, gates: &[f32; TERMS]) -> f32 {
    let item = candidate.item as usize;
    let constant =
        candidate.repeat_cell.map_or(0.0, |cell| weights.repeat.values[usize::from(cell)] + weights.item_repeat[item]);
    gates[0] * weights.item_bias[item] + dot(&gates[1..], &candidate.features) + constant
}

/// `ln(1 + exp(x))`, which is `-ln s(-x)` with s the logistic function, and its slope, `s(x)`.
#[inline(always)]
fn softplus(x: f32) -> (f32, f32) {
    let part = exp(-x.abs());
    let slope = if x > 0.0 { 1.0 } else { part } / (1.0 + part);
    (x.max(0.0) + part.ln_1p(), slope)
}
