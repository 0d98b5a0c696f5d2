//! The connection to a GPU: adapter, device, queue, and what went wrong with them.

use crate::error::{Error, Result};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use wgpu::{BindGroup, BindGroupDescriptor, BindGroupEntry, Buffer, BufferUsages, ComputePass, ComputePipeline};

/// An open GPU device. Dropping it gives the device back.
///
/// In the browser it belongs to the thread that opened it: a window or a dedicated worker.
pub struct GpuContext {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    description: String,
    has_packed_products: bool,
    health: Arc<Health>,
}

/// What the device's callbacks report.
#[derive(Default)]
struct Health {
    lost: AtomicBool,
    destroyed: AtomicBool,
    /// The first complaint of the driver or the browser.
    fault: Mutex<Option<String>>,
}

impl Health {
    fn complain(&self, message: String) {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(message);
    }
}

impl GpuContext {
    /// Opens the GPU that the system or the browser prefers.
    ///
    /// # Errors
    /// [`Error::Gpu`] when there is none, or it gives no device with WebGPU's default limits.
    pub async fn new() -> Result<Arc<Self>> {
        Self::with_limits(wgpu::Limits::default()).await
    }

    /// The same with other limits than WebGPU's defaults, as a test needs it.
    ///
    /// # Errors
    /// As for [`Self::new`].
    #[cfg_attr(
        target_arch = "wasm32",
        expect(clippy::arc_with_non_send_sync, reason = "threads share it only outside the browser")
    )]
    pub async fn with_limits(limits: wgpu::Limits) -> Result<Arc<Self>> {
        // Outside a window and a dedicated worker wgpu panics when it finds no GPU, so ask first.
        if cfg!(target_arch = "wasm32") && !wgpu::util::is_browser_webgpu_supported().await {
            return Err(Error::Gpu("this browser, or this kind of worker, offers no WebGPU".into()));
        }
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let adapter = instance.request_adapter(&wgpu::RequestAdapterOptions::default()).await.map_err(|_| {
            Error::Gpu("no GPU was found, expected one with a Vulkan, Metal or DirectX 12 driver".into())
        })?;
        let (device, queue) = adapter
            .request_device(&wgpu::DeviceDescriptor { required_limits: limits, ..wgpu::DeviceDescriptor::default() })
            .await
            .map_err(|error| Error::Gpu(format!("the GPU can't be opened ({error})")))?;
        let health = Arc::new(Health::default());
        let reported = health.clone();
        device.set_device_lost_callback(move |reason, message| {
            // Our own destroy() is reported as a loss too.
            if reason != wgpu::DeviceLostReason::Destroyed {
                reported.lost.store(true, Ordering::Relaxed);
                reported.complain(message);
            }
        });
        watch_errors(&device, health.clone());
        let description = describe(&adapter.get_info(), &device);
        Ok(Arc::new(Self { device, queue, description, has_packed_products: has_packed_products(), health }))
    }

    /// Whether the device was lost: reset, unplugged, taken away. What [`Self::destroy`] does is no loss.
    pub fn is_lost(&self) -> bool {
        self.health.lost.load(Ordering::Relaxed)
    }

    /// The adapter's name and kind, for diagnostics.
    pub fn describe(&self) -> String {
        self.description.clone()
    }

    /// wgpu's own device, for tools that measure or debug.
    pub fn device(&self) -> &wgpu::Device {
        &self.device
    }

    /// Gives the device and all memory on it back at once; whatever was made from it answers with errors from now on.
    pub fn destroy(&self) {
        self.health.destroyed.store(true, Ordering::Relaxed);
        self.device.destroy();
    }

    /// Whether the device is still there and nothing went wrong on it.
    pub(super) fn check(&self) -> Result<()> {
        if self.health.destroyed.load(Ordering::Relaxed) {
            return Err(Error::Gpu("the GPU was given back".into()));
        }
        match self.health.fault.lock().unwrap_or_else(PoisonError::into_inner).as_deref() {
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
        let size = bytes.max(1).next_multiple_of(16) as u64;
        let descriptor = wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false };
        Ok(GpuBuffer(self.device.create_buffer(&descriptor)))
    }

    /// Whether shaders may multiply four packed bytes at once.
    pub(super) fn has_packed_products(&self) -> bool {
        self.has_packed_products
    }

    /// The most bytes that a shader sees of one buffer.
    pub(super) fn largest_binding(&self) -> usize {
        self.device.limits().max_storage_buffer_binding_size as usize
    }

    /// A buffer that shaders read, filled.
    pub(super) fn upload(&self, label: &str, contents: &[u8], usage: BufferUsages) -> Result<GpuBuffer> {
        let buffer = self.buffer(label, contents.len(), usage | BufferUsages::COPY_DST)?;
        self.queue.write_buffer(&buffer, 0, contents);
        Ok(buffer)
    }

    /// Compiles one entry point; its bindings follow from the source.
    pub(super) fn pipeline(&self, source: &str, entry: &str) -> ComputePipeline {
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(entry),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        });
        self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(entry),
            layout: None,
            module: &module,
            entry_point: Some(entry),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        })
    }

    /// Binds buffers to a pipeline's bindings 0, 1, 2 and so on.
    pub(super) fn bind(&self, pipeline: &ComputePipeline, buffers: &[&Buffer]) -> BindGroup {
        let numbered: Vec<(usize, &Buffer)> = buffers.iter().copied().enumerate().collect();
        self.bind_some(pipeline, &numbered)
    }

    /// Binds buffers to the bindings of these numbers: just those that the pipeline uses.
    pub(super) fn bind_some(&self, pipeline: &ComputePipeline, buffers: &[(usize, &Buffer)]) -> BindGroup {
        let entries: Vec<BindGroupEntry<'_>> = buffers
            .iter()
            .map(|(binding, buffer)| BindGroupEntry { binding: *binding as u32, resource: buffer.as_entire_binding() })
            .collect();
        let layout = pipeline.get_bind_group_layout(0);
        self.device.create_bind_group(&BindGroupDescriptor { label: None, layout: &layout, entries: &entries })
    }
}

/// Records one dispatch.
pub(super) fn dispatch(pass: &mut ComputePass<'_>, pipeline: &ComputePipeline, group: &BindGroup, workgroups: usize) {
    pass.set_pipeline(pipeline);
    pass.set_bind_group(0, group, &[]);
    pass.dispatch_workgroups(workgroups as u32, 1, 1);
}

impl Drop for GpuContext {
    fn drop(&mut self) {
        // In the browser a dropped device would live until the garbage collector comes by.
        self.destroy();
    }
}

/// A buffer whose memory is given back when it is dropped; wgpu's own leaves that to the browser's garbage collector.
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

/// Errors that nobody handles would be panics.
#[cfg(not(target_arch = "wasm32"))]
fn watch_errors(device: &wgpu::Device, health: Arc<Health>) {
    device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| health.complain(error.to_string())));
}

/// wgpu's own handler panics on an internal error, and a panic ends a module for good.
#[cfg(target_arch = "wasm32")]
fn watch_errors(device: &wgpu::Device, health: Arc<Health>) {
    use wasm_bindgen::{JsValue, closure::Closure};
    let Some(device) = device.as_webgpu() else { return };
    let handler = Closure::<dyn FnMut(JsValue)>::new(move |event: JsValue| {
        let message = property(&event, "error").and_then(|error| property(&error, "message")?.as_string());
        health.complain(message.unwrap_or_else(|| "without a reason".into()));
    });
    // Nobody else can set a property on a device of ours, so this cannot fail.
    let _ = js_sys::Reflect::set(device, &"onuncapturederror".into(), &handler.into_js_value());
}

#[cfg(target_arch = "wasm32")]
fn property(object: &wasm_bindgen::JsValue, name: &str) -> Option<wasm_bindgen::JsValue> {
    js_sys::Reflect::get(object, &name.into()).ok().filter(|value| !value.is_undefined() && !value.is_null())
}

/// Natively the compiler has them, whatever the device.
#[cfg(not(target_arch = "wasm32"))]
fn has_packed_products() -> bool {
    true
}

#[cfg(target_arch = "wasm32")]
fn has_packed_products() -> bool {
    let gpu = property(&js_sys::global(), "navigator").and_then(|navigator| property(&navigator, "gpu"));
    gpu.and_then(|gpu| property(&gpu, "wgslLanguageFeatures")).is_some_and(|features| {
        let features: js_sys::Set = wasm_bindgen::JsCast::unchecked_into(features);
        features.has(&"packed_4x8_integer_dot_product".into())
    })
}

#[cfg(not(target_arch = "wasm32"))]
fn describe(info: &wgpu::AdapterInfo, _device: &wgpu::Device) -> String {
    let software = if info.device_type == wgpu::DeviceType::Cpu { ", software" } else { "" };
    format!("{}, {}{software}", info.name, info.backend.to_str())
}

/// Browsers keep the name to themselves; vendor and architecture are what they tell.
#[cfg(target_arch = "wasm32")]
fn describe(info: &wgpu::AdapterInfo, device: &wgpu::Device) -> String {
    let adapter = device.as_webgpu().and_then(|device| property(device, "adapterInfo"));
    let told = ["vendor", "architecture"].map(|name| adapter.as_ref().and_then(|adapter| property(adapter, name)));
    let mut parts: Vec<String> = told.into_iter().flatten().filter_map(|value| value.as_string()).collect();
    parts.push(info.name.clone());
    parts.push("webgpu".into());
    if info.device_type == wgpu::DeviceType::Cpu {
        parts.push("software".into());
    }
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
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
