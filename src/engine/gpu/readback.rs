//! From the GPU's memory to ours, with a deadline: a device that goes away may never answer.

use super::context::{GpuBuffer, GpuContext};
use crate::error::{Error, Result};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;
use wgpu::{BufferUsages, CommandEncoder, MapMode};

/// How long a session waits for its first answer: browsers compile kernels only now, which can take seconds.
const FIRST_DEADLINE: Duration = Duration::from_secs(30);

/// How long a session waits for any answer but its first. A working GPU takes milliseconds; a software one under load, a
/// second.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// A buffer that the CPU can read.
pub struct Readback {
    buffer: GpuBuffer,
    /// Whether the last reading was given up half-way, so that the buffer still is the CPU's.
    mapped: bool,
    deadline: Duration,
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
        Ok(Self { buffer, mapped: false, deadline: FIRST_DEADLINE })
    }

    /// Records the copy that [`Self::read`] will deliver.
    pub fn record(&mut self, commands: &mut CommandEncoder, source: &wgpu::Buffer, bytes: usize) {
        if std::mem::take(&mut self.mapped) {
            self.buffer.unmap();
        }
        commands.copy_buffer_to_buffer(source, 0, &self.buffer, 0, Some(bytes as u64));
    }

    /// Waits for the copy, which must have been submitted. Outside the browser this blocks the thread.
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
        let mapped = wait(context, &answer, self.deadline).await;
        self.mapped = mapped != Some(false);
        context.check()?;
        match mapped {
            Some(true) => {}
            Some(false) => return Err(Error::Gpu("the GPU's result can't be read".into())),
            None => {
                return Err(Error::Gpu(format!("the GPU gave no answer within {} seconds", self.deadline.as_secs())));
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
        self.deadline = DEADLINE;
        Ok(words)
    }
}

/// The callback's answer, or `None` after the deadline.
#[cfg(not(target_arch = "wasm32"))]
async fn wait(context: &GpuContext, answer: &Mutex<Answer>, deadline: Duration) -> Option<bool> {
    // Ends at the deadline, and at once when the device is gone; the answer says which.
    let _ = context.device.poll(wgpu::PollType::Wait { submission_index: None, timeout: Some(deadline) });
    answer.lock().unwrap_or_else(PoisonError::into_inner).mapped
}

/// The callback's answer, or `None` after the deadline: a timer of the browser's races it.
#[cfg(target_arch = "wasm32")]
async fn wait(_context: &GpuContext, answer: &Mutex<Answer>, deadline: Duration) -> Option<bool> {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::Poll;
    let mut timer = timer(deadline);
    let mapped = std::future::poll_fn(|task| {
        let mut answer = answer.lock().unwrap_or_else(PoisonError::into_inner);
        if answer.mapped.is_some() {
            return Poll::Ready(answer.mapped);
        }
        answer.waker = Some(task.waker().clone());
        match &mut timer {
            Some((promise, _)) => Pin::new(promise).poll(task).map(|_| None),
            None => Poll::Pending,
        }
    })
    .await;
    if let Some((_, settle)) = timer {
        // What waits for the promise is freed now and not when the timer ends.
        let _ = settle.call0(&wasm_bindgen::JsValue::UNDEFINED);
    }
    mapped
}

/// A promise that the browser settles after a while, in a window and in a worker, and what settles it before.
#[cfg(target_arch = "wasm32")]
fn timer(duration: Duration) -> Option<(wasm_bindgen_futures::JsFuture, js_sys::Function)> {
    use wasm_bindgen::JsCast;
    let global = js_sys::global();
    let set_timeout: js_sys::Function = js_sys::Reflect::get(&global, &"setTimeout".into()).ok()?.dyn_into().ok()?;
    let mut settle = None;
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        let _ = set_timeout.call2(&global, &resolve, &(duration.as_millis() as u32).into());
        settle = Some(resolve);
    });
    Some((promise.into(), settle?))
}
