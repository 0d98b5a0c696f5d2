//! Transformer blocks on the CPU, forward and backward written out by hand: see `engine/cpu/encode/transformer.rs`.
//!
//! burn runs the same blocks on other devices (`transformer_graph.rs`), and the tests hold one against the other. On the
//! CPU most of burn's time is not arithmetic: it copies to slice and transpose, calls libm for each exponential and takes
//! new memory for every operation.

mod attention;

use super::super::buffer::Buffer;
use super::super::vector::{add_scaled, sigmoid, wide};
use super::rows::{apply, linear, linear_backward, norm, norm_backward};
use super::{Dropout, Inputs};
use crate::format::{Architecture, Block, TransformerBlock, Weights};
use attention::Attention;
pub use attention::seen;
use rand::Rng;

/// A forward pass.
pub struct Pass {
    attention: Attention,
    input_mask: Option<Buffer>,
    layers: Vec<Layer>,
    /// What the last norm is of, `[rows, hidden]`.
    x: Buffer,
    /// `[rows, hidden]`
    states: Buffer,
}

/// What a block's backward pass needs of its forward pass; a row for each step of each window.
struct Layer {
    /// What came in, `[rows, hidden]`.
    x: Buffer,
    /// `[rows, hidden]`
    normed: Buffer,
    /// Queries and keys are turned by their positions: `[rows, 3 * hidden]`.
    qkv: Buffer,
    /// How much each step attends to each, `[windows, heads, len, len]`.
    shares: Buffer,
    /// `[rows, hidden]`
    context: Buffer,
    attention_mask: Option<Buffer>,
    /// After attention, `[rows, hidden]`.
    middle: Buffer,
    /// `[rows, hidden]`
    middle_normed: Buffer,
    /// Gate, then value, `[rows, 2 * feed_forward]`.
    inner: Buffer,
    /// `[rows, feed_forward]`
    gated: Buffer,
    fed_mask: Option<Buffer>,
}

pub fn forward<R: Rng>(
    architecture: &Architecture,
    weights: &Weights,
    inputs: Inputs<'_>,
    dropout: &mut Dropout<'_, R>,
) -> Pass {
    let Inputs { values: mut x, times: _, windows, len, both_ways } = inputs;
    let attention = Attention::new(architecture, windows, len, both_ways);
    let input_mask = dropout.mask(x.len());
    apply(&input_mask, &mut x);
    let mut layers = Vec::with_capacity(weights.blocks.len());
    for block in &weights.blocks {
        let Block::Transformer(block) = block else { continue };
        let (layer, out) = forward_block(block, &attention, x, dropout);
        layers.push(layer);
        x = out;
    }
    let states = norm(&x, &weights.final_norm);
    Pass { attention, input_mask, layers, x, states }
}

fn forward_block<R: Rng>(
    block: &TransformerBlock,
    attention: &Attention,
    x: Buffer,
    dropout: &mut Dropout<'_, R>,
) -> (Layer, Buffer) {
    let hidden = attention.hidden;
    let normed = norm(&x, &block.attention_norm.values);
    let mut qkv = linear(&normed, &block.qkv.values, hidden);
    attention.turn(&mut qkv, false);
    let (shares, context) = attention.forward(&qkv);
    let mut middle = linear(&context, &block.attention_out.values, hidden);
    let attention_mask = dropout.mask(middle.len());
    apply(&attention_mask, &mut middle);
    add_scaled(&mut middle, &x, 1.0);

    let middle_normed = norm(&middle, &block.feed_forward_norm.values);
    let inner = linear(&middle_normed, &block.up.values, hidden);
    let width = block.down.columns;
    let gated = gate(&inner, width);
    let mut out = linear(&gated, &block.down.values, width);
    let fed_mask = dropout.mask(out.len());
    apply(&fed_mask, &mut out);
    add_scaled(&mut out, &middle, 1.0);
    let layer =
        Layer { x, normed, qkv, shares, context, attention_mask, middle, middle_normed, inner, gated, fed_mask };
    (layer, out)
}

impl Pass {
    /// See [`super::Pass::states`].
    pub fn states(&self) -> &[f32] {
        &self.states
    }

    /// See [`super::Pass::backward`].
    pub fn backward(self, weights: &Weights, states_gradient: &[f32], gradient: &mut Weights) -> Buffer {
        let Self { attention, input_mask, layers, x, states: _ } = self;
        let mut x_gradient = Buffer::zeros(x.len());
        norm_backward(&x, &weights.final_norm, states_gradient, &mut x_gradient, &mut gradient.final_norm);
        let blocks = weights.blocks.iter().zip(&mut gradient.blocks).zip(&layers);
        for ((block, gradient), layer) in blocks.rev() {
            if let (Block::Transformer(block), Block::Transformer(gradient)) = (block, gradient) {
                backward_block(block, &attention, layer, &mut x_gradient, gradient);
            }
        }
        apply(&input_mask, &mut x_gradient);
        x_gradient
    }
}

/// Turns the gradient of what goes on, `x_gradient`, into that of what came in, and adds those of the parameters.
fn backward_block(
    block: &TransformerBlock,
    attention: &Attention,
    layer: &Layer,
    x_gradient: &mut [f32],
    gradient: &mut TransformerBlock,
) {
    let (hidden, width) = (attention.hidden, block.down.columns);
    let mut part = Buffer::copy_of(x_gradient);
    apply(&layer.fed_mask, &mut part);
    part = linear_backward(&layer.gated, &block.down.values, width, &part, &mut gradient.down.values);
    part = gate_backward(&layer.inner, &part, width);
    part = linear_backward(&layer.middle_normed, &block.up.values, hidden, &part, &mut gradient.up.values);
    let norm_gradient = &mut gradient.feed_forward_norm.values;
    norm_backward(&layer.middle, &block.feed_forward_norm.values, &part, x_gradient, norm_gradient);

    part.copy_from_slice(x_gradient);
    apply(&layer.attention_mask, &mut part);
    let out_gradient = &mut gradient.attention_out.values;
    part = linear_backward(&layer.context, &block.attention_out.values, hidden, &part, out_gradient);
    part = attention.backward(&layer.qkv, &layer.shares, &part);
    attention.turn(&mut part, true);
    part = linear_backward(&layer.normed, &block.qkv.values, hidden, &part, &mut gradient.qkv.values);
    let norm_gradient = &mut gradient.attention_norm.values;
    norm_backward(&layer.x, &block.attention_norm.values, &part, x_gradient, norm_gradient);
}

/// Each row's values, let through by its gates: value * gate * sigmoid(gate).
fn gate(inner: &[f32], width: usize) -> Buffer {
    let mut gated = Buffer::stale(inner.len() / 2);
    wide!([gated: &mut [f32] = &mut gated, inner: &[f32] = inner, width: usize = width] {
        for (out, inner) in gated.chunks_exact_mut(width).zip(inner.chunks_exact(2 * width)) {
            let (gates, values) = inner.split_at(width);
            for ((out, &gate), value) in out.iter_mut().zip(gates).zip(values) {
                *out = gate * sigmoid(gate) * value;
            }
        }
    });
    gated
}

fn gate_backward(inner: &[f32], gradient: &[f32], width: usize) -> Buffer {
    let mut out = Buffer::stale(inner.len());
    wide!([out: &mut [f32] = &mut out, inner: &[f32] = inner, gradient: &[f32] = gradient, width: usize = width] {
        let rows = out.chunks_exact_mut(2 * width).zip(inner.chunks_exact(2 * width)).zip(gradient.chunks_exact(width));
        for ((out, inner), gradient) in rows {
            let (gate_gradients, value_gradients) = out.split_at_mut(width);
            let (gates, values) = inner.split_at(width);
            let inputs = gates.iter().zip(values).zip(gradient);
            let outputs = gate_gradients.iter_mut().zip(value_gradients);
            for (((&gate, value), gradient), (gate_gradient, value_gradient)) in inputs.zip(outputs) {
                let open = sigmoid(gate);
                *gate_gradient = gradient * value * open * (1.0 + gate * (1.0 - open));
                *value_gradient = gradient * gate * open;
            }
        }
    });
    out
}
