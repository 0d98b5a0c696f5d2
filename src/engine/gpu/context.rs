//! The connection to a GPU: its device, and what went wrong with it.

use super::device::{BindGroup, Buffer, BufferUsages, ComputePipeline, Device};
use crate::error::{Error, Result};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// An open GPU device. Dropping it gives the device back.
///
/// In the browser it belongs to the thread that opened it: a window or a dedicated worker.
pub struct GpuContext {
    pub(super) device: Device,
    destroyed: AtomicBool,
    is_software: bool,
}

impl GpuContext {
    /// Opens the GPU that the system or the browser prefers.
    ///
    /// # Errors
    /// [`Error::Gpu`] when there is none, or it gives no device with WebGPU's default limits.
    pub async fn new() -> Result<Arc<Self>> {
        Ok(Self::of(Device::open().await?))
    }

    /// The same with other limits than WebGPU's defaults, as a test needs it.
    ///
    /// # Errors
    /// As for [`Self::new`].
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn with_limits(limits: wgpu::Limits) -> Result<Arc<Self>> {
        Ok(Self::of(Device::with_limits(limits).await?))
    }

    /// The GPU of [`Self::new`] as if it were software, or hardware, as a test needs it.
    ///
    /// # Errors
    /// As for [`Self::new`].
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn taken_for(is_software: bool) -> Result<Arc<Self>> {
        Ok(Arc::new(Self { device: Device::open().await?, destroyed: AtomicBool::new(false), is_software }))
    }

    fn of(device: Device) -> Arc<Self> {
        let is_software = device.describe().ends_with("software");
        Arc::new(Self { device, destroyed: AtomicBool::new(false), is_software })
    }

    /// Whether the device was lost: reset, unplugged, taken away. What [`Self::destroy`] does is no loss.
    pub fn is_lost(&self) -> bool {
        self.device.is_lost()
    }

    /// The adapter's name and kind, for diagnostics.
    pub fn describe(&self) -> String {
        self.device.describe()
    }

    /// wgpu's own device, for tools that measure or debug.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn device(&self) -> &wgpu::Device {
        self.device.wgpu()
    }

    /// Gives the device and all memory on it back at once; whatever was made from it answers with errors from now on.
    pub fn destroy(&self) {
        self.destroyed.store(true, Ordering::Relaxed);
        self.device.destroy();
    }

    /// Whether the device is still there and nothing went wrong on it.
    pub(super) fn check(&self) -> Result<()> {
        if self.destroyed.load(Ordering::Relaxed) {
            return Err(Error::Gpu("the GPU was given back".into()));
        }
        match self.device.fault() {
            None => Ok(()),
            Some(message) if self.is_lost() => Err(Error::Gpu(format!("the GPU was lost ({message})"))),
            Some(message) => Err(Error::Gpu(format!("the GPU refused a command ({message})"))),
        }
    }

    /// A buffer of zeros for shaders to read or write.
    pub(super) fn buffer(&self, label: &str, bytes: usize, usage: BufferUsages) -> Result<GpuBuffer> {
        let limit = self.largest_binding();
        if bytes > limit {
            return Err(Error::Gpu(format!("{label} need {bytes} bytes, expected at most {limit}")));
        }
        // Empty bindings are not allowed; 16 is the widest alignment in our shaders.
        let size = bytes.max(1).next_multiple_of(16);
        Ok(GpuBuffer(self.device.create_buffer(label, size, usage)))
    }

    /// Whether the processor plays the GPU.
    pub fn is_software(&self) -> bool {
        self.is_software
    }

    /// Whether shaders may multiply four packed bytes at once.
    pub(super) fn has_packed_products(&self) -> bool {
        self.device.has_packed_products()
    }

    /// The most bytes that a shader sees of one buffer.
    pub(super) fn largest_binding(&self) -> usize {
        self.device.largest_binding()
    }

    /// A buffer that shaders read, filled.
    pub(super) fn upload(&self, label: &str, contents: &[u8], usage: BufferUsages) -> Result<GpuBuffer> {
        let buffer = self.buffer(label, contents.len(), usage | BufferUsages::COPY_DST)?;
        self.device.write_buffer(&buffer, 0, contents);
        Ok(buffer)
    }

    /// Compiles one entry point; its bindings follow from the source. Only after [`Self::compiled`] it may be used.
    pub(super) fn pipeline(&self, source: &str, entry: &str) -> ComputePipeline {
        self.device.create_compute_pipeline(source, entry)
    }

    /// Waits until all pipelines are compiled.
    pub(super) async fn compiled(&self) -> Result<()> {
        self.device.compiled().await;
        self.check()
    }

    /// Binds buffers to a pipeline's bindings 0, 1, 2 and so on.
    pub(super) fn bind(&self, pipeline: &ComputePipeline, buffers: &[&Buffer]) -> BindGroup {
        let numbered: Vec<(usize, &Buffer)> = buffers.iter().copied().enumerate().collect();
        self.bind_some(pipeline, &numbered)
    }

    /// Binds buffers to the bindings of these numbers: just those that the pipeline uses.
    pub(super) fn bind_some(&self, pipeline: &ComputePipeline, buffers: &[(usize, &Buffer)]) -> BindGroup {
        self.device.create_bind_group(pipeline, buffers)
    }
}

impl Drop for GpuContext {
    fn drop(&mut self) {
        // In the browser a dropped device would live until the garbage collector comes by.
        self.destroy();
    }
}

/// A buffer whose memory is given back when it is dropped; otherwise the browser's garbage collector would do it.
pub(super) struct GpuBuffer(Buffer);

impl Deref for GpuBuffer {
    type Target = Buffer;

    fn deref(&self) -> &Buffer {
        &self.0
    }
}

impl Drop for GpuBuffer {
    fn drop(&mut self) {
        self.0.destroy();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pollster::block_on;

    #[test]
    #[ignore = "needs a GPU: ./build.sh test runs it"]
    fn gpu_refusals_are_errors_and_no_panics() {
        let context = block_on(GpuContext::new()).unwrap();
        context.check().unwrap();
        context.pipeline("@compute @workgroup_size(1) fn wrong() { nothing(); }", "wrong");
        let error = context.check().unwrap_err().to_string();
        assert!(error.contains("refused a command") && error.contains("nothing"), "{error}");
        let error = context.buffer("rows", 1 << 30, BufferUsages::STORAGE).err().unwrap().to_string();
        assert!(error.contains("rows need 1073741824 bytes, expected at most 134217728"), "{error}");
    }
}
