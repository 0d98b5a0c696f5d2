//! Through the browser's WebGPU: `web.js` makes the calls.

use crate::error::{Error, Result};
use crate::promise::settled;
use js_sys::{Array, Promise, Uint32Array};
use std::ops::BitOr;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

#[wasm_bindgen(module = "/src/engine/gpu/device/web.js")]
extern "C" {
    #[wasm_bindgen(catch)]
    fn open() -> Result<Promise, JsValue>;
}

#[wasm_bindgen]
extern "C" {
    /// A device, its queue and what went wrong with them.
    type Gpu;
    #[wasm_bindgen(method, getter)]
    fn description(this: &Gpu) -> String;
    #[wasm_bindgen(method, getter, js_name = hasPackedProducts)]
    fn has_packed_products(this: &Gpu) -> bool;
    #[wasm_bindgen(method, getter, js_name = largestBinding)]
    fn largest_binding(this: &Gpu) -> usize;
    #[wasm_bindgen(method, getter, js_name = isLost)]
    fn is_lost(this: &Gpu) -> bool;
    #[wasm_bindgen(method, getter)]
    fn fault(this: &Gpu) -> Option<String>;
    #[wasm_bindgen(method)]
    fn destroy(this: &Gpu);
    #[wasm_bindgen(method, js_name = createBuffer)]
    fn create_buffer(this: &Gpu, label: &str, size: usize, usage: u32) -> Buffer;
    #[wasm_bindgen(method, js_name = writeBuffer)]
    fn write_buffer(this: &Gpu, buffer: &Buffer, offset: usize, contents: &[u8]);
    #[wasm_bindgen(method, js_name = createComputePipeline)]
    fn create_compute_pipeline(this: &Gpu, source: &str, entry: &str) -> ComputePipeline;
    #[wasm_bindgen(method)]
    fn compiled(this: &Gpu) -> Promise;
    #[wasm_bindgen(method, js_name = createBindGroup)]
    fn create_bind_group(this: &Gpu, pipeline: &ComputePipeline, bindings: &[u32], buffers: &Array) -> BindGroup;
    #[wasm_bindgen(method, js_name = createCommandEncoder)]
    fn create_command_encoder(this: &Gpu) -> CommandEncoder;
    #[wasm_bindgen(method)]
    fn submit(this: &Gpu, commands: &CommandEncoder);
    #[wasm_bindgen(method)]
    fn read(this: &Gpu, buffer: &Buffer, bytes: usize) -> Promise;

    /// A kernel.
    pub type ComputePipeline;
    /// Buffers bound to a kernel.
    pub type BindGroup;

    /// A buffer.
    pub type Buffer;
    #[wasm_bindgen(method, catch, js_name = destroy)]
    fn try_destroy(this: &Buffer) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch, js_name = unmap)]
    fn try_unmap(this: &Buffer) -> Result<(), JsValue>;

    /// A list of commands.
    pub type CommandEncoder;
    #[wasm_bindgen(method, js_name = beginComputePass)]
    fn begin_compute_pass(this: &CommandEncoder);
    #[wasm_bindgen(method)]
    fn dispatch(this: &CommandEncoder, pipeline: &ComputePipeline, group: &BindGroup, workgroups: usize);
    #[wasm_bindgen(method, js_name = endComputePass)]
    fn end_compute_pass(this: &CommandEncoder);
    #[wasm_bindgen(method, js_name = copyBuffer)]
    fn copy_buffer(this: &CommandEncoder, source: &Buffer, target: &Buffer, bytes: usize);
}

/// An open device and its queue.
pub struct Device(Gpu);

impl Device {
    /// Opens the GPU that the browser prefers, with WebGPU's default limits.
    pub async fn open() -> Result<Self> {
        let gpu = match open() {
            Ok(promise) => value_or_reason(promise).await,
            Err(_) => Err("the GPU can't be asked for".into()),
        };
        gpu.map(|gpu| Self(gpu.unchecked_into())).map_err(Error::Gpu)
    }

    /// What the browser tells of the adapter; "software" at the end where the processor plays it.
    pub fn describe(&self) -> String {
        self.0.description()
    }

    /// Whether shaders may multiply four packed bytes at once.
    pub fn has_packed_products(&self) -> bool {
        self.0.has_packed_products()
    }

    /// The most bytes that a shader sees of one buffer.
    pub fn largest_binding(&self) -> usize {
        self.0.largest_binding()
    }

    /// Whether the device went away by itself.
    pub fn is_lost(&self) -> bool {
        self.0.is_lost()
    }

    /// The first thing that went wrong.
    pub fn fault(&self) -> Option<String> {
        self.0.fault()
    }

    /// Gives the device and all memory on it back at once.
    pub fn destroy(&self) {
        self.0.destroy();
    }

    /// A buffer of zeros, `size` in bytes.
    pub fn create_buffer(&self, label: &str, size: usize, usage: BufferUsages) -> Buffer {
        self.0.create_buffer(label, size, usage.0)
    }

    /// Fills a buffer from so many bytes on, ahead of what is submitted next.
    pub fn write_buffer(&self, buffer: &Buffer, offset: usize, contents: &[u8]) {
        self.0.write_buffer(buffer, offset, contents);
    }

    /// Begins to compile one entry point; its bindings follow from the source. Only after [`Self::compiled`] it may be
    /// used.
    pub fn create_compute_pipeline(&self, source: &str, entry: &str) -> ComputePipeline {
        self.0.create_compute_pipeline(source, entry)
    }

    /// Ends when all pipelines are compiled, or refused; the page goes on meanwhile.
    pub async fn compiled(&self) {
        // What is refused is a fault.
        settled(self.0.compiled().into()).await;
    }

    /// Binds buffers to a pipeline's bindings of these numbers.
    pub fn create_bind_group(&self, pipeline: &ComputePipeline, buffers: &[(usize, &Buffer)]) -> BindGroup {
        let (bindings, buffers): (Vec<u32>, Vec<&Buffer>) =
            buffers.iter().map(|&(binding, buffer)| (binding as u32, buffer)).unzip();
        self.0.create_bind_group(pipeline, &bindings, &buffers.into_iter().collect())
    }

    /// An empty list of commands.
    pub fn create_command_encoder(&self) -> CommandEncoder {
        self.0.create_command_encoder()
    }

    /// Sends commands to the device.
    pub fn submit(&self, commands: CommandEncoder) {
        self.0.submit(&commands);
    }

    /// A buffer's first `bytes`, once everything submitted before is done. What the browser says where they can't be
    /// read. `None` never comes: who has no time to wait drops the future.
    pub async fn read(&self, buffer: &Buffer, bytes: usize) -> Option<Result<Vec<u32>, String>> {
        let words = value_or_reason(self.0.read(buffer, bytes)).await;
        Some(words.map(|words| words.unchecked_into::<Uint32Array>().to_vec()))
    }
}

impl Buffer {
    /// Gives its memory back at once.
    pub fn destroy(&self) {
        // One that could not be made has nothing to give back.
        let _ = self.try_destroy();
    }

    /// Ends a reading that was given up half-way.
    pub fn unmap(&self) {
        // Where that fails, the next reading tells.
        let _ = self.try_unmap();
    }
}

/// What a promise of `web.js` resolves to; a text is the reason why there is nothing else.
async fn value_or_reason(promise: Promise) -> Result<JsValue, String> {
    let value = settled(promise.into()).await;
    match value.as_string() {
        Some(reason) => Err(reason),
        None => Ok(value),
    }
}

/// What a buffer is used for, in WebGPU's own numbers.
#[derive(Clone, Copy)]
pub struct BufferUsages(u32);

impl BufferUsages {
    pub const MAP_READ: Self = Self(1);
    pub const COPY_SRC: Self = Self(4);
    pub const COPY_DST: Self = Self(8);
    pub const UNIFORM: Self = Self(64);
    pub const STORAGE: Self = Self(128);
}

impl BitOr for BufferUsages {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A run of dispatches in a list of commands, which takes nothing else until it ends.
pub struct ComputePass<'commands>(&'commands mut CommandEncoder);

impl Drop for ComputePass<'_> {
    fn drop(&mut self) {
        self.0.end_compute_pass();
    }
}

/// Begins a run of dispatches, which ends when it is dropped.
pub fn begin_compute_pass(commands: &mut CommandEncoder) -> ComputePass<'_> {
    commands.begin_compute_pass();
    ComputePass(commands)
}

/// Records one dispatch.
pub fn dispatch(pass: &mut ComputePass<'_>, pipeline: &ComputePipeline, group: &BindGroup, workgroups: usize) {
    pass.0.dispatch(pipeline, group, workgroups);
}

/// Records a copy of a buffer's first `bytes`.
pub fn copy_buffer(commands: &mut CommandEncoder, source: &Buffer, target: &Buffer, bytes: usize) {
    commands.copy_buffer(source, target, bytes);
}
