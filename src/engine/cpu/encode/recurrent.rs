//! A recurrent layer: a state of `[hidden]` that each step changes, so that one event costs the same however many came
//! before.
//!
//! Pre-norm with a residual connection around the layer, as in the transformer.

use super::super::Lanes;
use super::{Scratch, add, rms_norm, sigmoid};
use crate::engine::ops::Step;
use crate::format::RecurrentBlock;

/// Gated recurrent unit, Cho et al. 2014 (arXiv 1406.1078), the reset gate applied to the product with the state, as
/// in cuDNN and PyTorch. `memory` is the state.
pub fn gru<L: Lanes>(block: &RecurrentBlock, step: &Step<'_>, memory: &mut [f32], scratch: &mut Scratch) {
    let hidden = memory.len();
    forget_before_the_first(step, memory);
    multiply::<L>(block, 3 * hidden, memory, scratch);
    let (given, own) = (&scratch.projected, &scratch.inner);
    for (place, state) in memory.iter_mut().enumerate() {
        let update = sigmoid(given[place] + own[place]);
        let reset = sigmoid(given[hidden + place] + own[hidden + place]);
        let candidate = tanh(given[2 * hidden + place] + reset * own[2 * hidden + place]);
        *state = candidate + update * (*state - candidate);
    }
    add(&mut scratch.state, memory);
}

/// Long short-term memory, Hochreiter and Schmidhuber 1997, with forget gates (Gers et al. 2000). `memory` is the state,
/// then the cells.
pub fn lstm<L: Lanes>(block: &RecurrentBlock, step: &Step<'_>, memory: &mut [f32], scratch: &mut Scratch) {
    forget_before_the_first(step, memory);
    let hidden = memory.len() / 2;
    let (state, cells) = memory.split_at_mut(hidden);
    multiply::<L>(block, 4 * hidden, state, scratch);
    let (given, own) = (&scratch.projected, &scratch.inner);
    for (place, (state, cell)) in state.iter_mut().zip(cells).enumerate() {
        let sum = |gate: usize| given[gate * hidden + place] + own[gate * hidden + place];
        *cell = sigmoid(sum(1)) * *cell + sigmoid(sum(0)) * tanh(sum(2));
        *state = sigmoid(sum(3)) * tanh(*cell);
    }
    add(&mut scratch.state, state);
}

fn forget_before_the_first(step: &Step<'_>, memory: &mut [f32]) {
    if step.filled == 1 {
        memory.fill(0.0);
    }
}

/// What the gates are given by the normed input, with their bias, and by the layer's own state: each `[rows]`.
fn multiply<L: Lanes>(block: &RecurrentBlock, rows: usize, state: &[f32], scratch: &mut Scratch) {
    rms_norm(&scratch.state, &block.norm.values, &mut scratch.normed);
    let given = &mut scratch.projected[..rows];
    L::multiply(&block.input.values, &scratch.normed, given);
    add(given, &block.bias.values);
    L::multiply(&block.recurrent.values, state, &mut scratch.inner[..rows]);
}

/// By the exponential that the page has already.
fn tanh(x: f32) -> f32 {
    2.0 * sigmoid(2.0 * x) - 1.0
}
