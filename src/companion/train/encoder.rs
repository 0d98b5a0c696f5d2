//! The transformer on burn: forward for a batch of windows, backward from the gradient of its states.
//!
//! The same network as `engine::cpu::encode`, a whole window at once instead of an event at a time.

use crate::engine::cpu::RMS_EPSILON;
use crate::engine::input;
use crate::format::{Architecture, Block, Weights};
use burn::tensor::activation::{sigmoid, softmax};
use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, RngExt};

/// Added to the attention logits of later events.
const MASKED: f32 = -1e9;

/// The transformer on one of burn's devices.
#[derive(Debug, Clone)]
pub struct Encoder {
    device: Device,
    architecture: Architecture,
}

/// A forward pass that waits for its backward pass.
pub struct Pass {
    input: Tensor<3>,
    blocks: Vec<BlockTensors>,
    final_norm: Tensor<1>,
    /// `[windows * len, hidden]`
    states: Tensor<2>,
}

struct BlockTensors {
    attention_norm: Tensor<1>,
    qkv: Tensor<2>,
    attention_out: Tensor<2>,
    feed_forward_norm: Tensor<1>,
    up: Tensor<2>,
    down: Tensor<2>,
}

/// What every block of a pass shares.
struct Shared {
    windows: usize,
    len: usize,
    /// `[1, 1, len, head_size / 2]`
    cosines: Tensor<4>,
    sines: Tensor<4>,
    /// `[1, 1, len, len]`: 0 for this event and the earlier ones that attention reaches.
    mask: Tensor<4>,
}

impl Encoder {
    /// An encoder on a device that keeps track of gradients.
    pub fn new(device: Device, architecture: Architecture) -> Self {
        Self { device: device.autodiff(), architecture }
    }

    /// Runs windows of equal length. `input` is `[windows, len, hidden]`; `dropout` draws the masks while training.
    pub fn forward<R: Rng>(
        &self,
        weights: &Weights,
        input: Vec<f32>,
        windows: usize,
        mut dropout: Option<(f32, &mut R)>,
    ) -> Pass {
        let hidden = self.architecture.hidden;
        let len = input.len() / (windows * hidden);
        let shared = self.shared(windows, len);
        let input = Tensor::<3>::from_data(TensorData::new(input, [windows, len, hidden]), &self.device).require_grad();
        let blocks: Vec<BlockTensors> = weights.blocks.iter().map(|block| self.upload(block)).collect();
        let final_norm = self.vector(&weights.final_norm);
        let mut x: Tensor<2> = self.drop(input.clone().reshape([windows * len, hidden]), &mut dropout);
        for block in &blocks {
            let attended = self.attend(block, x.clone(), &shared);
            x = x + self.drop(attended, &mut dropout);
            let fed = feed_forward(block, x.clone());
            x = x + self.drop(fed, &mut dropout);
        }
        let states = rms_norm(x, &final_norm);
        Pass { input, blocks, final_norm, states }
    }

    fn shared(&self, windows: usize, len: usize) -> Shared {
        let pairs = self.architecture.head_size() / 2;
        let mut cosines = Vec::with_capacity(len * pairs);
        let mut sines = Vec::with_capacity(len * pairs);
        let mut rotation = vec![0.0; 2 * pairs];
        let mut mask = vec![0.0; len * len];
        for position in 0..len {
            input::rotation(position as u64, &mut rotation);
            cosines.extend(rotation.iter().step_by(2));
            sines.extend(rotation.iter().skip(1).step_by(2));
            for other in 0..len {
                if other > position || position - other >= self.architecture.max_len {
                    mask[position * len + other] = MASKED;
                }
            }
        }
        let table =
            |values, columns| Tensor::<4>::from_data(TensorData::new(values, [1, 1, len, columns]), &self.device);
        Shared { windows, len, cosines: table(cosines, pairs), sines: table(sines, pairs), mask: table(mask, len) }
    }

    fn attend(&self, block: &BlockTensors, x: Tensor<2>, shared: &Shared) -> Tensor<2> {
        let Architecture { hidden, heads, .. } = self.architecture;
        let head_size = self.architecture.head_size();
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

    /// Inverted dropout with masks from our own stream: burn's is slow on the CPU and global.
    fn drop<R: Rng>(&self, x: Tensor<2>, dropout: &mut Option<(f32, &mut R)>) -> Tensor<2> {
        let Some((share, rng)) = dropout else { return x };
        if *share == 0.0 {
            return x;
        }
        let shape = x.dims();
        let threshold = (f64::from(*share) * 65536.0) as u16;
        let keep = 1.0 / (1.0 - *share);
        let mut mask = Vec::with_capacity(shape[0] * shape[1]);
        while mask.len() < shape[0] * shape[1] {
            let bits: u64 = rng.random();
            mask.extend((0..4).map(|lane| if (bits >> (16 * lane)) as u16 >= threshold { keep } else { 0.0 }));
        }
        mask.truncate(shape[0] * shape[1]);
        x * Tensor::<2>::from_data(TensorData::new(mask, shape), &self.device)
    }

    fn upload(&self, block: &Block) -> BlockTensors {
        let Block { attention_norm, qkv, attention_out, feed_forward_norm, up, down } = block;
        let matrix = |matrix: &crate::format::Matrix| {
            let data = TensorData::new(matrix.values.clone(), [matrix.rows(), matrix.columns]);
            Tensor::<2>::from_data(data, &self.device).require_grad()
        };
        BlockTensors {
            attention_norm: self.vector(attention_norm),
            qkv: matrix(qkv),
            attention_out: matrix(attention_out),
            feed_forward_norm: self.vector(feed_forward_norm),
            up: matrix(up),
            down: matrix(down),
        }
    }

    fn vector(&self, values: &[f32]) -> Tensor<1> {
        Tensor::<1>::from_data(TensorData::new(values.to_vec(), [values.len()]), &self.device).require_grad()
    }
}

impl Pass {
    /// The states after the last norm, `[windows * len, hidden]`.
    pub fn states(&self) -> Vec<f32> {
        numbers(self.states.clone())
    }

    /// Takes the gradient of the states, adds those of blocks and norms to `gradient`, gives that of the input,
    /// `[windows, len, hidden]`.
    pub fn backward(self, states_gradient: Vec<f32>, gradient: &mut Weights) -> Vec<f32> {
        let Self { input, blocks, final_norm, states } = self;
        let outer = Tensor::<2>::from_data(
            TensorData::new(states_gradient, states.dims()),
            &states.device().without_autodiff(),
        );
        let loss = (states * Tensor::from_inner(outer)).sum();
        let gradients = loss.backward();
        let take1 = |tensor: &Tensor<1>, into: &mut [f32]| add(into, tensor.grad(&gradients).map(numbers));
        let take2 = |tensor: &Tensor<2>, into: &mut [f32]| add(into, tensor.grad(&gradients).map(numbers));
        take1(&final_norm, &mut gradient.final_norm);
        for (tensors, block) in blocks.iter().zip(&mut gradient.blocks) {
            let BlockTensors { attention_norm, qkv, attention_out, feed_forward_norm, up, down } = tensors;
            take1(attention_norm, &mut block.attention_norm);
            take2(qkv, &mut block.qkv.values);
            take2(attention_out, &mut block.attention_out.values);
            take1(feed_forward_norm, &mut block.feed_forward_norm);
            take2(up, &mut block.up.values);
            take2(down, &mut block.down.values);
        }
        input.grad(&gradients).map(numbers).unwrap_or_default()
    }
}

fn feed_forward(block: &BlockTensors, x: Tensor<2>) -> Tensor<2> {
    let inner = linear(rms_norm(x, &block.feed_forward_norm), &block.up);
    let [rows, width] = inner.dims();
    let gate = inner.clone().slice([0..rows, 0..width / 2]);
    let value = inner.slice([0..rows, width / 2..width]);
    linear(gate.clone() * sigmoid(gate) * value, &block.down)
}

/// `x [rows, in]` times a matrix `[out, in]`.
fn linear(x: Tensor<2>, matrix: &Tensor<2>) -> Tensor<2> {
    x.matmul(matrix.clone().transpose())
}

fn rms_norm(x: Tensor<2>, weight: &Tensor<1>) -> Tensor<2> {
    let mean_square = (x.clone() * x.clone()).mean_dim(1);
    x / (mean_square.add_scalar(RMS_EPSILON)).sqrt() * weight.clone().unsqueeze()
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

/// A tensor's numbers, whatever device it lies on.
fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn add(into: &mut [f32], gradient: Option<Vec<f32>>) {
    for (value, part) in into.iter_mut().zip(gradient.unwrap_or_default()) {
        *value += part;
    }
}
