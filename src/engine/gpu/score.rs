//! Every item's score: see `score.wgsl`.

use super::context::{GpuBuffer, GpuContext};
use super::device::{BindGroup, BufferUsages, ComputePass, ComputePipeline, dispatch};
use super::model::GpuModel;
use super::session::Buffers;
use super::shape::{GROUP, Shape, WORD, WORKGROUP};
use crate::error::{Error, Result};
use crate::format::{ItemTable, Weights};

/// Items of a thread.
const ITEMS_EACH: usize = 4;

/// Items that are uploaded at once.
const UPLOAD: usize = 512 * GROUP;

const SOURCE: &str = include_str!(concat!(env!("OUT_DIR"), "/score.wgsl"));
const UNPACKED: &str = include_str!(concat!(env!("OUT_DIR"), "/product_unpacked.wgsl"));
const PACKED: &str = include_str!(concat!(env!("OUT_DIR"), "/product_packed.wgsl"));

/// The ways to multiply codes: each one's name, and the kernel. The second needs WGSL's packed integer products.
pub fn variants() -> [(&'static str, String); 2] {
    [("unpacked", UNPACKED), ("packed", PACKED)].map(|(name, product)| (name, [product, SOURCE].concat()))
}

/// What all sessions of a model share.
pub struct Kernel {
    /// Each way's name and pipeline.
    pub pipelines: Vec<(&'static str, ComputePipeline)>,
    shards: Vec<Shard>,
    scales: GpuBuffer,
    biases: GpuBuffer,
}

/// As many rows as one binding takes.
struct Shard {
    rows: GpuBuffer,
    /// The first item and the one after the last.
    range: GpuBuffer,
    workgroups: usize,
}

/// The items' codes and scales.
///
/// # Errors
/// [`Error::Gpu`] where rows are floats.
pub fn codes(weights: &Weights) -> Result<(&[u8], &[f32])> {
    match &weights.items {
        ItemTable::F32(_) => Err(Error::Gpu("the item rows are floats, expected int8 or int4".into())),
        ItemTable::Int8(rows) => Ok((&rows.codes, &rows.scales)),
        ItemTable::Int4(rows) => Ok((&rows.codes, &rows.scales)),
    }
}

impl Kernel {
    pub fn new(context: &GpuContext, shape: &Shape, weights: &Weights) -> Result<Self> {
        let (codes, scales) = codes(weights)?;
        let group_bytes = GROUP * shape.row_bytes();
        let most = (context.largest_binding() / group_bytes * GROUP).max(GROUP);
        let bytes = codes.len() / shape.items().max(1);
        let mut shards = Vec::new();
        for first in (0..shape.items()).step_by(most) {
            let end = shape.items().min(first + most);
            let size = (end - first).div_ceil(GROUP) * group_bytes;
            let rows = context.buffer("item rows", size, BufferUsages::STORAGE | BufferUsages::COPY_DST)?;
            // In parts, so that a large table is not copied as a whole.
            for (place, codes) in codes[first * bytes..end * bytes].chunks(UPLOAD * bytes).enumerate() {
                let part = interleaved(codes, bytes, shape.row_bytes());
                context.device.write_buffer(&rows, place * UPLOAD * shape.row_bytes(), &part);
            }
            let range: [u32; 4] = [first as u32, end as u32, 0, 0];
            shards.push(Shard {
                rows,
                range: context.upload("item range", bytemuck::cast_slice(&range), BufferUsages::UNIFORM)?,
                workgroups: (end - first).div_ceil(ITEMS_EACH * WORKGROUP),
            });
        }
        let compile = |(name, kernel): (_, String)| (name, context.pipeline(&shape.source(&kernel), "score"));
        Ok(Self {
            pipelines: variants()
                .into_iter()
                .take(1 + usize::from(context.has_packed_products()))
                .map(compile)
                .collect(),
            shards,
            scales: context.upload("item scales", bytemuck::cast_slice(scales), BufferUsages::STORAGE)?,
            biases: context.upload("item biases", bytemuck::cast_slice(&weights.item_bias), BufferUsages::STORAGE)?,
        })
    }
}

/// Rows of so many bytes as the shader has them: filled up with zeros, and the words of each group of items in turn.
fn interleaved(codes: &[u8], bytes: usize, row_bytes: usize) -> Vec<u8> {
    let mut table = vec![[0; WORD]; (codes.len() / bytes).div_ceil(GROUP) * GROUP * row_bytes / WORD];
    for (item, row) in codes.chunks_exact(bytes).enumerate() {
        let first = item / GROUP * GROUP * row_bytes / WORD + item % GROUP;
        let (words, rest) = row.as_chunks();
        for (place, word) in table[first..].iter_mut().step_by(GROUP).zip(words) {
            *place = *word;
        }
        if !rest.is_empty() {
            table[first + words.len() * GROUP][..rest.len()].copy_from_slice(rest);
        }
    }
    table.into_flattened()
}

/// One session's share.
pub struct Session {
    /// For each shard, of the way that is used.
    bind_groups: Vec<BindGroup>,
    /// The way's place among the kernel's pipelines.
    pub variant: usize,
}

impl Session {
    pub fn new(variant: usize, model: &GpuModel, shared: &Buffers) -> Self {
        let Buffers { call, state, gates, scores, priors } = shared;
        let Kernel { pipelines, shards, scales, biases } = &model.score;
        let bind = |Shard { rows, range, workgroups: _ }: &Shard| {
            let buffers = [call, state, rows, scales, biases, scores, range, gates, priors];
            model.context.bind(&pipelines[variant].1, &buffers.map(|buffer| &**buffer))
        };
        Self { bind_groups: shards.iter().map(bind).collect(), variant }
    }

    pub fn record(&self, kernel: &Kernel, pass: &mut ComputePass<'_>) {
        for (shard, bind_group) in kernel.shards.iter().zip(&self.bind_groups) {
            dispatch(pass, &kernel.pipelines[self.variant].1, bind_group, shard.workgroups);
        }
    }
}
