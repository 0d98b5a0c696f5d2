// The browser's WebGPU, for web.rs. No exception may pass through WebAssembly, which could not go on after it: what is
// thrown becomes the device's fault, as what the browser reports later does.

// Resolves to a Gpu, or to the reason why there is none.
export async function open() {
  try {
    const adapter = await navigator.gpu?.requestAdapter();
    if (!adapter) return "this browser, or this kind of worker, offers no WebGPU";
    return new Gpu(adapter, await adapter.requestDevice());
  } catch (error) {
    return `the GPU can't be opened (${text(error)})`;
  }
}

const text = (error) => String(error?.message ?? error);

class Gpu {
  isLost = false;
  fault; // the first thing that went wrong, as text
  #device;
  #compiling = [];

  constructor(adapter, device) {
    this.#device = device;
    // Browsers keep the name to themselves; vendor and architecture are what they tell. The end tells the kernels: see GpuContext.
    const { vendor, architecture, description, isFallbackAdapter } = device.adapterInfo ?? adapter.info ?? {};
    const parts = [vendor, architecture, description, "webgpu", isFallbackAdapter && "software"];
    this.description = parts.filter(Boolean).join(", ");
    this.hasPackedProducts = Boolean(navigator.gpu.wgslLanguageFeatures?.has("packed_4x8_integer_dot_product"));
    this.largestBinding = device.limits.maxStorageBufferBindingSize;
    device.lost.then(({ reason, message }) => {
      // Our own destroy() is reported as a loss too.
      if (reason === "destroyed") return;
      this.isLost = true;
      this.complain(message);
    });
    device.onuncapturederror = ({ error }) => this.complain(error);
  }

  complain(error) {
    this.fault ??= text(error);
  }

  attempt(work) {
    try {
      return work(this.#device);
    } catch (error) {
      this.complain(error);
    }
  }

  destroy() {
    this.attempt((device) => device.destroy());
  }

  createBuffer(label, size, usage) {
    return this.attempt((device) => device.createBuffer({ label, size, usage }));
  }

  writeBuffer(buffer, offset, contents) {
    this.attempt((device) => device.queue.writeBuffer(buffer, offset, contents));
  }

  // The browser compiles beside the page; compiled() waits for it.
  createComputePipeline(code, entryPoint) {
    const pipeline = {};
    const compile = async (device) => {
      const module = device.createShaderModule({ code, label: entryPoint });
      const descriptor = { label: entryPoint, layout: "auto", compute: { module, entryPoint } };
      pipeline.compiled = await device.createComputePipelineAsync(descriptor);
    };
    this.#compiling.push(compile(this.#device).catch((error) => this.complain(error)));
    return pipeline;
  }

  compiled() {
    return Promise.all(this.#compiling.splice(0));
  }

  createBindGroup(pipeline, bindings, buffers) {
    return this.attempt((device) =>
      device.createBindGroup({
        layout: pipeline.compiled.getBindGroupLayout(0),
        entries: buffers.map((buffer, place) => ({ binding: bindings[place], resource: { buffer } })),
      }),
    );
  }

  createCommandEncoder() {
    return new Commands(this);
  }

  submit(commands) {
    this.attempt((device) => device.queue.submit([commands.encoder.finish()]));
  }

  // Resolves to a buffer's words, once everything submitted before is done, or to the reason why they can't be read.
  async read(buffer, bytes) {
    try {
      await buffer.mapAsync(GPUMapMode.READ, 0, bytes);
      const words = new Uint32Array(buffer.getMappedRange(0, bytes)).slice();
      buffer.unmap();
      return words;
    } catch (error) {
      return text(error);
    }
  }
}

class Commands {
  #gpu;
  #pass;

  constructor(gpu) {
    this.#gpu = gpu;
    gpu.attempt((device) => (this.encoder = device.createCommandEncoder()));
  }

  beginComputePass() {
    this.#gpu.attempt(() => (this.#pass = this.encoder.beginComputePass()));
  }

  dispatch(pipeline, group, workgroups) {
    this.#gpu.attempt(() => {
      this.#pass.setPipeline(pipeline.compiled);
      this.#pass.setBindGroup(0, group);
      this.#pass.dispatchWorkgroups(workgroups);
    });
  }

  endComputePass() {
    this.#gpu.attempt(() => this.#pass.end());
  }

  copyBuffer(source, target, bytes) {
    this.#gpu.attempt(() => this.encoder.copyBufferToBuffer(source, 0, target, 0, bytes));
  }
}
