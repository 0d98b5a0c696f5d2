//! Every item's score: see `score.wgsl`.

use super::context::{GpuBuffer, GpuContext};
use super::device::{BindGroup, BufferUsages, ComputePass, ComputePipeline, dispatch};
use super::model::GpuModel;
use super::session::Buffers;
use super::shape::{Shape, WORKGROUP};
use crate::error::{Error, Result};
use crate::format::{ItemTable, Weights};
use std::borrow::Cow;

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

impl Kernel {
    pub fn new(context: &GpuContext, shape: &Shape, weights: &Weights) -> Result<Self> {
        let (codes, scales) = match &weights.items {
            ItemTable::F32(_) => return Err(Error::Gpu("the item rows are floats, expected int8 or int4".into())),
            ItemTable::Int8(rows) => (bytemuck::cast_slice(&rows.codes), &rows.scales),
            ItemTable::Int4(rows) => (rows.codes.as_slice(), &rows.scales),
        };
        let most = context.largest_binding() / shape.row_bytes();
        let bytes = codes.len() / shape.items().max(1);
        let mut shards = Vec::new();
        for first in (0..shape.items()).step_by(most.max(1)) {
            let end = shape.items().min(first + most);
            let rows = padded(&codes[first * bytes..end * bytes], bytes, shape.row_bytes());
            let range: [u32; 4] = [first as u32, end as u32, 0, 0];
            shards.push(Shard {
                rows: context.upload("item rows", &rows, BufferUsages::STORAGE)?,
                range: context.upload("item range", bytemuck::cast_slice(&range), BufferUsages::UNIFORM)?,
                workgroups: (end - first).div_ceil(WORKGROUP),
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

/// Rows filled up with zeros to whole words; rows that fit already are not copied.
fn padded(codes: &[u8], bytes: usize, row_bytes: usize) -> Cow<'_, [u8]> {
    if bytes == row_bytes {
        return Cow::Borrowed(codes);
    }
    let mut padded = vec![0; codes.len() / bytes * row_bytes];
    for (wide, row) in padded.chunks_exact_mut(row_bytes).zip(codes.chunks_exact(bytes)) {
        wide[..bytes].copy_from_slice(row);
    }
    Cow::Owned(padded)
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
        let Buffers { call, state, scores } = shared;
        let Kernel { pipelines, shards, scales, biases } = &model.score;
        let bind = |Shard { rows, range, workgroups: _ }: &Shard| {
            model.context.bind(&pipelines[variant].1, &[call, state, rows, scales, biases, scores, range])
        };
        Self { bind_groups: shards.iter().map(bind).collect(), variant }
    }

    pub fn record(&self, kernel: &Kernel, pass: &mut ComputePass<'_>) {
        for (shard, bind_group) in kernel.shards.iter().zip(&self.bind_groups) {
            dispatch(pass, &kernel.pipelines[self.variant].1, bind_group, shard.workgroups);
        }
    }
}
