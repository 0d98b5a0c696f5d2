import type { Diagnostics, Explanation, ExplainOptions, Prediction, PredictOptions } from "./index.js";
import type { PrefetchReport } from "./prefetch.js";
import type { State } from "./state.js";

/**
 * A panel over the page, for its developers: the likeliest next items with their ranks drawn on the page's elements, why
 * an item is predicted, what computes and how fast, what became of prefetches, and what is stored on the device. It
 * looks twice a second whether there are new events; hidden, it does nothing.
 *
 * A custom element, `foreclick-devtools`, with its own style in a shadow root, light or dark as the visitor's system: no
 * style attribute and no inline style, so that it works under a strict Content-Security-Policy (in Firefox from 101 on).
 * Tab and the arrow keys go through the items, Escape hides the panel.
 *
 * @example
 * if (location.hash === "#foreclick") {
 *   const { Devtools } = await import("foreclick/devtools");
 *   new Devtools(predictor, { prefetcher, label: (item) => names[item] });
 * }
 */
export class Devtools {
  /**
   * Shows the panel, at the end of the body.
   *
   * @param predictor Of `foreclick` or `foreclick/worker`.
   * @throws {ForeclickError} `argument` for anything else, for wrong options, and on a server.
   */
  constructor(predictor: Inspected, options?: DevtoolsOptions);

  /** The panel's element. */
  readonly element: HTMLElement;

  /** Asks and draws anew, which happens by itself after an event; never rejects, since the panel tells of errors. */
  refresh(): Promise<void>;

  /** Removes the panel and ends its work. */
  close(): void;
}

/** What the panel asks of a predictor. */
export interface Inspected {
  predict(options?: PredictOptions): Promise<Prediction>;
  explain(item: string, options?: ExplainOptions): Promise<Explanation>;
  diagnostics(): Diagnostics | Promise<Diagnostics>;
}

/** What the panel shows. */
export interface DevtoolsOptions {
  /** How many items: 1 to 20. Default 5. */
  k?: number | undefined;
  /** The options that the page predicts with, asked each time. Default: none. */
  predictOptions?: (() => PredictOptions) | undefined;
  /** The elements of an item, for the ranks. Default: those with this `data-fc-item`, as for `foreclick/collect`. */
  elements?: ((item: string) => Iterable<Element>) | undefined;
  /** An item's name. Default: its key. */
  label?: ((item: string) => string) | undefined;
  /** A Prefetcher of `foreclick/prefetch`, for its counts. */
  prefetcher?: { report(): PrefetchReport } | undefined;
  /** A state of `foreclick/state`: how it is kept, what it stores, and a button that makes it forget. */
  state?: Pick<State, "status" | "stored" | "forget"> | undefined;
  /**
   * What the page stores with foreclick beyond what the panel finds by itself: the state's rows, the counts of
   * `foreclick/prefetch` and the files of a `ModelCache` of the default name. `bytes` left out: not known.
   */
  stored?: (() => StoredEntry[] | Promise<StoredEntry[]>) | undefined;
  /** Erases what is stored, for the button "Forget". Default: the state's `forget()`; without a state there is no such button. */
  forget?: (() => void | Promise<void>) | undefined;
  /** Whether the panel begins open. Default true. */
  open?: boolean | undefined;
}

/** Something that is stored on the device. */
export interface StoredEntry {
  /** What it is, in words. */
  name: string;
  /** How many bytes it takes. */
  bytes?: number | undefined;
  /** When the oldest of it was stored, in milliseconds since 1970. */
  oldest?: number | undefined;
}
