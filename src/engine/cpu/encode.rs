//! One event through the encoder: one step, from the event's input to the query and the gates. What no later step looks at
//! waits for a prediction: of many events one after the other, only the last ends the last block.
//!
//! Each kind of block is a file of its own below `encode/`.

mod hstu;
mod recurrent;
mod transformer;

use super::super::ops::Step;
use super::Lanes;
use crate::format::{Architecture, Block, HeadWeights, Metadata, Model, TERMS};
use std::ops::Range;

/// Keeps the norm of a zero vector from dividing by zero.
pub const RMS_EPSILON: f32 = 1e-6;

/// Room for one step, and what it leaves for [`conclude`].
#[derive(Clone)]
pub struct Scratch {
    /// The residual stream, `[hidden]`.
    state: Vec<f32>,
    normed: Vec<f32>,
    /// What comes of the normed state, `[4 * hidden]`: queries, keys and values; a recurrent layer's gates.
    projected: Vec<f32>,
    /// `[hidden]`
    context: Vec<f32>,
    /// `[max_len]`
    attention: Vec<f32>,
    /// What is added to an HSTU's attention, `[max_len]`.
    bias: Vec<f32>,
    /// `[2 * feed_forward]`; what comes of a recurrent layer's own state, `[4 * hidden]`.
    inner: Vec<f32>,
    /// `[hidden]`
    delta: Vec<f32>,
    /// The places of the ring that the last step found filled.
    filled: usize,
}

impl Scratch {
    pub fn new(architecture: &Architecture) -> Self {
        let Architecture { encoder, hidden, heads: _, blocks: _, feed_forward, max_len, repeat_counts: _, counting: _ } =
            *architecture;
        Self {
            state: vec![0.0; hidden],
            normed: vec![0.0; hidden],
            projected: vec![0.0; 4 * hidden],
            context: vec![0.0; hidden],
            attention: vec![0.0; max_len],
            bias: vec![0.0; max_len],
            inner: vec![0.0; if encoder.is_recurrent() { 4 * hidden } else { 2 * feed_forward }],
            delta: vec![0.0; hidden],
            filled: 0,
        }
    }
}

/// What the blocks remember between steps, for each [`Architecture::memory`] floats.
pub fn memory(architecture: &Architecture) -> Vec<f32> {
    vec![0.0; architecture.blocks * architecture.memory()]
}

/// Runs all blocks, the last up to what later steps look at; the rest stays in `scratch` for [`conclude`].
pub fn run<L: Lanes>(model: &Model, step: &Step<'_>, memory: &mut [f32], scratch: &mut Scratch) {
    let Model { metadata: Metadata { architecture, .. }, weights, .. } = model;
    scratch.state.copy_from_slice(step.input);
    scratch.filled = step.filled;
    for (place, block) in weights.blocks.iter().enumerate() {
        if place > 0 {
            attend::<L>(model, place - 1, memory, scratch);
        }
        let memory = &mut memory[part(architecture, place)];
        match block {
            Block::Transformer(block) => transformer::project::<L>(architecture, block, step, memory, scratch),
            Block::Gru(block) => recurrent::gru::<L>(block, step, memory, scratch),
            Block::Lstm(block) => recurrent::lstm::<L>(block, step, memory, scratch),
            Block::Hstu(block) => hstu::project::<L>(architecture, block, step, memory, scratch),
        }
    }
}

/// A block's part of `memory`.
fn part(architecture: &Architecture, place: usize) -> Range<usize> {
    let size = architecture.memory();
    place * size..(place + 1) * size
}

/// What a block has left to do once it has projected.
fn attend<L: Lanes>(model: &Model, place: usize, memory: &[f32], scratch: &mut Scratch) {
    let Model { metadata: Metadata { architecture, .. }, weights, .. } = model;
    let memory = &memory[part(architecture, place)];
    match &weights.blocks[place] {
        Block::Transformer(block) => transformer::attend::<L>(architecture, block, memory, scratch),
        Block::Hstu(block) => hstu::attend::<L>(architecture, block, memory, scratch),
        Block::Gru(_) | Block::Lstm(_) => {}
    }
}

/// Ends the last step: the query (unit state times the learned scale) and the state's gates; without a state, what the gates
/// are always.
pub fn conclude<L: Lanes>(
    model: &Model,
    memory: &[f32],
    scratch: &mut Scratch,
    query: &mut [f32],
    gates: &mut [f32; TERMS],
) {
    let weights = &model.weights;
    if let Some(last) = weights.blocks.len().checked_sub(1) {
        attend::<L>(model, last, memory, scratch);
    }
    gates.fill(0.0);
    if !query.is_empty() {
        rms_norm(&scratch.state, &weights.final_norm, &mut scratch.normed);
        L::multiply(&weights.gates.values, &scratch.normed, gates);
    }
    for (gate, bias) in gates.iter_mut().zip(&weights.gate_bias) {
        *gate += bias;
    }
    let length = scratch.normed.iter().map(|value| value * value).sum::<f32>().sqrt();
    let factor = weights.log_scale.exp() / length.max(f32::MIN_POSITIVE);
    for (value, normed) in query.iter_mut().zip(&scratch.normed) {
        *value = factor * normed;
    }
}

/// What a head says of the state that [`conclude`] left, `[outputs]`.
pub fn head<L: Lanes>(head: &HeadWeights, scratch: &Scratch) -> Vec<f32> {
    let mut outputs = vec![0.0; head.bias.len()];
    L::multiply(&head.weight.values, &scratch.normed, &mut outputs);
    add(&mut outputs, &head.bias);
    outputs
}

/// RMS norm, Zhang and Sennrich 2019 (arXiv 1910.07467).
fn rms_norm(x: &[f32], weight: &[f32], out: &mut [f32]) {
    let mean_square = x.iter().map(|value| value * value).sum::<f32>() / x.len() as f32;
    let factor = 1.0 / (mean_square + RMS_EPSILON).sqrt();
    for ((out, value), weight) in out.iter_mut().zip(x).zip(weight) {
        *out = value * factor * weight;
    }
}

/// The logistic function.
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn add(x: &mut [f32], delta: &[f32]) {
    for (value, delta) in x.iter_mut().zip(delta) {
        *value += delta;
    }
}
