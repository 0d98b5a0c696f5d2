//! One event through the transformer: a step of streaming attention over a ring of keys and values.
//!
//! Pre-norm blocks (Xiong et al. 2020, arXiv 2002.04745) with RMS norm, rotary positions (arXiv 2104.09864) and a
//! gated feed-forward layer (SwiGLU, arXiv 2002.05202).

use super::super::ops::Step;
use super::Lanes;
use crate::format::{Architecture, Block, TERMS, Weights};

/// Keeps the norm of a zero vector from dividing by zero.
pub const RMS_EPSILON: f32 = 1e-6;

/// Keys and values of the last events, each `[blocks, heads, max_len, head_size]`.
#[derive(Clone)]
pub struct Ring {
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl Ring {
    pub fn new(architecture: &Architecture) -> Self {
        let size = architecture.blocks * architecture.max_len * architecture.hidden;
        Self { keys: vec![0.0; size], values: vec![0.0; size] }
    }
}

/// Room for one step.
#[derive(Clone)]
pub struct Scratch {
    /// The residual stream, `[hidden]`.
    state: Vec<f32>,
    normed: Vec<f32>,
    /// `[3 * hidden]`
    qkv: Vec<f32>,
    context: Vec<f32>,
    /// `[max_len]`
    attention: Vec<f32>,
    /// `[2 * feed_forward]`
    inner: Vec<f32>,
    /// `[hidden]`
    delta: Vec<f32>,
}

impl Scratch {
    pub fn new(architecture: &Architecture) -> Self {
        let Architecture { hidden, heads: _, blocks: _, feed_forward, max_len, counting: _ } = *architecture;
        Self {
            state: vec![0.0; hidden],
            normed: vec![0.0; hidden],
            qkv: vec![0.0; 3 * hidden],
            context: vec![0.0; hidden],
            attention: vec![0.0; max_len],
            inner: vec![0.0; 2 * feed_forward],
            delta: vec![0.0; hidden],
        }
    }
}

/// Runs all blocks; the result stays in `scratch`.
pub fn run<L: Lanes>(
    architecture: &Architecture,
    weights: &Weights,
    step: &Step<'_>,
    ring: &mut Ring,
    scratch: &mut Scratch,
) {
    scratch.state.copy_from_slice(step.input);
    let block_size = architecture.max_len * architecture.hidden;
    for (place, block) in weights.blocks.iter().enumerate() {
        let range = place * block_size..(place + 1) * block_size;
        let (keys, values) = (&mut ring.keys[range.clone()], &mut ring.values[range]);
        attend::<L>(architecture, block, step, keys, values, scratch);
        feed_forward::<L>(block, scratch);
    }
}

/// The query (unit state times the learned scale) and the state's gates.
pub fn finish<L: Lanes>(weights: &Weights, scratch: &mut Scratch, query: &mut [f32], gates: &mut [f32; TERMS]) {
    rms_norm(&scratch.state, &weights.final_norm, &mut scratch.normed);
    L::multiply(&weights.gates.values, &scratch.normed, gates);
    for (gate, bias) in gates.iter_mut().zip(&weights.gate_bias) {
        *gate += bias;
    }
    let length = scratch.normed.iter().map(|value| value * value).sum::<f32>().sqrt();
    let factor = weights.log_scale.exp() / length.max(f32::MIN_POSITIVE);
    for (value, normed) in query.iter_mut().zip(&scratch.normed) {
        *value = factor * normed;
    }
}

fn attend<L: Lanes>(
    architecture: &Architecture,
    block: &Block,
    step: &Step<'_>,
    keys: &mut [f32],
    values: &mut [f32],
    scratch: &mut Scratch,
) {
    let head_size = architecture.head_size();
    rms_norm(&scratch.state, &block.attention_norm, &mut scratch.normed);
    L::multiply(&block.qkv.values, &scratch.normed, &mut scratch.qkv);
    let (query, rest) = scratch.qkv.split_at_mut(architecture.hidden);
    let (key, value) = rest.split_at_mut(architecture.hidden);
    scratch.context.fill(0.0);
    let attention = &mut scratch.attention[..step.filled];
    for head in 0..architecture.heads {
        let part = head * head_size..(head + 1) * head_size;
        rotate(&mut query[part.clone()], step.rotation);
        rotate(&mut key[part.clone()], step.rotation);
        let start = head * architecture.max_len * head_size;
        let newest = start + step.slot * head_size;
        keys[newest..newest + head_size].copy_from_slice(&key[part.clone()]);
        values[newest..newest + head_size].copy_from_slice(&value[part.clone()]);
        let filled = start..start + step.filled * head_size;
        L::multiply(&keys[filled.clone()], &query[part.clone()], attention);
        softmax(attention, 1.0 / (head_size as f32).sqrt());
        L::add_weighted_rows(&values[filled], attention, &mut scratch.context[part]);
    }
    L::multiply(&block.attention_out.values, &scratch.context, &mut scratch.delta);
    add(&mut scratch.state, &scratch.delta);
}

fn feed_forward<L: Lanes>(block: &Block, scratch: &mut Scratch) {
    rms_norm(&scratch.state, &block.feed_forward_norm, &mut scratch.normed);
    L::multiply(&block.up.values, &scratch.normed, &mut scratch.inner);
    let (gate, up) = scratch.inner.split_at_mut(block.down.columns);
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = *gate / (1.0 + (-*gate).exp()) * *up;
    }
    L::multiply(&block.down.values, gate, &mut scratch.delta);
    add(&mut scratch.state, &scratch.delta);
}

/// RMS norm, Zhang and Sennrich 2019 (arXiv 1910.07467).
fn rms_norm(x: &[f32], weight: &[f32], out: &mut [f32]) {
    let mean_square = x.iter().map(|value| value * value).sum::<f32>() / x.len() as f32;
    let factor = 1.0 / (mean_square + RMS_EPSILON).sqrt();
    for ((out, value), weight) in out.iter_mut().zip(x).zip(weight) {
        *out = value * factor * weight;
    }
}

/// Turns each pair (i, i + head_size / 2) by its angle.
fn rotate(head: &mut [f32], rotation: &[f32]) {
    let (first, second) = head.split_at_mut(rotation.len() / 2);
    for ((a, b), turn) in first.iter_mut().zip(second).zip(rotation.chunks_exact(2)) {
        let (cosine, sine) = (turn[0], turn[1]);
        (*a, *b) = (*a * cosine - *b * sine, *a * sine + *b * cosine);
    }
}

fn softmax(logits: &mut [f32], factor: f32) {
    let largest = logits.iter().fold(f32::MIN, |largest, &logit| largest.max(logit));
    let mut sum = 0.0;
    for logit in logits.iter_mut() {
        *logit = ((*logit - largest) * factor).exp();
        sum += *logit;
    }
    for weight in logits {
        *weight /= sum;
    }
}

fn add(x: &mut [f32], delta: &[f32]) {
    for (value, delta) in x.iter_mut().zip(delta) {
        *value += delta;
    }
}
