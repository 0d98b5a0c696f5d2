// foreclick for the page: fetches the model, starts WebAssembly, hands plain objects to and fro.
// Every member is documented in index.d.ts.
import startWasm, { WebPredictor } from "./wasm/foreclick.js";

const BACKENDS = ["auto", "cpu", "gpu"];
// The GPU has its own, shorter deadlines. Past these it can only have died inside WebAssembly.
const PREDICTION_LIMIT = 10_000;
const ADAPTER_LIMIT = 10_000;
const TRIAL_LIMIT = 60_000;

let instance; // the promise of WebAssembly's exports
let stopped; // the error that ended the instance

export function init(options) {
  const { wasm } = options ?? {};
  // The one place where the address is written: bundlers look for just this form.
  instance ??= start(wasm ?? new URL("./wasm/foreclick_bg.wasm", import.meta.url)).catch((error) => {
    instance = undefined;
    throw error;
  });
  return instance.then(() => {});
}

export class Predictor {
  #inner;
  #backend;
  #memory;
  #settled;
  #retried = false;

  static async load(source, options) {
    const { backend = "auto", onProgress, signal, ...unknown } = options ?? {};
    for (const name in unknown) throw failure("argument", `unknown option ${name}, expected backend, onProgress, signal`);
    if (!BACKENDS.includes(backend)) {
      throw failure("argument", `backend is ${String(backend)}, expected one of ${BACKENDS}`);
    }
    const [bytes] = await Promise.all([read(source, onProgress, signal), init()]);
    signal?.throwIfAborted();
    const { memory } = await instance;
    const predictor = new Predictor(bytes, backend, memory);
    if (backend === "gpu") await predictor.settled;
    return predictor;
  }

  constructor(bytes, backend, memory) {
    if (!memory) throw failure("argument", "use Predictor.load() instead of new Predictor()");
    const hasGpu = Boolean(globalThis.navigator?.gpu);
    const reason =
      backend === "cpu"
        ? "the CPU was asked for"
        : hasGpu
          ? "the CPU answers while the GPU is being tried"
          : "the CPU answers because this browser offers no WebGPU";
    this.#backend = backend;
    this.#memory = memory;
    this.#inner = enter(() => new WebPredictor(bytes, reason));
    this.#settled = hasGpu && backend !== "cpu" ? this.#tryGpu() : Promise.resolve();
  }

  get settled() {
    return this.#settled;
  }

  observe(event) {
    const copied = copy(event);
    this.#call((inner) => inner.observe(copied));
  }

  async predict(options = {}) {
    const start = performance.now();
    const copied = copy(options);
    let answer = this.#call((inner) => inner.predict(copied));
    if (answer instanceof Promise) {
      answer = (await within(PREDICTION_LIMIT, answer)) ?? stop("the GPU's answer never came");
      if (answer.backend === "cpu") this.#retryGpu();
    }
    return { ...answer, milliseconds: performance.now() - start };
  }

  async explain(item, options = {}) {
    if (typeof item !== "string") throw failure("argument", "the item to explain must be a string");
    const copied = copy(options);
    return this.#call((inner) => inner.explain(item, copied));
  }

  reset() {
    this.#call((inner) => inner.reset());
  }

  diagnostics() {
    const report = this.#call((inner) => inner.diagnostics());
    return { ...report, memoryBytes: this.#memory.buffer.byteLength };
  }

  free() {
    const inner = this.#inner;
    this.#inner = undefined;
    if (inner && !stopped) enter(() => inner.free());
  }

  [Symbol.dispose ?? Symbol.for("Symbol.dispose")]() {
    this.free();
  }

  // A device may be lost through no fault of the GPU's, a driver's update for one: it gets one more chance.
  #retryGpu() {
    if (this.#retried || !this.#inner) return;
    this.#retried = true;
    this.#settled = this.#tryGpu();
  }

  // Never rejects: whatever happens, the CPU answers, and the diagnostics tell why.
  async #tryGpu() {
    try {
      // Asked here first: where this throws or never answers, as extensions make it, WebAssembly could not go on.
      const adapter = navigator.gpu.requestAdapter().then(() => true);
      if (!(await within(ADAPTER_LIMIT, adapter))) throw new Error("no answer");
      const trial = this.#call((inner) => inner.try_gpu(this.#backend === "gpu")).then(() => true);
      if (!(await within(TRIAL_LIMIT, trial))) throw new Error("its trial never ended");
    } catch (error) {
      const reason = `WebGPU failed (${error?.message ?? error})`;
      if (this.#inner && !stopped) this.#call((inner) => inner.give_up_gpu(reason));
    }
  }

  #call(work) {
    if (!this.#inner) throw failure("freed", "this predictor was freed; load another");
    return enter(() => work(this.#inner));
  }
}

async function start(wasm) {
  const what = "WebAssembly file";
  const isAddress = typeof wasm === "string" || wasm instanceof URL;
  if (!isAddress && typeof wasm !== "object") throw failure("argument", `${what}: expected a URL, a Response, bytes or a module`);
  const source = isAddress ? await get(wasm, what) : checked(wasm, what);
  try {
    return await startWasm({ module_or_path: source });
  } catch (error) {
    const advice = "it needs WebAssembly with SIMD and, under a Content-Security-Policy, 'wasm-unsafe-eval'";
    throw failure("wasm", `foreclick can't start (${error.message}); ${advice}`, error);
  }
}

// A page's getters run here: one that throws inside a call into WebAssembly would leave its stack where it was.
function copy(value, depth = 2) {
  if (depth === 0 || value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return [...value];
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, copy(member, depth - 1)]));
}

// Runs one call into WebAssembly. A trap leaves its memory half-changed, so that nothing may enter it again.
function enter(work) {
  if (stopped) throw stopped;
  try {
    return work();
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) stop(error.message, error);
    throw error;
  }
}

function stop(what, cause) {
  stopped ??= failure("wasm", `foreclick stopped (${what}); reload the page`, cause);
  throw stopped;
}

async function read(source, onProgress, signal) {
  try {
    if (source instanceof ArrayBuffer) return new Uint8Array(source);
    if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  } catch (error) {
    throw failure("argument", `the bytes can't be read: ${error.message}`, error);
  }
  if (typeof source === "string" || source instanceof URL) source = await get(source, "model file", signal);
  if (!(source instanceof Response)) throw failure("argument", "load() takes a URL, a Response or bytes");
  const response = checked(source, "model file");
  let thrown;
  const tell = (progress) => {
    try {
      onProgress(progress);
    } catch (error) {
      thrown = { error };
      throw error;
    }
  };
  try {
    const counted = onProgress && response.body ? count(response, tell) : response;
    return new Uint8Array(await counted.arrayBuffer());
  } catch (error) {
    if (thrown) throw thrown.error;
    throw signal?.aborted ? signal.reason : failure("fetch", `model file: the transfer broke off: ${error.message}`, error);
  }
}

function count(response, tell) {
  // Of a packed transfer the header gives the packed length, but we see unpacked bytes.
  const length = response.headers.get("content-encoding") ? 0 : Number(response.headers.get("content-length"));
  const total = length || undefined;
  let loaded = 0;
  const counter = new TransformStream({
    transform(chunk, controller) {
      loaded += chunk.byteLength;
      tell({ loaded, total });
      controller.enqueue(chunk);
    },
  });
  return new Response(response.body.pipeThrough(counter));
}

async function get(url, what, signal) {
  let response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    throw signal?.aborted ? signal.reason : failure("fetch", `${what}: ${url} can't be fetched: ${error.message}`, error);
  }
  return checked(response, what);
}

// Servers answer a wrong address with an error, or with a page of their own and "200 OK".
function checked(response, what) {
  if (!(response instanceof Response)) return response;
  const { ok, status, url, headers } = response;
  if (!ok) throw failure("fetch", `${what}: ${url} answered ${status}, expected 200; check the address`);
  if (headers.get("content-type")?.startsWith("text/html")) {
    throw failure("fetch", `${what}: ${url} is a web page, expected a file of foreclick's; check the address`);
  }
  return response;
}

// The promise's value, or undefined after so many milliseconds.
function within(limit, promise) {
  let timer;
  const timeout = new Promise((resolve) => {
    timer = setTimeout(resolve, limit);
  });
  return Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}

function failure(code, message, cause) {
  return Object.assign(new Error(message, { cause }), { code });
}
