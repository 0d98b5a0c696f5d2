//! A transformer block: a step of streaming attention over a ring of keys and values.
//!
//! Pre-norm (Xiong et al. 2020, arXiv 2002.04745) with RMS norm, rotary positions (arXiv 2104.09864) and a gated
//! feed-forward layer (SwiGLU, arXiv 2002.05202).

use super::super::Lanes;
use super::{Scratch, add, rms_norm};
use crate::engine::ops::Step;
use crate::format::{Architecture, TransformerBlock};

/// Key and value go to `memory`, which holds keys, then values, each `[heads, max_len, head_size]`; the query stays in
/// `scratch`.
pub fn project<L: Lanes>(
    architecture: &Architecture,
    block: &TransformerBlock,
    step: &Step<'_>,
    memory: &mut [f32],
    scratch: &mut Scratch,
) {
    let head_size = architecture.head_size();
    let (keys, values) = memory.split_at_mut(memory.len() / 2);
    rms_norm(&scratch.state, &block.attention_norm.values, &mut scratch.normed);
    let qkv = &mut scratch.projected[..3 * architecture.hidden];
    L::multiply(&block.qkv.values, &scratch.normed, qkv);
    let (query, rest) = qkv.split_at_mut(architecture.hidden);
    let (key, value) = rest.split_at_mut(architecture.hidden);
    let factor = 1.0 / (head_size as f32).sqrt();
    for head in 0..architecture.heads {
        let part = head * head_size..(head + 1) * head_size;
        rotate(&mut query[part.clone()], step.rotation);
        query[part.clone()].iter_mut().for_each(|value| *value *= factor);
        rotate(&mut key[part.clone()], step.rotation);
        let newest = (head * architecture.max_len + step.slot) * head_size;
        keys[newest..newest + head_size].copy_from_slice(&key[part.clone()]);
        values[newest..newest + head_size].copy_from_slice(&value[part]);
    }
}

/// The rest of the block.
pub fn attend<L: Lanes>(architecture: &Architecture, block: &TransformerBlock, memory: &[f32], scratch: &mut Scratch) {
    let head_size = architecture.head_size();
    let filled = scratch.filled;
    let (keys, values) = memory.split_at(memory.len() / 2);
    scratch.context.fill(0.0);
    let attention = &mut scratch.attention[..filled];
    for head in 0..architecture.heads {
        let part = head * head_size..(head + 1) * head_size;
        let start = head * architecture.max_len * head_size;
        let rows = start..start + filled * head_size;
        L::multiply(&keys[rows.clone()], &scratch.projected[part.clone()], attention);
        let largest = L::largest(attention);
        let sum = L::exp_all(attention, largest);
        let context = &mut scratch.context[part];
        L::add_weighted_rows(&values[rows], attention, context);
        context.iter_mut().for_each(|value| *value /= sum);
    }
    L::multiply(&block.attention_out.values, &scratch.context, &mut scratch.delta);
    add(&mut scratch.state, &scratch.delta);
    feed_forward::<L>(block, scratch);
}

fn feed_forward<L: Lanes>(block: &TransformerBlock, scratch: &mut Scratch) {
    rms_norm(&scratch.state, &block.feed_forward_norm.values, &mut scratch.normed);
    L::multiply(&block.up.values, &scratch.normed, &mut scratch.inner);
    let (gate, up) = scratch.inner.split_at_mut(block.down.columns);
    up.iter_mut().zip(&*gate).for_each(|(up, gate)| *up *= gate);
    L::gate(up, gate);
    L::multiply(&block.down.values, up, &mut scratch.delta);
    add(&mut scratch.state, &scratch.delta);
}

/// Turns each pair (i, i + head_size / 2) by its angle.
fn rotate(head: &mut [f32], rotation: &[f32]) {
    let (first, second) = head.split_at_mut(rotation.len() / 2);
    for ((a, b), turn) in first.iter_mut().zip(second).zip(rotation.chunks_exact(2)) {
        let (cosine, sine) = (turn[0], turn[1]);
        (*a, *b) = (*a * cosine - *b * sine, *a * sine + *b * cosine);
    }
}
