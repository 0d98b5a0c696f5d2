//! Recurrent layers, forward and backward through time: see `engine/cpu/encode/recurrent.rs`.
//!
//! Rows lie step by step, `[len, windows]`, so that those of a step are neighbours. What the inputs give to all steps is one
//! product of matrices; only the product with the state goes step by step.

mod cells;

use super::super::buffer::Buffer;
use super::super::vector::{add_scaled, multiply};
use super::rows::{apply, linear_backward, norm, norm_backward};
use super::{Dropout, Inputs};
use crate::format::{Block, RecurrentBlock, Weights};
use cells::{Cell, Gru, Lstm, Step};
use rand::Rng;

/// A forward pass.
pub struct Pass {
    windows: usize,
    hidden: usize,
    input_mask: Option<Buffer>,
    layers: Vec<Layer>,
    /// What the last norm is of, `[rows, hidden]`.
    x: Buffer,
    /// By windows, `[windows, len, hidden]`.
    states: Buffer,
}

/// What a layer's backward pass needs of its forward pass: one row for each step and window.
struct Layer {
    /// What came in, `[rows, hidden]`.
    x: Buffer,
    /// `[rows, hidden]`
    normed: Buffer,
    /// As they are after their sigmoid or tangent, `[rows, gates * hidden]`.
    gates: Vec<f32>,
    /// An LSTM's cells; of a GRU's candidate the product with the state. `[rows, hidden]`
    beside: Vec<f32>,
    /// `[rows, hidden]`
    states: Vec<f32>,
    mask: Option<Buffer>,
}

pub fn forward<R: Rng>(weights: &Weights, inputs: Inputs<'_>, dropout: &mut Dropout<'_, R>) -> Pass {
    let Inputs { values, times: _, windows, len, both_ways: _ } = inputs;
    let hidden = weights.final_norm.len();
    let mut x = turned(&values, windows, len, hidden);
    let input_mask = dropout.mask(x.len());
    apply(&input_mask, &mut x);
    let mut layers = Vec::new();
    for block in &weights.blocks {
        let mut layer = match block {
            Block::Gru(block) => forward_layer::<Gru>(block, x, windows),
            Block::Lstm(block) => forward_layer::<Lstm>(block, x, windows),
            _ => break,
        };
        let mut delta = layer.states.clone();
        layer.mask = dropout.mask(delta.len());
        apply(&layer.mask, &mut delta);
        x = Buffer::copy_of(&layer.x);
        add_scaled(&mut x, &delta, 1.0);
        layers.push(layer);
    }
    let states = turned(&norm(&x, &weights.final_norm), len, windows, hidden);
    Pass { windows, hidden, input_mask, layers, x, states }
}

fn forward_layer<C: Cell>(block: &RecurrentBlock, x: Buffer, windows: usize) -> Layer {
    let hidden = block.input.columns;
    let (rows, wide) = (x.len() / hidden, C::GATES * hidden);
    let normed = norm(&x, &block.norm.values);
    let mut gates = block.bias.values.repeat(rows);
    multiply([rows, wide, hidden], &mut gates, &normed, [hidden, 1], &block.input.values, [1, hidden], true);
    let (mut beside, mut states) = (vec![0.0; rows * hidden], vec![0.0; rows * hidden]);
    let mut own = vec![0.0; windows * wide];
    let zeros = vec![0.0; windows * hidden];
    let step = windows * hidden;
    for (number, gates) in gates.chunks_exact_mut(windows * wide).enumerate() {
        let (earlier_states, states) = states.split_at_mut(number * step);
        let (earlier_beside, beside) = beside.split_at_mut(number * step);
        let before = earlier_states.last_chunk_of(step).unwrap_or(&zeros);
        let beside_before = earlier_beside.last_chunk_of(step).unwrap_or(&zeros);
        multiply([windows, wide, hidden], &mut own, before, [hidden, 1], &block.recurrent.values, [1, hidden], false);
        C::forward(hidden, gates, &own, before, beside_before, &mut states[..step], &mut beside[..step]);
    }
    Layer { x, normed, gates, beside, states, mask: None }
}

impl Pass {
    /// See [`super::Pass::states`].
    pub fn states(&self) -> &[f32] {
        &self.states
    }

    /// See [`super::Pass::backward`].
    pub fn backward(self, weights: &Weights, states_gradient: &[f32], gradient: &mut Weights) -> Buffer {
        let Self { windows, hidden, input_mask, layers, x, states: _ } = self;
        let len = x.len() / (windows * hidden);
        let normed_gradient = turned(states_gradient, windows, len, hidden);
        let mut x_gradient = vec![0.0; x.len()];
        norm_backward(&x, &weights.final_norm, &normed_gradient, &mut x_gradient, &mut gradient.final_norm);
        let blocks = weights.blocks.iter().zip(&mut gradient.blocks).zip(&layers);
        for ((block, gradient), layer) in blocks.rev() {
            match (block, gradient) {
                (Block::Gru(block), Block::Gru(gradient)) => {
                    backward_layer::<Gru>(block, layer, windows, &mut x_gradient, gradient);
                }
                (Block::Lstm(block), Block::Lstm(gradient)) => {
                    backward_layer::<Lstm>(block, layer, windows, &mut x_gradient, gradient);
                }
                _ => {}
            }
        }
        apply(&input_mask, &mut x_gradient);
        turned(&x_gradient, len, windows, hidden)
    }
}

/// Adds the gradient of what came in to that of what goes on, `x_gradient`, and those of the parameters to `gradient`.
fn backward_layer<C: Cell>(
    block: &RecurrentBlock,
    layer: &Layer,
    windows: usize,
    x_gradient: &mut [f32],
    gradient: &mut RecurrentBlock,
) {
    let Layer { x, normed, gates, beside, states, mask } = layer;
    let hidden = block.input.columns;
    let (rows, wide) = (x.len() / hidden, C::GATES * hidden);
    let step = windows * hidden;
    let zeros = vec![0.0; step];
    let mut state_gradients = x_gradient.to_vec();
    apply(mask, &mut state_gradients);
    // Of the sums that the gates are made from, once for what the input gives and once for what the state gives.
    let (mut given, mut own) = (vec![0.0; rows * wide], vec![0.0; rows * wide]);
    let (mut carry, mut beside_gradient) = (vec![0.0; step], vec![0.0; step]);
    for number in (0..rows / windows).rev() {
        let (here, wide_here) = (number * step..(number + 1) * step, number * windows * wide..);
        add_scaled(&mut carry, &state_gradients[here.clone()], 1.0);
        C::backward(
            hidden,
            &Step {
                gates: &gates[wide_here.clone()][..windows * wide],
                beside: &beside[here.clone()],
                before: states[..here.start].last_chunk_of(step).unwrap_or(&zeros),
                beside_before: beside[..here.start].last_chunk_of(step).unwrap_or(&zeros),
            },
            &mut carry,
            &mut beside_gradient,
            &mut given[wide_here.clone()][..windows * wide],
            &mut own[wide_here.clone()][..windows * wide],
        );
        let own = &own[wide_here][..windows * wide];
        multiply([windows, hidden, wide], &mut carry, own, [wide, 1], &block.recurrent.values, [hidden, 1], true);
    }
    // The first step's state before it is zero.
    let (later, later_own) = (rows - windows, &own[windows * wide..]);
    let recurrent = &mut gradient.recurrent.values;
    multiply([wide, hidden, later], recurrent, later_own, [1, wide], states, [hidden, 1], true);
    given.chunks_exact(wide).for_each(|row| add_scaled(&mut gradient.bias.values, row, 1.0));
    let normed_gradient = linear_backward(normed, &block.input.values, hidden, &given, &mut gradient.input.values);
    norm_backward(x, &block.norm.values, &normed_gradient, x_gradient, &mut gradient.norm.values);
}

/// The last `count` values of what there is so far.
trait LastChunk {
    fn last_chunk_of(&self, count: usize) -> Option<&[f32]>;
}

impl LastChunk for [f32] {
    fn last_chunk_of(&self, count: usize) -> Option<&[f32]> {
        self.len().checked_sub(count).map(|start| &self[start..])
    }
}

/// Rows `[outer, inner]` as `[inner, outer]`, each of `hidden` values.
fn turned(rows: &[f32], outer: usize, inner: usize, hidden: usize) -> Buffer {
    let mut turned = Buffer::stale(rows.len());
    for (place, out) in turned.chunks_exact_mut(hidden).enumerate() {
        let (column, row) = (place / outer, place % outer);
        out.copy_from_slice(&rows[(row * inner + column) * hidden..][..hidden]);
    }
    turned
}
