//! Events through the encoder: see `encode.wgsl` and, for each kind of block, `encode/`. Steps wait for each other: a few run
//! one after the other in one dispatch. With attention a history that is restored runs side by side, two dispatches a
//! block; so does a step that is too long for one dispatch, which a recurrent encoder takes layer by layer.

use super::super::ops::Step;
use super::context::{GpuBuffer, GpuContext};
use super::device::{BindGroup, BufferUsages, ComputePass, ComputePipeline, Device, dispatch};
use super::model::GpuModel;
use super::session::Buffers;
use super::shape::Shape;
use crate::error::Result;
use crate::format::{Block, EncoderKind, Matrix, RecurrentBlock, TransformerBlock, Weights};

const FRAME: &str = include_str!(concat!(env!("OUT_DIR"), "/encode.wgsl"));
const ATTENTION: &str = include_str!(concat!(env!("OUT_DIR"), "/attention.wgsl"));
const TRANSFORMER: &str = include_str!(concat!(env!("OUT_DIR"), "/transformer.wgsl"));
const HSTU: &str = include_str!(concat!(env!("OUT_DIR"), "/hstu.wgsl"));
const RECURRENT: &str = include_str!(concat!(env!("OUT_DIR"), "/recurrent.wgsl"));

/// The kernel of an encoder.
pub fn source(encoder: EncoderKind) -> String {
    match encoder {
        EncoderKind::Transformer | EncoderKind::Counting => [FRAME, ATTENTION, TRANSFORMER].concat(),
        EncoderKind::Hstu => [FRAME, ATTENTION, HSTU].concat(),
        EncoderKind::Gru | EncoderKind::Lstm => [FRAME, RECURRENT].concat(),
    }
}

/// How many steps wait at most.
const MAX_STEPS: usize = 64;

/// From so many steps on they run side by side.
pub const MANY_STEPS: usize = 8;

/// What all sessions of a model share.
pub struct Kernel {
    encode: ComputePipeline,
    /// What a block is made of where steps go through it side by side or alone.
    halves: Vec<ComputePipeline>,
    conclude: ComputePipeline,
    weights: GpuBuffer,
    /// Each block's number.
    parts: Vec<GpuBuffer>,
}

impl Kernel {
    pub fn new(context: &GpuContext, shape: &Shape, weights: &Weights) -> Result<Self> {
        let source = shape.source(&source(shape.encoder()));
        let compile = |&entry: &&str| context.pipeline(&source, entry);
        let part =
            |block| context.upload("block", bytemuck::cast_slice(&[block as u32, 0, 0, 0]), BufferUsages::UNIFORM);
        Ok(Self {
            encode: compile(&"encode"),
            halves: halves(shape.encoder()).iter().map(|(entry, _)| compile(entry)).collect(),
            conclude: compile(&"conclude"),
            parts: (0..weights.blocks.len()).map(part).collect::<Result<_>>()?,
            weights: context.upload(
                "encoder weights",
                bytemuck::cast_slice(&pack(weights, shape.chunk())),
                BufferUsages::STORAGE,
            )?,
        })
    }
}

/// The entry points of a block, and which bindings of all sessions and steps each uses.
fn halves(encoder: EncoderKind) -> &'static [(&'static str, &'static [usize])] {
    match encoder.is_recurrent() {
        true => &[("layer_all", &[1, 2, 3, 7])],
        false => &[("project_all", &[1, 2, 3, 7, 8]), ("attend_all", &[1, 2, 3, 4, 7, 8])],
    }
}

/// All encoder weights in the order of `Shape::weight_offsets`; matrices are transposed to `[in, out]`.
fn pack(weights: &Weights, chunk: usize) -> Vec<f32> {
    let mut packed = Vec::new();
    for block in &weights.blocks {
        match block {
            Block::Transformer(block) => pack_transformer(block, chunk, &mut packed),
            Block::Gru(block) => pack_recurrent(block, 3, &mut packed),
            Block::Lstm(block) => pack_recurrent(block, 4, &mut packed),
            Block::Hstu(_) => block.parts().iter().for_each(|(_, matrix)| transpose(matrix, &mut packed)),
        }
    }
    packed.extend_from_slice(&weights.final_norm);
    transpose(&weights.gates, &mut packed);
    packed.extend_from_slice(&weights.gate_bias);
    packed.push(weights.log_scale.exp());
    packed
}

/// Of the feed-forward layer's first matrix come `chunk` rows of gates and their partners, then the next.
fn pack_transformer(block: &TransformerBlock, chunk: usize, packed: &mut Vec<f32>) {
    let TransformerBlock { attention_norm, qkv, attention_out, feed_forward_norm, up, down } = block;
    for matrix in [attention_norm, qkv, attention_out, feed_forward_norm] {
        transpose(matrix, packed);
    }
    let (gates, partners) = up.values.split_at(up.values.len() / 2);
    for (gates, partners) in gates.chunks(chunk * up.columns).zip(partners.chunks(chunk * up.columns)) {
        let values = [gates, partners].concat();
        transpose(&Matrix { columns: up.columns, values }, packed);
    }
    transpose(down, packed);
}

/// One matrix `[4 * hidden, 2 * hidden]` of input and state. A GRU's candidate has a row of its own for each of them.
fn pack_recurrent(block: &RecurrentBlock, gates: usize, packed: &mut Vec<f32>) {
    let RecurrentBlock { norm, input, recurrent, bias } = block;
    let hidden = input.columns;
    let zeros = vec![0.0; hidden];
    let mut product = Matrix { columns: 2 * hidden, values: Vec::with_capacity(8 * hidden * hidden) };
    for row in 0..4 * hidden {
        let is_apart = gates == 3 && row >= 2 * hidden;
        let given = if row < gates * hidden { input.row(row) } else { &zeros };
        let own = match is_apart {
            true if row < 3 * hidden => &zeros,
            true => recurrent.row(row - hidden),
            false => recurrent.row(row),
        };
        product.values.extend(given.iter().chain(own));
    }
    transpose(norm, packed);
    transpose(&product, packed);
    transpose(bias, packed);
}

fn transpose(matrix: &Matrix, packed: &mut Vec<f32>) {
    for column in 0..matrix.columns {
        packed.extend(matrix.values.iter().skip(column).step_by(matrix.columns));
    }
}

/// One session's share.
pub struct Session {
    encode: BindGroup,
    /// What each block is made of.
    blocks: Vec<Vec<BindGroup>>,
    conclude: BindGroup,
    steps: GpuBuffer,
    /// The steps that wait, as the shader's `Step`s.
    waiting: Vec<u32>,
    step_words: usize,
    /// Whether steps may run side by side: not where each needs the state of the one before.
    is_parallel: bool,
    /// How many of them may run one after the other; 0 where one is too long already.
    in_a_row: usize,
    /// The ring and scratch: only the bind groups use them, but they must live as long.
    _kept: [GpuBuffer; 4],
}

impl Session {
    pub fn new(model: &GpuModel, shared: &Buffers) -> Result<Self> {
        let Buffers { call, state, .. } = shared;
        let (context, shape) = (&model.context, &model.shape);
        let Kernel { encode, halves: pipelines, conclude, weights, parts } = &model.encode;
        let step_bytes = shape.step_bytes();
        let steps = context.buffer("steps", MAX_STEPS * step_bytes, BufferUsages::STORAGE | BufferUsages::COPY_DST)?;
        let room = |label, floats| context.buffer(label, 4 * floats, BufferUsages::STORAGE);
        let ring = room("memory", shape.ring_floats())?;
        let logits = room("attention", MAX_STEPS * shape.logit_floats())?;
        let residuals = room("residuals", MAX_STEPS * shape.hidden())?;
        let queries = room("queries", MAX_STEPS * 2 * shape.hidden())?;
        // By the numbers of the shader's bindings.
        let all = [
            (0, &**call),
            (1, &**weights),
            (2, &*steps),
            (3, &*ring),
            (4, &*logits),
            (5, &**state),
            (7, &*residuals),
            (8, &*queries),
        ];
        let some = |used: &[usize]| all.into_iter().filter(|(binding, _)| used.contains(binding)).collect::<Vec<_>>();
        let block = |part: &GpuBuffer| {
            let bind = |(pipeline, (_, used)): (&ComputePipeline, &(_, &[usize]))| {
                let mut buffers = some(used);
                buffers.push((6, part));
                context.bind_some(pipeline, &buffers)
            };
            pipelines.iter().zip(halves(shape.encoder())).map(bind).collect()
        };
        let is_parallel = !shape.encoder().is_recurrent();
        let in_encode: &[usize] = if is_parallel { &[0, 1, 2, 3, 4, 5] } else { &[0, 1, 2, 3, 5] };
        Ok(Self {
            encode: context.bind_some(encode, &some(in_encode)),
            blocks: parts.iter().map(block).collect(),
            conclude: context.bind_some(conclude, &some(&[0, 1, 5, 7])),
            is_parallel,
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
        let is_free = count == 0 || (self.is_parallel && step.filled == self.filled(0) + count);
        count == MAX_STEPS || (!is_free && count >= self.in_a_row)
    }

    /// Appends a step.
    pub fn push(&mut self, step: &Step<'_>) {
        let Step { input, rotation, buckets, slot, filled } = *step;
        if filled == 1 {
            // Nothing before this step will be looked at again.
            self.waiting.clear();
        }
        self.waiting.extend([slot as u32, filled as u32]);
        self.waiting.extend(input.iter().chain(rotation).map(|value| value.to_bits()));
        self.waiting.extend(buckets);
    }

    /// Sends the waiting steps ahead of the dispatches and records these.
    pub fn record(&mut self, kernel: &Kernel, device: &Device, pass: &mut ComputePass<'_>) {
        device.write_buffer(&self.steps, 0, bytemuck::cast_slice(&self.waiting));
        let count = self.waiting();
        let are_many = self.is_parallel && count >= MANY_STEPS;
        if (are_many || count > self.in_a_row) && self.fills_free_places() {
            for groups in &self.blocks {
                for (half, group) in kernel.halves.iter().zip(groups) {
                    dispatch(pass, half, group, count);
                }
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
