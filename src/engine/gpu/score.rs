//! Every item's score: see `score.wgsl`.

use super::context::{GpuBuffer, GpuContext, dispatch};
use super::model::GpuModel;
use super::session::Buffers;
use super::shape::{Shape, WORKGROUP};
use crate::error::{Error, Result};
use crate::format::{ItemTable, Weights};
use crate::quant::Int8Rows;
use std::borrow::Cow;
use wgpu::{BindGroup, ComputePass, ComputePipeline};

/// The kernel.
pub const SOURCE: &str = include_str!(concat!(env!("OUT_DIR"), "/score.wgsl"));

/// What all sessions of a model share.
pub struct Kernel {
    pipeline: ComputePipeline,
    rows: GpuBuffer,
    scales: GpuBuffer,
    biases: GpuBuffer,
    workgroups: usize,
}

impl Kernel {
    pub fn new(context: &GpuContext, shape: &Shape, weights: &Weights) -> Result<Self> {
        let ItemTable::Int8(rows) = &weights.items else {
            return Err(Error::Gpu("the item table is not int8, expected int8 as `foreclick export` writes it".into()));
        };
        Ok(Self {
            pipeline: context.pipeline(&shape.source(SOURCE), "score"),
            rows: context.upload("item rows", &padded(rows, shape.row_bytes()))?,
            scales: context.upload("item scales", bytemuck::cast_slice(&rows.scales))?,
            biases: context.upload("item biases", bytemuck::cast_slice(&weights.item_bias))?,
            workgroups: shape.items().div_ceil(WORKGROUP),
        })
    }
}

/// Rows filled up with zeros to whole words; rows that fit already are not copied.
fn padded(rows: &Int8Rows, row_bytes: usize) -> Cow<'_, [u8]> {
    let codes: &[u8] = bytemuck::cast_slice(&rows.codes);
    if rows.columns == row_bytes {
        return Cow::Borrowed(codes);
    }
    let mut padded = vec![0; rows.scales.len() * row_bytes];
    for (wide, row) in padded.chunks_exact_mut(row_bytes).zip(codes.chunks_exact(rows.columns)) {
        wide[..row.len()].copy_from_slice(row);
    }
    Cow::Owned(padded)
}

/// One session's share.
pub struct Session {
    bind_group: BindGroup,
}

impl Session {
    pub fn new(model: &GpuModel, shared: &Buffers) -> Self {
        let Buffers { call, state, scores } = shared;
        let Kernel { pipeline, rows, scales, biases, workgroups: _ } = &model.score;
        Self { bind_group: model.context.bind(pipeline, &[call, state, rows, scales, biases, scores]) }
    }

    pub fn record(&self, kernel: &Kernel, pass: &mut ComputePass<'_>) {
        dispatch(pass, &kernel.pipeline, &self.bind_group, kernel.workgroups);
    }
}
