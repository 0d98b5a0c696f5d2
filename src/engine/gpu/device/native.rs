//! Through wgpu: Vulkan, Metal or DirectX 12.

use super::DEADLINE;
use crate::error::{Error, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use wgpu::{BindGroupDescriptor, BindGroupEntry};

pub use wgpu::{BindGroup, Buffer, BufferUsages, CommandEncoder, ComputePass, ComputePipeline, Limits};

/// An open device and its queue.
pub struct Device {
    device: wgpu::Device,
    queue: wgpu::Queue,
    description: String,
    health: Arc<Health>,
}

/// What the device's callbacks report.
#[derive(Default)]
struct Health {
    lost: AtomicBool,
    /// The first complaint of the driver.
    fault: Mutex<Option<String>>,
}

impl Health {
    fn complain(&self, message: String) {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(message);
    }
}

impl Device {
    /// Opens the GPU that the system prefers, with WebGPU's default limits.
    pub async fn open() -> Result<Self> {
        Self::with_limits(Limits::default()).await
    }

    /// The same with other limits, as a test needs it.
    pub async fn with_limits(limits: Limits) -> Result<Self> {
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
        // Errors that nobody handles would be panics.
        let reported = health.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| reported.complain(error.to_string())));
        Ok(Self { device, queue, description: describe(&adapter.get_info()), health })
    }

    /// wgpu's own.
    pub fn wgpu(&self) -> &wgpu::Device {
        &self.device
    }

    /// The adapter's name and kind; "software" at the end where the processor plays it.
    pub fn describe(&self) -> String {
        self.description.clone()
    }

    /// Whether shaders may multiply four packed bytes at once: the compiler can, whatever the device.
    pub fn has_packed_products(&self) -> bool {
        true
    }

    /// The most bytes that a shader sees of one buffer.
    pub fn largest_binding(&self) -> usize {
        self.device.limits().max_storage_buffer_binding_size as usize
    }

    /// Whether the device went away by itself.
    pub fn is_lost(&self) -> bool {
        self.health.lost.load(Ordering::Relaxed)
    }

    /// The first thing that went wrong.
    pub fn fault(&self) -> Option<String> {
        self.health.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives the device and all memory on it back at once.
    pub fn destroy(&self) {
        self.device.destroy();
    }

    /// A buffer of zeros, `size` in bytes.
    pub fn create_buffer(&self, label: &str, size: usize, usage: BufferUsages) -> Buffer {
        let descriptor =
            wgpu::BufferDescriptor { label: Some(label), size: size as u64, usage, mapped_at_creation: false };
        self.device.create_buffer(&descriptor)
    }

    /// Fills a buffer from so many bytes on, ahead of what is submitted next.
    pub fn write_buffer(&self, buffer: &Buffer, offset: usize, contents: &[u8]) {
        self.queue.write_buffer(buffer, offset as u64, contents);
    }

    /// Compiles one entry point; its bindings follow from the source. Only after [`Self::compiled`] it may be used.
    pub fn create_compute_pipeline(&self, source: &str, entry: &str) -> ComputePipeline {
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

    /// Ends when all pipelines are compiled, or refused: natively they are at once.
    pub async fn compiled(&self) {}

    /// Binds buffers to a pipeline's bindings of these numbers.
    pub fn create_bind_group(&self, pipeline: &ComputePipeline, buffers: &[(usize, &Buffer)]) -> BindGroup {
        let entries: Vec<BindGroupEntry<'_>> = buffers
            .iter()
            .map(|(binding, buffer)| BindGroupEntry { binding: *binding as u32, resource: buffer.as_entire_binding() })
            .collect();
        let layout = pipeline.get_bind_group_layout(0);
        self.device.create_bind_group(&BindGroupDescriptor { label: None, layout: &layout, entries: &entries })
    }

    /// An empty list of commands.
    pub fn create_command_encoder(&self) -> CommandEncoder {
        self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }

    /// Sends commands to the device.
    pub fn submit(&self, commands: CommandEncoder) {
        self.queue.submit([commands.finish()]);
    }

    /// A buffer's first `bytes`, once everything submitted before is done; blocks the thread. What the device says
    /// where they can't be read; `None` where it gave no answer within [`DEADLINE`].
    pub async fn read(&self, buffer: &Buffer, bytes: usize) -> Option<Result<Vec<u32>, String>> {
        let answer = Arc::new(Mutex::new(None));
        let writer = answer.clone();
        buffer.map_async(wgpu::MapMode::Read, ..bytes as u64, move |result| {
            *writer.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        });
        // Ends at the deadline, and at once when the device is gone; the answer says which.
        let _ = self.device.poll(wgpu::PollType::Wait { submission_index: None, timeout: Some(DEADLINE) });
        let answer = answer.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(answer.map_err(|error| error.to_string()).and_then(|()| {
            let view = buffer.get_mapped_range(..bytes as u64).map_err(|error| error.to_string())?;
            let words = bytemuck::pod_collect_to_vec(&view);
            drop(view);
            buffer.unmap();
            Ok(words)
        }))
    }
}

/// Begins a run of dispatches, which ends when it is dropped.
pub fn begin_compute_pass(commands: &mut CommandEncoder) -> ComputePass<'_> {
    commands.begin_compute_pass(&wgpu::ComputePassDescriptor::default())
}

/// Records one dispatch.
pub fn dispatch(pass: &mut ComputePass<'_>, pipeline: &ComputePipeline, group: &BindGroup, workgroups: usize) {
    pass.set_pipeline(pipeline);
    pass.set_bind_group(0, group, &[]);
    pass.dispatch_workgroups(workgroups as u32, 1, 1);
}

/// Records a copy of a buffer's first `bytes`.
pub fn copy_buffer(commands: &mut CommandEncoder, source: &Buffer, target: &Buffer, bytes: usize) {
    commands.copy_buffer_to_buffer(source, 0, target, 0, Some(bytes as u64));
}

fn describe(info: &wgpu::AdapterInfo) -> String {
    // Its end tells the kernels: see `GpuContext`.
    let software = if info.device_type == wgpu::DeviceType::Cpu { ", software" } else { "" };
    format!("{}, {}{software}", info.name, info.backend.to_str())
}
