//! What attention of both kinds shares on burn: weights up, states and gradients down.

use super::{Dropout, Encoder, Inputs, hstu, transformer_graph};
use crate::companion::train::buffer::Buffer;
use crate::engine::cpu::RMS_EPSILON;
use crate::format::{Block, EncoderKind, Matrix, Weights};
use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;
use std::convert::Infallible;

/// A forward pass on burn.
pub struct Pass {
    input: Tensor<3>,
    blocks: Vec<Block<Tensor<2>>>,
    final_norm: Tensor<2>,
    /// `[windows * len, hidden]`
    states: Tensor<2>,
}

pub fn forward<R: Rng>(encoder: &Encoder, weights: &Weights, inputs: Inputs<'_>, dropout: &mut Dropout<'_, R>) -> Pass {
    let Encoder { device, architecture, on_cpu: _ } = encoder;
    let Inputs { values, times, windows, len, both_ways } = inputs;
    let hidden = architecture.hidden;
    let input = Tensor::<3>::from_data(TensorData::new(values.to_vec(), [windows, len, hidden]), device).require_grad();
    let blocks = weights.blocks.iter().map(|block| {
        let Ok(tensors) = block.try_map(|_, matrix| Ok::<_, Infallible>(upload(matrix, device)));
        tensors
    });
    let blocks: Vec<Block<Tensor<2>>> = blocks.collect();
    let final_norm = upload(&Matrix::vector(weights.final_norm.clone()), device);
    let x = drop(input.clone().reshape([windows * len, hidden]), dropout);
    let x = match architecture.encoder {
        EncoderKind::Hstu => hstu::forward(encoder, &blocks, x, times, [windows, len], dropout),
        _ => transformer_graph::forward(encoder, &blocks, x, ([windows, len], both_ways), dropout),
    };
    let states = rms_norm(x, &final_norm);
    Pass { input, blocks, final_norm, states }
}

impl Pass {
    /// See [`super::Pass::states`].
    pub fn states(&self) -> Vec<f32> {
        numbers(self.states.clone())
    }

    /// See [`super::Pass::backward`].
    pub fn backward(self, states_gradient: &[f32], gradient: &mut Weights) -> Buffer {
        let Self { input, blocks, final_norm, states } = self;
        let outer = Tensor::<2>::from_data(
            TensorData::new(states_gradient.to_vec(), states.dims()),
            &states.device().without_autodiff(),
        );
        let loss = (states * Tensor::from_inner(outer)).sum();
        let gradients = loss.backward();
        let take = |tensor: &Tensor<2>, into: &mut [f32]| {
            for (value, part) in into.iter_mut().zip(tensor.grad(&gradients).map(numbers).unwrap_or_default()) {
                *value += part;
            }
        };
        take(&final_norm, &mut gradient.final_norm);
        for (tensors, block) in blocks.iter().zip(&mut gradient.blocks) {
            for ((_, tensor), (_, matrix)) in tensors.parts().into_iter().zip(block.parts_mut()) {
                take(tensor, &mut matrix.values);
            }
        }
        Buffer::copy_of(&input.grad(&gradients).map(numbers).unwrap_or_default())
    }
}

fn upload(matrix: &Matrix, device: &Device) -> Tensor<2> {
    let data = TensorData::new(matrix.values.clone(), [matrix.rows(), matrix.columns]);
    Tensor::<2>::from_data(data, device).require_grad()
}

/// `x` with some of its values dropped.
pub fn drop<R: Rng>(x: Tensor<2>, dropout: &mut Dropout<'_, R>) -> Tensor<2> {
    let shape = x.dims();
    match dropout.mask(shape[0] * shape[1]) {
        Some(mask) => {
            let mask = Tensor::<2>::from_data(TensorData::new(mask.to_vec(), shape), &x.device());
            x * mask
        }
        None => x,
    }
}

/// `x [rows, in]` times a matrix `[out, in]`.
pub fn linear(x: Tensor<2>, matrix: &Tensor<2>) -> Tensor<2> {
    x.matmul(matrix.clone().transpose())
}

/// Each row of `x` by its root mean square, times a vector `[1, in]`.
pub fn rms_norm(x: Tensor<2>, weight: &Tensor<2>) -> Tensor<2> {
    let mean_square = (x.clone() * x.clone()).mean_dim(1);
    x / (mean_square.add_scalar(RMS_EPSILON)).sqrt() * weight.clone()
}

/// A tensor's numbers, whatever device it lies on.
fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}
