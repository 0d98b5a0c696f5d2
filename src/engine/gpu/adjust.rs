//! What counting adds to single scores, and which items are out: see `adjust.wgsl`.

use super::super::ops::Adjustment;
use super::context::{GpuBuffer, GpuContext};
use super::device::{BindGroup, BufferUsages, ComputePass, ComputePipeline, Device, dispatch};
use super::model::GpuModel;
use super::session::Buffers;
use super::shape::{ADJUSTMENT_BYTES, Shape, WORKGROUP};
use crate::error::Result;

/// The kernel.
pub const SOURCE: &str = include_str!(concat!(env!("OUT_DIR"), "/adjust.wgsl"));

/// Adjustments that a session has room for at first.
const FIRST_ROOM: usize = 1024;

/// What all sessions of a model share.
pub struct Kernel {
    pipeline: ComputePipeline,
}

impl Kernel {
    pub fn new(context: &GpuContext, shape: &Shape) -> Self {
        Self { pipeline: context.pipeline(&shape.source(SOURCE), "adjust") }
    }
}

/// One session's share.
pub struct Session {
    bind_group: BindGroup,
    buffer: GpuBuffer,
    room: usize,
    /// The adjustments that wait, as the shader's `Adjustment`s.
    waiting: Vec<[u32; ADJUSTMENT_BYTES / 4]>,
}

impl Session {
    pub fn new(model: &GpuModel, shared: &Buffers) -> Result<Self> {
        Self::with_room(FIRST_ROOM, model, shared)
    }

    fn with_room(room: usize, model: &GpuModel, shared: &Buffers) -> Result<Self> {
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
        let buffer = model.context.buffer("adjustments", room * ADJUSTMENT_BYTES, usage)?;
        let Buffers { call, gates, scores, .. } = shared;
        let bind_group = model.context.bind(&model.adjust.pipeline, &[call, gates, &buffer, scores]);
        Ok(Self { bind_group, buffer, room, waiting: Vec::new() })
    }

    /// How many adjustments wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Replaces what waits; each item at most once.
    pub fn set(&mut self, adjustments: &[Adjustment], model: &GpuModel, shared: &Buffers) -> Result<()> {
        if adjustments.len() > self.room {
            *self = Self::with_room(adjustments.len().next_power_of_two(), model, shared)?;
        }
        self.waiting.clear();
        self.waiting.extend(adjustments.iter().map(|adjustment| {
            let Adjustment { item, excluded, features, constant } = *adjustment;
            let mut words = [0; ADJUSTMENT_BYTES / 4];
            words[..3].copy_from_slice(&[item, u32::from(excluded), constant.to_bits()]);
            for (word, feature) in words[3..].iter_mut().zip(features) {
                *word = feature.to_bits();
            }
            words
        }));
        Ok(())
    }

    /// Sends the waiting adjustments ahead of the dispatch.
    pub fn write(&self, device: &Device) {
        device.write_buffer(&self.buffer, 0, bytemuck::cast_slice(&self.waiting));
    }

    pub fn record(&self, kernel: &Kernel, pass: &mut ComputePass<'_>) {
        dispatch(pass, &kernel.pipeline, &self.bind_group, self.waiting.len().div_ceil(WORKGROUP));
    }
}
