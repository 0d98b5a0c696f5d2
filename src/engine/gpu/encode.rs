//! Events through the encoder: see `encode.wgsl`. Steps wait for each other: a few run one after the other in one
//! dispatch; a history that is restored, or a step too long for one dispatch, runs side by side, two dispatches a block.

use super::super::ops::Step;
use super::context::{GpuBuffer, GpuContext};
use super::device::{BindGroup, BufferUsages, ComputePass, ComputePipeline, Device, dispatch};
use super::model::GpuModel;
use super::session::Buffers;
use super::shape::Shape;
use crate::error::Result;
use crate::format::{Block, Matrix, Weights};

/// The kernel.
pub const SOURCE: &str = include_str!(concat!(env!("OUT_DIR"), "/encode.wgsl"));

/// How many steps wait at most.
const MAX_STEPS: usize = 64;

/// From so many steps on they run side by side.
pub const MANY_STEPS: usize = 8;

/// What all sessions of a model share.
pub struct Kernel {
    encode: ComputePipeline,
    project_all: ComputePipeline,
    attend_all: ComputePipeline,
    conclude: ComputePipeline,
    weights: GpuBuffer,
    /// Each block's number.
    parts: Vec<GpuBuffer>,
}

impl Kernel {
    pub fn new(context: &GpuContext, shape: &Shape, weights: &Weights) -> Result<Self> {
        let source = shape.source(SOURCE);
        let compile = |entry| context.pipeline(&source, entry);
        let part =
            |block| context.upload("block", bytemuck::cast_slice(&[block as u32, 0, 0, 0]), BufferUsages::UNIFORM);
        Ok(Self {
            encode: compile("encode"),
            project_all: compile("project_all"),
            attend_all: compile("attend_all"),
            conclude: compile("conclude"),
            parts: (0..weights.blocks.len()).map(part).collect::<Result<_>>()?,
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
    encode: BindGroup,
    /// The two halves of each block.
    blocks: Vec<[BindGroup; 2]>,
    conclude: BindGroup,
    steps: GpuBuffer,
    /// The steps that wait, as the shader's `Step`s.
    waiting: Vec<u32>,
    step_words: usize,
    /// How many of them may run one after the other; 0 where one is too long already.
    in_a_row: usize,
    /// The ring and scratch: only the bind groups use them, but they must live as long.
    _kept: [GpuBuffer; 4],
}

impl Session {
    pub fn new(model: &GpuModel, shared: &Buffers) -> Result<Self> {
        let Buffers { call, state, scores: _ } = shared;
        let (context, shape) = (&model.context, &model.shape);
        let Kernel { encode, project_all, attend_all, conclude, weights, parts } = &model.encode;
        let step_bytes = shape.step_bytes();
        let steps = context.buffer("steps", MAX_STEPS * step_bytes, BufferUsages::STORAGE | BufferUsages::COPY_DST)?;
        let room = |label, floats| context.buffer(label, 4 * floats, BufferUsages::STORAGE);
        let ring = room("keys and values", shape.ring_floats())?;
        let logits = room("attention", MAX_STEPS * shape.logit_floats())?;
        let residuals = room("residuals", MAX_STEPS * shape.hidden())?;
        let queries = room("queries", MAX_STEPS * shape.hidden())?;
        // By the numbers of the shader's bindings.
        let all = [(1, &**weights), (2, &*steps), (3, &*ring), (4, &*logits), (7, &*residuals), (8, &*queries)];
        let block = |part: &GpuBuffer| {
            let halves = [(project_all, [1, 2, 3, 7, 8].as_slice()), (attend_all, &[1, 2, 3, 4, 7, 8])];
            halves.map(|(pipeline, used)| {
                let mut buffers: Vec<_> = all.into_iter().filter(|(binding, _)| used.contains(binding)).collect();
                buffers.push((6, part));
                context.bind_some(pipeline, &buffers)
            })
        };
        Ok(Self {
            encode: context.bind(encode, &[call, weights, &steps, &ring, &logits, state]),
            blocks: parts.iter().map(block).collect(),
            conclude: context.bind_some(conclude, &[(0, call), (1, weights), (5, state), (7, &residuals)]),
            steps,
            waiting: Vec::new(),
            step_words: step_bytes / 4,
            in_a_row: shape.steps_in_a_row(),
            _kept: [ring, logits, residuals, queries],
        })
    }

    /// How many steps wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len() / self.step_words
    }

    /// Whether the waiting steps must be sent before this one can wait with them.
    pub fn is_full_for(&self, step: &Step<'_>) -> bool {
        let count = self.waiting();
        let is_free = count == 0 || step.filled == self.filled(0) + count;
        count == MAX_STEPS || (!is_free && count >= self.in_a_row)
    }

    /// Appends a step.
    pub fn push(&mut self, step: &Step<'_>) {
        let Step { input, rotation, slot, filled } = *step;
        if filled == 1 {
            // Nothing before this step will be looked at again.
            self.waiting.clear();
        }
        self.waiting.extend([slot as u32, filled as u32]);
        self.waiting.extend(input.iter().chain(rotation).map(|value| value.to_bits()));
    }

    /// Sends the waiting steps ahead of the dispatches and records these.
    pub fn record(&mut self, kernel: &Kernel, device: &Device, pass: &mut ComputePass<'_>) {
        device.write_buffer(&self.steps, bytemuck::cast_slice(&self.waiting));
        let count = self.waiting();
        if (count >= MANY_STEPS || count > self.in_a_row) && self.fills_free_places() {
            for [project, attend] in &self.blocks {
                dispatch(pass, &kernel.project_all, project, count);
                dispatch(pass, &kernel.attend_all, attend, count);
            }
            dispatch(pass, &kernel.conclude, &self.conclude, 1);
        } else {
            dispatch(pass, &kernel.encode, &self.encode, 1);
        }
        self.waiting.clear();
    }

    /// Whether no step takes the place in the ring of one that is still looked at: each finds one place more filled.
    fn fills_free_places(&self) -> bool {
        self.filled(self.waiting() - 1) - self.filled(0) == self.waiting() - 1
    }

    /// Places of the ring that a waiting step finds filled, its own included.
    fn filled(&self, step: usize) -> usize {
        self.waiting[step * self.step_words + 1] as usize
    }
}
