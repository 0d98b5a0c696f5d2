//! From the GPU's memory to ours, with a deadline: a device that goes away may never answer.

use super::context::{GpuBuffer, GpuContext};
use super::device::{Buffer, BufferUsages, CommandEncoder, DEADLINE, copy_buffer};
use crate::error::{Error, Result};

/// A buffer that the CPU can read.
pub struct Readback {
    buffer: GpuBuffer,
    /// Whether the last reading was given up half-way, so that the buffer still is the CPU's.
    mapped: bool,
}

impl Readback {
    pub fn new(context: &GpuContext, bytes: usize) -> Result<Self> {
        let buffer = context.buffer("readback", bytes, BufferUsages::MAP_READ | BufferUsages::COPY_DST)?;
        Ok(Self { buffer, mapped: false })
    }

    /// Records the copy that [`Self::read`] will deliver.
    pub fn record(&mut self, commands: &mut CommandEncoder, source: &Buffer, bytes: usize) {
        if std::mem::take(&mut self.mapped) {
            self.buffer.unmap();
        }
        copy_buffer(commands, source, &self.buffer, bytes);
    }

    /// Waits for the copy, which must have been submitted. Outside the browser this blocks the thread. The future may
    /// be dropped: the next reading is not disturbed by the answer to this one.
    ///
    /// # Errors
    /// [`Error::Gpu`] when the device is lost or does not answer within the deadline.
    pub async fn read(&mut self, context: &GpuContext, bytes: usize) -> Result<Vec<u32>> {
        self.mapped = true;
        let answer = context.device.read(&self.buffer, bytes).await;
        self.mapped = answer.is_none();
        context.check()?;
        match answer {
            Some(Ok(words)) => Ok(words),
            Some(Err(what)) => Err(Error::Gpu(format!("the GPU's result can't be read ({what})"))),
            None => Err(Error::Gpu(format!("the GPU gave no answer within {} seconds", DEADLINE.as_secs()))),
        }
    }
}
