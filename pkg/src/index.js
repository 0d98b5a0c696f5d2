// foreclick for the page: fetches the model, starts WebAssembly, hands plain objects to and fro.
// Every member is documented in index.d.ts.
import { checked, checkKnowledge, checkSessions, copy, failure, get, obtain, obtainDelta, within } from "./shared.js";
import startWasm, { Task, WebPredictor, release, reserve } from "../wasm/foreclick.js";

const BACKENDS = ["auto", "cpu", "gpu"];
// The GPU has its own, shorter deadlines. Past these it can only have died inside WebAssembly.
const PREDICTION_LIMIT = 10_000;
const ADAPTER_LIMIT = 10_000;
const TRIAL_LIMIT = 60_000;
// Many sessions hold the page up for so long at a time.
const CHUNK = 12;
// Of a session up to here the early events are counted first and encoded only where that matters, as in Rust.
const MAX_COUNTED = 10_000;

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
  #decisions;
  #settled;
  #load;
  #model;
  #observed = { count: 0, milliseconds: 0 };
  #predicted = { count: 0, milliseconds: 0 };
  #onGpu = false; // until it is given up
  #retried = false;
  #knowledge; // applied to the model

  static async load(source, options) {
    const { backend = "auto", cache, delta, deltaIntegrity, integrity, knowledge, onProgress, signal, ...unknown } = options ?? {};
    for (const name in unknown) {
      throw failure("argument", `unknown option ${name}, expected backend, cache, delta, deltaIntegrity, integrity, knowledge, onProgress, signal`);
    }
    if (!BACKENDS.includes(backend)) {
      throw failure("argument", `backend is ${String(backend)}, expected one of ${BACKENDS}`);
    }
    checkKnowledge(knowledge);
    const start = performance.now();
    // The file goes straight to WebAssembly's memory as it arrives.
    let memory, at, size, file, over;
    const differing = obtainDelta(delta, deltaIntegrity, signal);
    differing.catch(() => {}); // told below: the memory must not go before the model file has come or failed
    const room = async (length) => {
      ({ memory } = await instance);
      at = enter(() => reserve(length));
      if (!at) throw failure("wasm", `model file: there is no memory for its ${length} bytes`);
      size = length;
      return () => new Uint8Array(memory.buffer, at, size);
    };
    try {
      [, file] = await Promise.all([init(), obtain(source, { cache, integrity, onProgress, signal }, room)]);
      over = await differing;
      signal?.throwIfAborted();
      const { bytes } = file;
      // Bytes that are where they should be are seen no more once the memory has grown.
      if (!at || (bytes.length && bytes.length !== size)) {
        if (at) release(at, size);
        at = undefined;
        (await room(bytes.length))().set(bytes);
      }
    } catch (error) {
      if (at && !stopped) release(at, size);
      throw error;
    }
    const predictor = new Predictor([at, size, over], backend, memory, file.decisions);
    predictor.#load = { from: file.from, milliseconds: performance.now() - start };
    try {
      if (knowledge) predictor.setKnowledge(knowledge);
    } catch (error) {
      predictor.free();
      throw error;
    }
    if (backend === "gpu") await predictor.settled;
    return predictor;
  }

  constructor(file, backend, memory, decisions) {
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
    this.#decisions = backend === "auto" ? decisions : undefined;
    this.#inner = enter(() => new WebPredictor(...file, reason));
    this.#settled = hasGpu && backend !== "cpu" ? this.#tryGpu() : Promise.resolve();
  }

  get settled() {
    return this.#settled;
  }

  setKnowledge(knowledge) {
    checkKnowledge(knowledge);
    this.#call((inner) => {
      inner.set_knowledge([]);
      this.#knowledge = knowledge?.apply(inner);
    });
    return this.#knowledge?.summary ?? null;
  }

  observe(event) {
    const start = performance.now();
    const copied = copy(event);
    this.#call((inner) => inner.observe(copied));
    note(this.#observed, start);
  }

  async predict(options = {}) {
    const start = performance.now();
    const copied = copy(options);
    let answer = this.#call((inner) => inner.predict(this.#limited(inner, copied)));
    if (answer instanceof Task) {
      answer = (await within(PREDICTION_LIMIT, run(answer))) ?? stop("the GPU's answer never came");
    }
    // Late once, the GPU stays in use.
    if (this.#onGpu && answer.backend === "cpu" && this.#inner && !this.#call((inner) => inner.has_gpu())) this.#retryGpu();
    return { ...answer, milliseconds: note(this.#predicted, start) };
  }

  async rank(items, options) {
    if (!Array.isArray(items)) throw failure("argument", "the items to rank must be an array of strings");
    return this.predict({ ...options, k: options?.k ?? items.length, candidates: items });
  }

  async predictMany(sessions, options) {
    checkSessions(sessions);
    const { signal, ...asked } = options ?? {};
    signal?.throwIfAborted();
    const copied = copy(asked);
    const inner = this.#call((inner) => inner.fork());
    try {
      const limited = this.#limited(inner, copied);
      const predictions = [];
      let start = performance.now();
      for (const session of sessions) {
        predictions.push(answerSession(inner, session, limited, predictions.length));
        if (performance.now() - start > CHUNK) {
          await new Promise((resolve) => setTimeout(resolve));
          signal?.throwIfAborted();
          start = performance.now();
        }
      }
      return predictions;
    } finally {
      if (!stopped) inner.free();
    }
  }

  async explain(item, options) {
    return this.#explain(item, false, options);
  }

  async explainTask(task, options) {
    return this.#explain(task, true, options);
  }

  #explain(name, isTask, options = {}) {
    if (typeof name !== "string") throw failure("argument", "what is to be explained must be named by a string");
    const copied = copy(options);
    const explanation = this.#call((inner) => inner.explain(name, isTask, this.#limited(inner, copied)));
    if (!isTask) this.#knowledge?.name(explanation);
    return explanation;
  }

  // The options without limits of prices, which are set for this call.
  #limited(inner, options) {
    return this.#knowledge?.limit(inner, options) ?? options;
  }

  learn(event) {
    const copied = copy(event);
    return this.#call((inner) => inner.learn(copied));
  }

  learned() {
    return this.#call((inner) => inner.learned());
  }

  recall(learned) {
    if (!(learned instanceof Uint8Array)) throw failure("argument", "recall() takes the bytes that learned() gave");
    this.#call((inner) => inner.recall(learned));
  }

  reset() {
    this.#call((inner) => inner.reset());
  }

  diagnostics() {
    const report = this.#call((inner) => inner.diagnostics());
    return {
      ...report,
      model: (this.#model ??= this.#call((inner) => inner.fingerprint())),
      load: this.#load,
      knowledge: this.#knowledge?.summary ?? null,
      observe: { ...this.#observed },
      predict: { ...this.#predicted },
      memoryBytes: this.#memory.buffer.byteLength,
    };
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
    this.#onGpu = false;
    if (this.#retried) return;
    this.#retried = true;
    this.#settled = this.#tryGpu();
  }

  // Never rejects: whatever happens, the CPU answers, and the diagnostics tell why.
  async #tryGpu() {
    try {
      // Asked here first: where this throws or never answers, as extensions make it, WebAssembly could not go on.
      const asked = navigator.gpu.requestAdapter().then((adapter) => [adapter]);
      const answer = await within(ADAPTER_LIMIT, asked);
      if (!answer) throw new Error("no answer");
      const [adapter] = answer;
      const decisions = adapter && this.#decisions;
      if (await decisions?.wasCpu(adapter)) {
        return this.#call((inner) => inner.give_up_gpu("it was faster than the GPU at an earlier visit"));
      }
      const trial = run(this.#call((inner) => inner.try_gpu(this.#backend === "gpu"))).then(() => true);
      if (!(await within(TRIAL_LIMIT, trial))) throw new Error("its trial never ended");
      this.#onGpu = this.#call((inner) => inner.has_gpu());
      if (!this.#onGpu && this.diagnostics().selfCheck === "passed") await decisions?.keepCpu(adapter);
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

// One session of many, in the buffers of their own.
function answerSession(inner, session, options, place) {
  const start = performance.now();
  const events = session.map((event) => copy(event));
  const counted = events.length <= MAX_COUNTED;
  try {
    const prediction = enter(() => {
      inner.reset();
      for (const event of events) inner.observe(event, counted);
      if (counted) inner.encode_counted();
      return inner.predict(options);
    });
    return { ...prediction, milliseconds: performance.now() - start };
  } catch ({ code, message }) {
    throw failure(code, `session ${place}: ${message}`);
  }
}

// Adds what began at `start` to a mean of the latest 50 or so; returns its milliseconds.
function note(cost, start) {
  const milliseconds = performance.now() - start;
  cost.count++;
  cost.milliseconds += (milliseconds - cost.milliseconds) / Math.min(cost.count, 50);
  return milliseconds;
}

// Drives a task of WebAssembly's to its end. It waits for promises and for milliseconds, and goes on with what they give.
function run(task) {
  return new Promise((resolve, reject) => {
    const wait = (what) => {
      const values = [];
      const settle = (value) => {
        values.push(value);
        goOn();
      };
      if (typeof what === "number") setTimeout(settle, what);
      else what.then(settle, (error) => settle(String(error)));
      return values;
    };
    const goOn = () => {
      try {
        const result = task && enter(() => task.poll(wait));
        if (result === undefined) return;
        task.free();
        resolve(result);
      } catch (error) {
        reject(error);
      }
      task = undefined;
    };
    goOn();
  });
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
