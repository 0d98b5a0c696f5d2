/// <reference lib="esnext.disposable" />
import type {
  Diagnostics,
  ExplainOptions,
  Explanation,
  ForeclickError,
  LoadOptions,
  Prediction,
  PredictManyOptions,
  PredictOptions,
  TaskExplanation,
  VisitorEvent,
} from "./index.js";
import type { Knowledge, KnowledgeSummary } from "./knowledge.js";

/**
 * The class of `foreclick`, off the main thread: each predictor has a worker of its own, with its own WebAssembly, and
 * ends it when it is freed. The calls are the same but for those named below; they are answered in their order.
 *
 * The worker is a module beside this one (`worker-thread.js`), no blob: a Content-Security-Policy needs `worker-src
 * 'self'` or a `script-src` that allows it. It uses no SharedArrayBuffer.
 *
 * @example
 * import { Predictor } from "foreclick/worker";
 *
 * const predictor = await Predictor.load("/model.safetensors");
 * predictor.observe({ item: "oat-milk" });
 * const { items } = await predictor.predict({ k: 5 });
 */
export class Predictor implements Disposable {
  private constructor();

  /**
   * Loads a model. Bytes that are given are copied to the worker.
   *
   * @throws {ForeclickError} As in `foreclick`, and `worker` where the worker can't start.
   */
  static load(source: string | URL | Response | ArrayBuffer | ArrayBufferView, options?: WorkerLoadOptions): Promise<Predictor>;

  /** As in `foreclick`, but promised. */
  setKnowledge(knowledge: Knowledge | null): Promise<KnowledgeSummary | null>;

  /**
   * Takes one event. Every later call sees it. That an event was refused, which `foreclick` throws, is told to `onError`.
   *
   * @throws {ForeclickError} `event` for what can't be sent to a worker, such as a function; `freed`; `worker`.
   */
  observe(event: VisitorEvent): void;

  /** As in `foreclick`; `milliseconds` has the way to the worker and back in it. */
  predict(options?: PredictOptions): Promise<Prediction>;

  /** As in `foreclick`. */
  rank(items: readonly string[], options?: PredictOptions): Promise<Prediction>;

  /** As in `foreclick`. */
  predictMany(sessions: readonly (readonly VisitorEvent[])[], options?: PredictManyOptions): Promise<Prediction[]>;

  /** As in `foreclick`. */
  explain(item: string, options?: ExplainOptions): Promise<Explanation>;

  /** As in `foreclick`. */
  explainTask(task: string, options?: ExplainOptions): Promise<TaskExplanation>;

  /** As in `foreclick`, but promised. */
  learn(event: VisitorEvent): Promise<number>;

  /** As in `foreclick`, but promised. */
  learned(): Promise<Uint8Array>;

  /** As in `foreclick`, but promised. */
  recall(learned: Uint8Array): Promise<void>;

  /** Forgets all events, and what was learned from them. The model stays. */
  reset(): void;

  /** As in `foreclick`, but promised. `observe` and `predict` there are the worker's own times. */
  diagnostics(): Promise<Diagnostics>;

  /** Resolves once it is decided whether the GPU is used, or the predictor is freed; never rejects. */
  readonly settled: Promise<void>;

  /** Ends the worker, once what is under way is answered. Every later call but this one gives `freed`. */
  free(): void;

  /** {@link Predictor.free}, for `using predictor = await Predictor.load(…)`. */
  [Symbol.dispose](): void;
}

/** How a model is loaded into a worker. */
export interface WorkerLoadOptions extends LoadOptions {
  /** Called with the error of an event that was refused, once for each message. Default: `reportError`, as for any uncaught error. */
  onError?: ((error: ForeclickError) => void) | undefined;
  /** As for `init` of `foreclick`: where the `.wasm` file comes from. Default: the file in the package. */
  wasm?: string | URL | BufferSource | WebAssembly.Module | undefined;
  /** A worker that runs `foreclick/worker-thread.js`, where a bundler does not find it. The predictor ends it. */
  worker?: Worker | undefined;
}
