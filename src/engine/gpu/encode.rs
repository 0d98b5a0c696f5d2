//! Events through the encoder: see `encode.wgsl`. Steps wait for each other and run in one dispatch.

use super::super::ops::Step;
use super::context::{GpuBuffer, GpuContext, dispatch};
use super::model::GpuModel;
use super::session::Buffers;
use super::shape::Shape;
use crate::error::Result;
use crate::format::{Block, Matrix, Weights};
use wgpu::{BindGroup, BufferUsages, ComputePass, ComputePipeline};

/// The kernel.
pub const SOURCE: &str = include_str!(concat!(env!("OUT_DIR"), "/encode.wgsl"));

/// How many steps wait at most.
pub const MAX_STEPS: usize = 64;

/// What all sessions of a model share.
pub struct Kernel {
    pipeline: ComputePipeline,
    weights: GpuBuffer,
}

impl Kernel {
    pub fn new(context: &GpuContext, shape: &Shape, weights: &Weights) -> Result<Self> {
        Ok(Self {
            pipeline: context.pipeline(&shape.source(SOURCE), "encode"),
            weights: context.upload(
                "encoder weights",
                bytemuck::cast_slice(&pack(weights, shape.chunk())),
                BufferUsages::STORAGE,
            )?,
        })
    }
}

/// All encoder weights in the order of `Shape::weight_offsets`; matrices are transposed to `[in, out]`. Of the
/// feed-forward layer's first matrix come `chunk` rows of gates and their partners, then the next.
fn pack(weights: &Weights, chunk: usize) -> Vec<f32> {
    let mut packed = Vec::new();
    for block in &weights.blocks {
        let Block { attention_norm, qkv, attention_out, feed_forward_norm, up, down } = block;
        packed.extend_from_slice(attention_norm);
        transpose(qkv, &mut packed);
        transpose(attention_out, &mut packed);
        packed.extend_from_slice(feed_forward_norm);
        let (gates, partners) = up.values.split_at(up.values.len() / 2);
        for (gates, partners) in gates.chunks(chunk * up.columns).zip(partners.chunks(chunk * up.columns)) {
            let values = [gates, partners].concat();
            transpose(&Matrix { columns: up.columns, values }, &mut packed);
        }
        transpose(down, &mut packed);
    }
    packed.extend_from_slice(&weights.final_norm);
    transpose(&weights.gates, &mut packed);
    packed.extend_from_slice(&weights.gate_bias);
    packed.push(weights.log_scale.exp());
    packed
}

fn transpose(matrix: &Matrix, packed: &mut Vec<f32>) {
    for column in 0..matrix.columns {
        packed.extend(matrix.values.iter().skip(column).step_by(matrix.columns));
    }
}

/// One session's share.
pub struct Session {
    bind_group: BindGroup,
    steps: GpuBuffer,
    /// The steps that wait, as the shader's `Step`s.
    waiting: Vec<u32>,
    step_words: usize,
    /// The ring and the attention's scratch: only the bind group uses them, but they must live as long.
    _kept: [GpuBuffer; 2],
}

impl Session {
    pub fn new(model: &GpuModel, shared: &Buffers) -> Result<Self> {
        let Buffers { call, state, scores: _ } = shared;
        let (context, shape, kernel) = (&model.context, &model.shape, &model.encode);
        let step_bytes = shape.step_bytes();
        let steps = context.buffer("steps", MAX_STEPS * step_bytes, BufferUsages::STORAGE | BufferUsages::COPY_DST)?;
        let ring = context.buffer("keys and values", 4 * shape.ring_floats(), BufferUsages::STORAGE)?;
        let logits = context.buffer("attention", 4 * shape.logit_floats(), BufferUsages::STORAGE)?;
        let bind_group = context.bind(&kernel.pipeline, &[call, &kernel.weights, &steps, &ring, &logits, state]);
        Ok(Self { bind_group, steps, waiting: Vec::new(), step_words: step_bytes / 4, _kept: [ring, logits] })
    }

    /// How many steps wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len() / self.step_words
    }

    /// Appends a step; at most [`MAX_STEPS`] may wait.
    pub fn push(&mut self, step: &Step<'_>) {
        let Step { input, rotation, slot, filled } = *step;
        if filled == 1 {
            // Nothing before this step will be looked at again.
            self.waiting.clear();
        }
        self.waiting.extend([slot as u32, filled as u32]);
        self.waiting.extend(input.iter().chain(rotation).map(|value| value.to_bits()));
    }

    /// Sends the waiting steps ahead of the dispatch.
    pub fn write(&mut self, queue: &wgpu::Queue) {
        queue.write_buffer(&self.steps, 0, bytemuck::cast_slice(&self.waiting));
        self.waiting.clear();
    }

    pub fn record(&self, kernel: &Kernel, pass: &mut ComputePass<'_>) {
        dispatch(pass, &kernel.pipeline, &self.bind_group, 1);
    }
}
