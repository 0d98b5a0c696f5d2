//! HSTU blocks on burn: see `engine/cpu/encode/hstu.rs`.

use super::graph::{drop, linear, rms_norm};
use super::{Dropout, Encoder};
use crate::engine::input;
use crate::format::{Architecture, Block, HstuBlock, TIME_BUCKETS};
use burn::tensor::activation::silu;
use burn::tensor::{Int, Tensor, TensorData};
use rand::Rng;

/// What every block of a pass shares.
struct Shared {
    windows: usize,
    len: usize,
    /// For each pair of places how many events lie between, `[len * len]`; 0 where attention does not reach.
    distances: Tensor<1, Int>,
    /// And the bucket of the time between, `[windows * len * len]`.
    buckets: Tensor<1, Int>,
    /// `[1, 1, len, len]`: one over the number of events that a place sees where it sees another, else 0.
    shares: Tensor<4>,
}

/// All blocks, from and to `[windows * len, hidden]`.
pub fn forward<R: Rng>(
    encoder: &Encoder,
    blocks: &[Block<Tensor<2>>],
    mut x: Tensor<2>,
    times: &[i64],
    [windows, len]: [usize; 2],
    dropout: &mut Dropout<'_, R>,
) -> Tensor<2> {
    let shared = shared(encoder, times, windows, len);
    for block in blocks {
        let Block::Hstu(block) = block else { continue };
        let attended = attend(&encoder.architecture, block, x.clone(), &shared);
        x = x + drop(attended, dropout);
    }
    x
}

fn shared(encoder: &Encoder, times: &[i64], windows: usize, len: usize) -> Shared {
    let Encoder { device, architecture, on_cpu: _ } = encoder;
    let (mut distances, mut shares) = (vec![0; len * len], vec![0.0; len * len]);
    let mut buckets = vec![0; windows * len * len];
    for place in 0..len {
        let reach = (place + 1).min(architecture.max_len);
        for back in 0..reach {
            let pair = place * len + place - back;
            distances[pair] = back as i32;
            shares[pair] = 1.0 / reach as f32;
            for (times, buckets) in times.chunks_exact(len).zip(buckets.chunks_exact_mut(len * len)) {
                buckets[pair] = input::time_bucket(times[place - back], times[place]) as i32;
            }
        }
    }
    let indices = |values: Vec<i32>| {
        let shape = [values.len()];
        Tensor::<1, Int>::from_data(TensorData::new(values, shape), device)
    };
    Shared {
        windows,
        len,
        distances: indices(distances),
        buckets: indices(buckets),
        shares: Tensor::from_data(TensorData::new(shares, [1, 1, len, len]), device),
    }
}

fn attend(architecture: &Architecture, block: &HstuBlock<Tensor<2>>, x: Tensor<2>, shared: &Shared) -> Tensor<2> {
    let Architecture { hidden, heads, max_len, .. } = *architecture;
    let Shared { windows, len, distances, buckets, shares } = shared;
    let projected = silu(linear(rms_norm(x, &block.norm), &block.projection));
    let part = |place: usize| projected.clone().slice([0..windows * len, place * hidden..(place + 1) * hidden]);
    let in_heads =
        |place: usize| part(place).reshape([*windows, *len, heads, architecture.head_size()]).swap_dims(1, 2);
    let distance = block.distance.clone().reshape([max_len]).select(0, distances.clone()).reshape([1, 1, *len, *len]);
    let time = block.time.clone().reshape([TIME_BUCKETS]).select(0, buckets.clone()).reshape([*windows, 1, *len, *len]);
    let logits = in_heads(0).matmul(in_heads(2).swap_dims(2, 3)) + distance + time;
    let context = (silu(logits) * shares.clone()).matmul(in_heads(3));
    let context = context.swap_dims(1, 2).reshape([windows * len, hidden]);
    linear(rms_norm(context, &block.context_norm) * part(1), &block.output)
}
