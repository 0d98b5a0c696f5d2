// foreclick/worker: the same predictor in a thread of its own. Every member is documented in worker.d.ts.
import { checkKnowledge, checkSessions, copy, failure, obtain, obtainDelta } from "./shared.js";

const OPTIONS = ["backend", "cache", "delta", "deltaIntegrity", "integrity", "knowledge", "onError", "onProgress", "signal", "wasm", "worker"];

export class Predictor {
  #worker;
  #onError;
  #load;
  #calls = new Map(); // what waits for an answer, by number
  #number = 0;
  #settled;
  #settle;
  #ended; // the error that every later call gives
  #refused = new Set(); // messages of refused events

  static async load(source, options) {
    const { backend, cache, delta, deltaIntegrity, integrity, knowledge, onProgress, signal, wasm, worker, ...others } = options ?? {};
    const { onError = (error) => reportError(error), ...unknown } = others;
    for (const name in unknown) throw failure("argument", `unknown option ${name}, expected ${OPTIONS.join(", ")}`);
    checkKnowledge(knowledge);
    const start = performance.now();
    // The thread starts while the model arrives.
    const predictor = new Predictor(worker ?? startThread(), onError);
    try {
      const [{ bytes, from, decisions }, over] = await Promise.all([
        obtain(source, { cache, integrity, onProgress, signal }),
        obtainDelta(delta, deltaIntegrity, signal),
      ]);
      signal?.throwIfAborted();
      // The page's own bytes stay the page's.
      const sent = from === "memory" ? bytes.slice() : bytes;
      const address = typeof wasm === "string" || wasm instanceof URL;
      const file = address ? new URL(wasm, location.href).href : wasm;
      await predictor.#ask("load", [sent, over, knowledge?.source, backend, file, decisions?.parts], { transfer: [sent.buffer] });
      signal?.throwIfAborted();
      predictor.#load = { from, milliseconds: performance.now() - start };
      return predictor;
    } catch (error) {
      predictor.#end(error);
      throw error;
    }
  }

  constructor(worker, onError) {
    if (!onError) throw failure("argument", "use Predictor.load() instead of new Predictor()");
    this.#worker = worker;
    this.#onError = onError;
    this.#settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
    worker.onmessage = ({ data }) => this.#take(data);
    worker.onerror = (event) => {
      event.preventDefault();
      const advice = "its files must come from the page's own origin, and a policy's worker-src must allow it";
      this.#end(failure("worker", `foreclick's worker failed (${event.message || "it can't start"}); ${advice}`));
    };
  }

  get settled() {
    return this.#settled;
  }

  async setKnowledge(knowledge) {
    checkKnowledge(knowledge);
    return this.#ask("setKnowledge", [knowledge?.source]);
  }

  observe(event) {
    this.#send(0, "observe", [copy(event)]);
  }

  async predict(options) {
    return this.#timed("predict", [copy(options)]);
  }

  async rank(items, options) {
    return this.#timed("rank", [copy(items), copy(options)]);
  }

  async predictMany(sessions, options) {
    const { signal, ...asked } = options ?? {};
    signal?.throwIfAborted();
    checkSessions(sessions);
    const copied = sessions.map((session) => session.map((event) => copy(event)));
    return this.#ask("predictMany", [copied, copy(asked)], { signal });
  }

  async explain(item, options) {
    return this.#ask("explain", [item, copy(options)]);
  }

  async explainTask(task, options) {
    return this.#ask("explainTask", [task, copy(options)]);
  }

  async learn(event) {
    return this.#ask("learn", [copy(event)]);
  }

  async learned() {
    return this.#ask("learned", []);
  }

  async recall(learned) {
    return this.#ask("recall", [learned]);
  }

  reset() {
    this.#send(0, "reset", []);
  }

  async diagnostics() {
    return { ...(await this.#ask("diagnostics", [])), load: this.#load };
  }

  free() {
    this.#ended ??= failure("freed", "this predictor was freed; load another");
    this.#settle();
    this.#stopWhenDone();
  }

  [Symbol.dispose ?? Symbol.for("Symbol.dispose")]() {
    this.free();
  }

  async #timed(name, values) {
    const start = performance.now();
    const prediction = await this.#ask(name, values);
    return { ...prediction, milliseconds: performance.now() - start };
  }

  #ask(name, values, { signal, transfer } = {}) {
    const number = ++this.#number;
    const abort = () => this.#worker.postMessage([number, "abort"]);
    const answered = new Promise((resolve, reject) => {
      this.#send(number, name, values, transfer);
      this.#calls.set(number, { resolve, reject });
      signal?.addEventListener("abort", abort);
    });
    const done = () => signal?.removeEventListener("abort", abort);
    return answered.finally(done).catch((error) => {
      throw signal?.aborted ? signal.reason : error;
    });
  }

  #send(number, name, values, transfer = []) {
    if (this.#ended) throw this.#ended;
    try {
      this.#worker.postMessage([number, name, ...values], transfer);
    } catch (error) {
      throw failure(name === "observe" ? "event" : "argument", `it can't be sent to a worker: ${error.message}`, error);
    }
  }

  #take([number, value, error]) {
    const problem = error && failure(error.code, error.message);
    const call = this.#calls.get(number);
    this.#calls.delete(number);
    if (call) problem ? call.reject(problem) : call.resolve(value);
    // Nobody waits for an event's answer.
    else if (problem) this.#refuse(problem);
    else this.#settle();
    if (this.#ended) this.#stopWhenDone();
  }

  // A page that gives a wrong field gives it with every event.
  #refuse(problem) {
    if (this.#refused.has(problem.message)) return;
    this.#refused.add(problem.message);
    this.#onError(problem);
  }

  // A prediction under way at free() is still answered.
  #stopWhenDone() {
    if (this.#calls.size === 0) this.#worker.terminate();
  }

  #end(error) {
    this.#ended = error;
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
    this.free();
  }
}

function startThread() {
  try {
    // Written in just this form, since bundlers look for it.
    return new Worker(new URL("./worker-thread.js", import.meta.url), { type: "module" });
  } catch (error) {
    throw failure("worker", `foreclick's worker can't start (${error.message}); name one of the page's own origin`, error);
  }
}
