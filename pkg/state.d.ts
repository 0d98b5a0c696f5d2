import type { Diagnostics, VisitorEvent } from "./index.js";

/**
 * Keeps a predictor's session on the visitor's device, so that the next page and the next visit go on where this one
 * ended. It gives the predictor the events that are kept and, from then on, keeps every event that the predictor is
 * given, whoever gives it: the page, `foreclick/collect` or a framework's hook. `predictor.reset()`, for the next
 * visitor, erases what is kept; `predictor.free()` closes the state. Nothing is sent anywhere.
 *
 * Open it before the first event. Events that come while it opens wait for it; one of these that is refused is told to
 * `reportError`.
 *
 * - **Where**: IndexedDB, in the database `foreclick.` and the name, or in a store of the page's own.
 * - **How much**: the latest `maxEvents` events (up to 19 more lie there, since they are dropped by rows), and all of it
 *   at most 65,536 bytes as JSON, keys included: the oldest events give way. An event of more than 1,600 bytes is not kept.
 * - **How long**: an event for `maxAgeDays` from when it was kept, a section from its last update. What is older is
 *   given to nobody, and erased when a state of that name is opened or written to.
 * - **How often**: at most one write a second, the first event at once, and one more when the page is hidden or left.
 * - **Several tabs** add to the same session and never overwrite each other. A tab learns of the others' events when it
 *   is looked at again or has written itself.
 * - **Another model file** (another fingerprint, `diagnostics().model`): events are kept and replayed, since they are in
 *   the site's own words; those that the new model refuses change nothing (`status.refused`, and of `foreclick/worker`
 *   its `onError`). Sections are dropped, since what one model has learned means nothing to another.
 * - **Another version of foreclick** whose format is newer: its rows are left alone, and this state is in memory. Rows of
 *   an older format are erased (there is none yet).
 * - **Erased by others**, another tab's `forget()`, the browser or the page: what was not yet written is dropped, the
 *   predictor is reset, and the next event begins anew.
 * - **No store**, or one that is full, forbidden, damaged or silent for five seconds: the session lives in memory, as
 *   without a state, and `status` says why. A full one first gives up the older half of the events. No trouble of the
 *   store is thrown into the page.
 *
 * @param predictor Of `foreclick` or `foreclick/worker`.
 * @throws {ForeclickError} `argument` for another predictor or wrong options; what `predictor.diagnostics()` throws.
 * @example
 * import { Predictor } from "foreclick";
 * import { openState } from "foreclick/state";
 *
 * const predictor = await Predictor.load("/model.safetensors");
 * const state = await openState(predictor);
 * predictor.observe({ item: "oat-milk" }); // kept
 * eraseButton.onclick = () => state.forget();
 */
export function openState(predictor: StatefulPredictor, options?: StateOptions): Promise<State>;

/**
 * Erases all that foreclick keeps on the device, for a page without a predictor, such as one of settings. As
 * {@link State.forget}; states that are open, here or in other tabs, hear of it. Afterwards no script finds any of it. The
 * browser's own files may hold what it has deleted until it tidies them (Chromium's IndexedDB does, a few KB), which no page
 * can hasten.
 *
 * @throws {ForeclickError} `storage` where something could not be erased; `argument` for wrong options.
 */
export function forget(options?: WhereOptions): Promise<void>;

/** What a state needs of a predictor: those of `foreclick` and `foreclick/worker` have it. */
export interface StatefulPredictor {
  observe(event: VisitorEvent): void;
  reset(): void;
  free(): void;
  diagnostics(): Pick<Diagnostics, "model"> | Promise<Pick<Diagnostics, "model">>;
}

/** Where a state lies. */
export interface WhereOptions {
  /** Tells states apart, where a site has several models; no slash in it. Default `"default"`. */
  name?: string | undefined;
  /**
   * Keeps the rows instead of IndexedDB. Keys begin with `foreclick/` and the name; values are plain objects, and what
   * sections hold. Tabs lock it with `navigator.locks`, which pages on plain http lack: there the last tab to write a
   * section wins. A `Map` will do.
   */
  store?: KeptStore | undefined;
  /** What `forget()` clears too and can't find by itself, such as a ModelCache of another name. Default: nothing. */
  also?: readonly { clear(): unknown }[] | undefined;
}

/** How a state is kept. */
export interface StateOptions extends WhereOptions {
  /** How many of the latest events are given to the next page's predictor: 1 to 2000. Default 500. */
  maxEvents?: number | undefined;
  /** For how many days something is kept: above 0, up to 400. Default 30. */
  maxAgeDays?: number | undefined;
  /**
   * Whether `navigator.globalPrivacyControl` is heeded: nothing is kept then, and what a state of this name has kept
   * before is erased. Default true.
   */
  honorPrivacyControl?: boolean | undefined;
  /**
   * Whether the predictor learns from each event that is kept (`predictor.learn`). What it learns is the section `personal`: dropped
   * with another model file, erased by `forget()`, in `export()` with the items' keys. Tabs learn apart and add up what they have
   * learned; the others' part is used from the next page on. Of `foreclick/worker` what was learned just before a page is left may
   * be lost. Default false.
   */
  personal?: boolean | undefined;
  /** Called whenever the status has changed, and once when the state is open. */
  onStatus?: ((status: StateStatus) => void) | undefined;
}

/** A store of one's own; each function may answer at once or promise it. */
export interface KeptStore {
  get(key: string): unknown;
  set(key: string, value: unknown): unknown;
  delete(key: string): unknown;
  /** Of all that it holds; those of others are passed over. */
  keys(): Iterable<string> | Promise<Iterable<string>>;
}

/** What is kept of one predictor. */
export interface State {
  /** Where it stands. */
  readonly status: StateStatus;

  /**
   * What is kept under a section's name by this very model; undefined where there is nothing. Sections hold what is
   * learned on the device, beside the events.
   */
  read(name: string): Promise<SectionValue | undefined>;

  /**
   * Changes a section within one transaction, so that no other tab's change is lost: `change` gets the kept value and
   * returns the next, or undefined to erase it. It must answer at once. Changes wait for the next write, at most a
   * second; one that a page leaves behind in that time may be lost.
   *
   * @returns Whether it is kept on the device: false in memory, paused or refused.
   * @throws {ForeclickError} `argument` for what is no section, or where all would take more than 32,768 bytes: nothing
   * is changed then. What `change` throws.
   */
  update(name: string, change: (value: SectionValue | undefined) => SectionValue | undefined): Promise<boolean>;

  /** Writes what is still to be written; never rejects. */
  flush(): Promise<void>;

  /** Keeps nothing new until `resume()`, also on later pages and in other tabs. The predictor goes on, and what is kept stays. */
  pause(): Promise<void>;

  /** Keeps what comes from here on. */
  resume(): Promise<void>;

  /** What foreclick has written on this device, of this state and beside it: prefetch counts and model files. */
  stored(): Promise<StoredItem[]>;

  /** All of it in readable form, for the visitor: `JSON.stringify(await state.export(), null, 2)`. */
  export(): Promise<StateExport>;

  /**
   * Erases all that foreclick keeps on the device: its databases whatever their names, the store that was given, the
   * model files of a `ModelCache` of the default name, and what begins with `foreclick.` in `sessionStorage` and
   * `localStorage`, in other tabs with an open state too. Predictors with an open state are reset. Afterwards new events
   * are kept as before, unless it is paused, which then lasts until the page is left.
   *
   * Before it resolves the databases are gone, which the browser says; it does not matter who else has them open.
   *
   * @throws {ForeclickError} `storage` where something could not be erased.
   */
  forget(): Promise<void>;

  /** Writes what is left and lets go of the store. The predictor goes on, unkept. */
  close(): Promise<void>;
}

/** Bytes, or what JSON can say. */
export type SectionValue = Uint8Array | string | number | boolean | null | readonly unknown[] | { readonly [name: string]: unknown };

/** Where a state stands. */
export interface StateStatus {
  /**
   * `stored` on the device; `paused`; `memory`: as without a state, since there is no store or it fails; `refused` by the
   * visitor's Global Privacy Control; `closed`.
   */
  mode: "stored" | "paused" | "memory" | "refused" | "closed";
  /** Why, in words. */
  reason: string;
  /** How many events of earlier pages and other tabs the predictor was given. */
  restored: number;
  /** Why what was learned before is not used, where it was damaged; it is erased then. */
  dropped?: string | undefined;
  /** How many of them it refused, since its model has other fields; `foreclick/worker` tells them to its `onError` instead. */
  refused: number;
}

/** Something that is stored on the device. */
export interface StoredItem {
  /** What it is, in words; of a section its name. */
  name: string;
  /** In words: `"IndexedDB, foreclick.default"`, `"Cache"`, `"sessionStorage"`, … */
  where: string;
  /** How many events or files. */
  count: number;
  /** As readable JSON; of files their size. */
  bytes: number;
  /** When the oldest of it was kept, in milliseconds since 1970; undefined where that is not known. */
  oldest?: number | undefined;
  /** When the newest was. */
  newest?: number | undefined;
}

/** All that is stored. Times are as in ISO 8601. */
export interface StateExport {
  /** Of the rows: 1. */
  format: number;
  name: string;
  /** The model's fingerprint. */
  model: string;
  time: string;
  status: StateStatus;
  paused: boolean;
  /** Oldest first. */
  events: { kept: string; event: VisitorEvent }[];
  /** By name; bytes are `{ base64: "…" }`. */
  sections: Record<string, { kept: string; value: unknown }>;
  sessionStorage?: Record<string, string> | undefined;
  localStorage?: Record<string, string> | undefined;
  /** Addresses of the model files that are kept. */
  cache: string[];
}
