//! Transformer blocks on burn, for other devices than the CPU: see `engine/cpu/encode/transformer.rs`.

use super::graph::{drop, linear, rms_norm};
use super::transformer::seen;
use super::{Dropout, Encoder};
use crate::engine::input;
use crate::format::{Architecture, Block, TransformerBlock};
use burn::tensor::activation::{sigmoid, softmax};
use burn::tensor::{Tensor, TensorData};
use rand::Rng;

/// Added to the attention logits of events that are not seen.
const MASKED: f32 = -1e9;

/// What every block of a pass shares.
struct Shared {
    windows: usize,
    len: usize,
    /// `[1, 1, len, head_size / 2]`
    cosines: Tensor<4>,
    sines: Tensor<4>,
    /// 0 for the events that attention reaches: `[windows, 1, len, len]`, or the same for all windows, `[1, 1, len, len]`.
    mask: Tensor<4>,
}

/// All blocks, from and to `[windows * len, hidden]`.
pub fn forward<R: Rng>(
    encoder: &Encoder,
    blocks: &[Block<Tensor<2>>],
    mut x: Tensor<2>,
    ([windows, len], both_ways): ([usize; 2], Option<&[usize]>),
    dropout: &mut Dropout<'_, R>,
) -> Tensor<2> {
    let shared = shared(encoder, [windows, len], both_ways);
    for block in blocks {
        let Block::Transformer(block) = block else { continue };
        let attended = attend(&encoder.architecture, block, x.clone(), &shared);
        x = x + drop(attended, dropout);
        let fed = feed_forward(block, x.clone());
        x = x + drop(fed, dropout);
    }
    x
}

fn shared(encoder: &Encoder, [windows, len]: [usize; 2], both_ways: Option<&[usize]>) -> Shared {
    let Encoder { device, architecture, on_cpu: _ } = encoder;
    let pairs = architecture.head_size() / 2;
    let mut cosines = Vec::with_capacity(len * pairs);
    let mut sines = Vec::with_capacity(len * pairs);
    let mut rotation = vec![0.0; 2 * pairs];
    for position in 0..len {
        input::rotation(position as u64, &mut rotation);
        cosines.extend(rotation.iter().step_by(2));
        sines.extend(rotation.iter().skip(1).step_by(2));
    }
    let ends: Vec<Option<usize>> = both_ways.map_or(vec![None], |ends| ends.iter().copied().map(Some).collect());
    let mut mask = vec![MASKED; ends.len() * len * len];
    for (row, mask) in mask.chunks_exact_mut(len).enumerate() {
        mask[seen(row % len, architecture.max_len, ends[row / len])].fill(0.0);
    }
    let table = |values, [tables, columns]: [usize; 2]| {
        Tensor::<4>::from_data(TensorData::new(values, [tables, 1, len, columns]), device)
    };
    let [cosines, sines] = [cosines, sines].map(|values| table(values, [1, pairs]));
    Shared { windows, len, cosines, sines, mask: table(mask, [ends.len(), len]) }
}

fn attend(
    architecture: &Architecture,
    block: &TransformerBlock<Tensor<2>>,
    x: Tensor<2>,
    shared: &Shared,
) -> Tensor<2> {
    let Architecture { hidden, heads, .. } = *architecture;
    let head_size = architecture.head_size();
    let Shared { windows, len, cosines, sines, mask } = shared;
    let qkv = linear(rms_norm(x, &block.attention_norm), &block.qkv);
    let part = |place: usize| {
        qkv.clone()
            .slice([0..windows * len, place * hidden..(place + 1) * hidden])
            .reshape([*windows, *len, heads, head_size])
            .swap_dims(1, 2)
    };
    let query = rotate(part(0), cosines, sines);
    let key = rotate(part(1), cosines, sines);
    let logits = query.matmul(key.swap_dims(2, 3)).div_scalar((head_size as f32).sqrt()) + mask.clone();
    let context = softmax(logits, 3).matmul(part(2));
    linear(context.swap_dims(1, 2).reshape([windows * len, hidden]), &block.attention_out)
}

fn feed_forward(block: &TransformerBlock<Tensor<2>>, x: Tensor<2>) -> Tensor<2> {
    let inner = linear(rms_norm(x, &block.feed_forward_norm), &block.up);
    let [rows, width] = inner.dims();
    let gate = inner.clone().slice([0..rows, 0..width / 2]);
    let value = inner.slice([0..rows, width / 2..width]);
    linear(gate.clone() * sigmoid(gate) * value, &block.down)
}

/// Turns each pair (i, i + head_size / 2) of `[windows, heads, len, head_size]` by its position's angle.
fn rotate(x: Tensor<4>, cosines: &Tensor<4>, sines: &Tensor<4>) -> Tensor<4> {
    let [windows, heads, len, size] = x.dims();
    let first = x.clone().slice([0..windows, 0..heads, 0..len, 0..size / 2]);
    let second = x.slice([0..windows, 0..heads, 0..len, size / 2..size]);
    let turned_first = first.clone() * cosines.clone() - second.clone() * sines.clone();
    let turned_second = first * sines.clone() + second * cosines.clone();
    Tensor::cat(vec![turned_first, turned_second], 3)
}
