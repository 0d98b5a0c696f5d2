//! An HSTU block: pointwise attention over a ring of keys and values, gated by the event itself.
//!
//! Zhai et al. 2024, "Actions Speak Louder than Words" (arXiv 2402.17152): SiLU in place of the softmax, divided by the
//! number of events; biases by how many events and how much time lie between; no feed-forward layer. RMS norm in place of
//! layer norm. The time is that between events, not to the one to come, which is not known yet.

use super::super::Lanes;
use super::{Scratch, add, rms_norm};
use crate::engine::ops::Step;
use crate::format::{Architecture, HstuBlock};

/// Key and value go to `memory`, which holds keys, then values, each `[heads, max_len, head_size]`; query, gate and attention's
/// biases stay in `scratch`.
pub fn project<L: Lanes>(
    architecture: &Architecture,
    block: &HstuBlock,
    step: &Step<'_>,
    memory: &mut [f32],
    scratch: &mut Scratch,
) {
    let Architecture { hidden, heads, max_len, .. } = *architecture;
    let head_size = architecture.head_size();
    let (keys, values) = memory.split_at_mut(memory.len() / 2);
    rms_norm(&scratch.state, &block.norm.values, &mut scratch.normed);
    L::multiply(&block.projection.values, &scratch.normed, &mut scratch.projected);
    silu::<L>(&mut scratch.projected);
    let (key, value) = scratch.projected[2 * hidden..].split_at(hidden);
    for head in 0..heads {
        let part = head * head_size..(head + 1) * head_size;
        let newest = (head * max_len + step.slot) * head_size;
        keys[newest..newest + head_size].copy_from_slice(&key[part.clone()]);
        values[newest..newest + head_size].copy_from_slice(&value[part]);
    }
    let bias = &mut scratch.bias[..step.filled];
    for (place, (bias, &bucket)) in bias.iter_mut().zip(step.buckets).enumerate() {
        let distance = (step.slot + max_len - place) % max_len;
        *bias = block.distance.values[distance] + block.time.values[bucket as usize];
    }
}

/// The rest of the block.
pub fn attend<L: Lanes>(architecture: &Architecture, block: &HstuBlock, memory: &[f32], scratch: &mut Scratch) {
    let Architecture { hidden, heads, max_len, .. } = *architecture;
    let head_size = architecture.head_size();
    let filled = scratch.filled;
    let (keys, values) = memory.split_at(memory.len() / 2);
    let (query, rest) = scratch.projected.split_at(hidden);
    let gate = &rest[..hidden];
    scratch.context.fill(0.0);
    let attention = &mut scratch.attention[..filled];
    for head in 0..heads {
        let part = head * head_size..(head + 1) * head_size;
        let start = head * max_len * head_size;
        let rows = start..start + filled * head_size;
        L::multiply(&keys[rows.clone()], &query[part.clone()], attention);
        add(attention, &scratch.bias);
        silu::<L>(attention);
        attention.iter_mut().for_each(|weight| *weight /= filled as f32);
        L::add_weighted_rows(&values[rows], attention, &mut scratch.context[part]);
    }
    rms_norm(&scratch.context, &block.context_norm.values, &mut scratch.normed);
    for (value, gate) in scratch.normed.iter_mut().zip(gate) {
        *value *= gate;
    }
    L::multiply(&block.output.values, &scratch.normed, &mut scratch.delta);
    add(&mut scratch.state, &scratch.delta);
}

/// Each value times its own logistic function.
fn silu<L: Lanes>(values: &mut [f32]) {
    let mut gates = [0.0; 64];
    for part in values.chunks_mut(gates.len()) {
        let gates = &mut gates[..part.len()];
        gates.copy_from_slice(part);
        L::gate(part, gates);
    }
}
