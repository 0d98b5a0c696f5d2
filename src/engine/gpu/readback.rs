//! From the GPU's memory to ours, with a deadline: a device that goes away may never answer.

use super::context::{GpuBuffer, GpuContext};
use crate::error::{Error, Result};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;
use wgpu::{BufferUsages, CommandEncoder, MapMode};

/// How long an answer may take: natively of every one, in the browser of the trial as a whole. A working GPU takes
/// milliseconds, but drivers compile kernels at their first use, which can take seconds.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A buffer that the CPU can read.
pub struct Readback {
    buffer: GpuBuffer,
    /// Whether the last reading was given up half-way, so that the buffer still is the CPU's.
    mapped: bool,
}

/// Where the mapping's callback leaves its answer.
#[derive(Default)]
struct Answer {
    mapped: Option<bool>,
    waker: Option<Waker>,
}

impl Readback {
    pub fn new(context: &GpuContext, bytes: usize) -> Result<Self> {
        let buffer = context.buffer("readback", bytes, BufferUsages::MAP_READ | BufferUsages::COPY_DST)?;
        Ok(Self { buffer, mapped: false })
    }

    /// Records the copy that [`Self::read`] will deliver.
    pub fn record(&mut self, commands: &mut CommandEncoder, source: &wgpu::Buffer, bytes: usize) {
        if std::mem::take(&mut self.mapped) {
            self.buffer.unmap();
        }
        commands.copy_buffer_to_buffer(source, 0, &self.buffer, 0, Some(bytes as u64));
    }

    /// Waits for the copy, which must have been submitted. Outside the browser this blocks the thread. The future may
    /// be dropped: the next reading is not disturbed by the answer to this one.
    ///
    /// # Errors
    /// [`Error::Gpu`] when the device is lost or does not answer within the deadline.
    pub async fn read(&mut self, context: &GpuContext, bytes: usize) -> Result<Vec<u32>> {
        let answer = Arc::new(Mutex::new(Answer::default()));
        let writer = answer.clone();
        self.mapped = true;
        self.buffer.map_async(MapMode::Read, ..bytes as u64, move |result| {
            let mut answer = writer.lock().unwrap_or_else(PoisonError::into_inner);
            answer.mapped = Some(result.is_ok());
            if let Some(waker) = answer.waker.take() {
                waker.wake();
            }
        });
        let mapped = wait(context, &answer).await;
        self.mapped = mapped != Some(false);
        context.check()?;
        match mapped {
            Some(true) => {}
            Some(false) => return Err(Error::Gpu("the GPU's result can't be read".into())),
            None => {
                return Err(Error::Gpu(format!("the GPU gave no answer within {} seconds", DEADLINE.as_secs())));
            }
        }
        let view = self
            .buffer
            .get_mapped_range(..bytes as u64)
            .map_err(|error| Error::Gpu(format!("the GPU's result can't be read ({error})")))?;
        let words = bytemuck::pod_collect_to_vec(&view);
        drop(view);
        self.buffer.unmap();
        self.mapped = false;
        Ok(words)
    }
}

/// The callback's answer, or `None` after the deadline.
#[cfg(not(target_arch = "wasm32"))]
async fn wait(context: &GpuContext, answer: &Mutex<Answer>) -> Option<bool> {
    // Ends at the deadline, and at once when the device is gone; the answer says which.
    let _ = context.device.poll(wgpu::PollType::Wait { submission_index: None, timeout: Some(DEADLINE) });
    answer.lock().unwrap_or_else(PoisonError::into_inner).mapped
}

/// The callback's answer, whenever it comes: who has no time to wait drops the future.
#[cfg(target_arch = "wasm32")]
async fn wait(_context: &GpuContext, answer: &Mutex<Answer>) -> Option<bool> {
    use std::task::Poll;
    std::future::poll_fn(|task| {
        let mut answer = answer.lock().unwrap_or_else(PoisonError::into_inner);
        answer.waker = Some(task.waker().clone());
        answer.mapped.map_or(Poll::Pending, |mapped| Poll::Ready(Some(mapped)))
    })
    .await
}
