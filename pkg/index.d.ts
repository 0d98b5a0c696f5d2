/// <reference lib="esnext.disposable" />
import type { ModelCache } from "./cache.js";
import type { Knowledge, KnowledgeSummary, RuleEffect } from "./knowledge.js";

/**
 * Starts WebAssembly. Optional: {@link Predictor.load} does it too.
 *
 * Call it first where the `.wasm` file does not lie beside the script, as with some bundlers, in extensions, or under
 * Node.js, which can't fetch files. Only the first call counts.
 *
 * @throws {ForeclickError} `fetch` where the file can't be had, `argument` where it is none of these, `wasm` where it
 * can't be started.
 * @example
 * import wasm from "foreclick/foreclick.wasm?url"; // Vite
 * await init({ wasm });
 */
export function init(options?: InitOptions): Promise<void>;

/** Where the `.wasm` file comes from. */
export interface InitOptions {
  /** An address, an answer to a request, the file's bytes, or a compiled module. Default: the file in the package. */
  wasm?: string | URL | Response | BufferSource | WebAssembly.Module | undefined;
}

/**
 * A model and one visitor's session with it.
 *
 * All predictors of a page share one WebAssembly instance. The session lives in memory only: nothing of it is stored
 * (`foreclick/state` does where you ask for it), and after loading nothing is sent or fetched. `foreclick/worker` has the same class off the main thread.
 *
 * @example
 * import { Predictor } from "foreclick";
 *
 * const predictor = await Predictor.load("/model.safetensors");
 * predictor.observe({ item: "oat-milk", time: Date.now(), group: "basket-7" });
 * const { items } = await predictor.predict({ k: 5 });
 * console.log(items[0].item, items[0].probability);
 * predictor.free();
 */
export class Predictor implements Disposable {
  private constructor();

  /**
   * Loads a model file, as `foreclick export` writes it.
   *
   * @param source Its address, the answer to a request for it, or its bytes.
   * @throws {ForeclickError} `fetch` where it can't be had, `format` where it is no model or is damaged, `version`
   * where it has the format of an older or newer foreclick, `schema` where it contradicts itself, `integrity` where it
   * is another file, `wasm` where WebAssembly can't start, `argument` for another source or option. An abort rejects
   * with the signal's reason, an `onProgress` that throws with what it threw.
   */
  static load(source: string | URL | Response | ArrayBuffer | ArrayBufferView, options?: LoadOptions): Promise<Predictor>;

  /**
   * Goes by these rules and relations from the next prediction on, or by none; the session and the model stay.
   *
   * @returns What it came to with this model, null for none.
   * @throws {ForeclickError} `argument` for what is no `Knowledge`, `knowledge` where its rules concern too many items; `freed`;
   * `wasm` after a crash.
   */
  setKnowledge(knowledge: Knowledge | null): KnowledgeSummary | null;

  /**
   * Takes one event of the visitor's. Report every one, in their order; those that training leaves out change nothing
   * here either: an item that the model does not know (`diagnostics().unknownEvents` counts these), and an item that
   * its group has already, where the model was trained with `filter_seen = "group"` (a basket holds a product once).
   *
   * @throws {ForeclickError} `event` for a member that events do not have, a field that the model was trained without
   * or a value of the wrong kind; the session is as it was then. `freed`; `wasm` after a crash.
   */
  observe(event: VisitorEvent): void;

  /**
   * Ranks the items by how likely each is the next event's, for the session as it is at the call.
   *
   * Several calls may be under way: while the GPU works on one, the others are the CPU's.
   *
   * @throws {ForeclickError} `argument` for wrong options; `freed`; `wasm` after a crash.
   */
  predict(options?: PredictOptions): Promise<Prediction>;

  /**
   * Ranks a given list, such as search results, by how likely each item is the next event's. Probabilities are among
   * the list's items. Left out are items that the model does not know or that are no candidates now; an item named
   * twice counts once. The CPU answers. The same as `predict({ candidates: items, k: items.length })`.
   *
   * @param items Keys of items.
   * @throws {ForeclickError} `argument` for anything else and for wrong options; `freed`; `wasm` after a crash.
   * @example
   * const { items } = await predictor.rank(results.map(({ sku }) => sku));
   */
  rank(items: readonly string[], options?: PredictOptions): Promise<Prediction>;

  /**
   * Predicts for many sessions, each given by all its events, as an empty predictor would that observes them; this
   * predictor's own session stays as it is. The CPU computes, in pieces of some 12 milliseconds with the page's own work
   * between them. Of long sessions the encoder takes only the events that it still sees at the end.
   *
   * @param sessions Each the events of one visitor, in their order.
   * @returns The predictions in the sessions' order.
   * @throws {ForeclickError} `event` and `argument` as with `observe` and `predict`, with the session's place; `freed`;
   * `wasm` after a crash. An abort rejects with the signal's reason.
   * @example
   * const predictions = await predictor.predictMany([[{ item: "soap" }], [{ item: "tea" }, { item: "milk" }]], { k: 3 });
   */
  predictMany(sessions: readonly (readonly VisitorEvent[])[], options?: PredictManyOptions): Promise<Prediction[]>;

  /**
   * Tells why an item is predicted: what its score is made of, what each of the latest events did for it, and what the values of
   * each field. Each event, and each field, is left out in turn and the session replayed without it, on the CPU: exact, and some
   * dozens of milliseconds of work. `foreclick evaluate RUN --explain` measures whether a model's explanations hold.
   *
   * @param item The key of an item that the model knows and that is a candidate now.
   * @throws {ForeclickError} `argument` for any other item and for wrong options; `freed`; `wasm` after a crash.
   * @example
   * const { events } = await predictor.explain("oat-milk");
   * const times = (event) => Math.exp(event.effect); // how many times as likely it is because of the event
   */
  explain(item: string, options?: ExplainOptions): Promise<Explanation>;

  /**
   * Tells why a task has its answer after the latest event: what each of the latest events did for it, and what the values of
   * each field; by models without items too. `exclude` and `group` of the options change nothing.
   *
   * @param task The name of a task, as in {@link Prediction.tasks}.
   * @throws {ForeclickError} `argument` for an unknown task and for wrong options; `freed`; `wasm` after a crash.
   * @example
   * const { events } = await predictor.explainTask("buy");
   * const odds = (event) => Math.exp(event.effect); // how many times as high the odds are because of the event
   */
  explainTask(task: string, options?: ExplainOptions): Promise<TaskExplanation>;

  /**
   * Learns from the event that the visitor makes next; give it to `observe` afterwards. What is learned is a model of the visitor's
   * own: offsets of the items met, of what counting is worth, and where the query moves, by one step of gradient ascent on the
   * event's probability (`foreclick train --meta` finds where it begins, and the steps). Predictions use it only while it foretold
   * this visitor's latest events better than the model alone, or while nothing yet speaks against what `--meta` found; the CPU makes
   * them then. `openState(predictor, { personal: true })` calls this for each event and keeps what is learned.
   *
   * @returns The item's id in this model file, 4294967295 for an item that it does not know.
   * @throws {ForeclickError} As `observe`.
   */
  learn(event: VisitorEvent): number;

  /** What was learned, for `recall`; at most 5 KB. */
  learned(): Uint8Array;

  /**
   * Goes on from what `learned` gave, with the same model file.
   *
   * @throws {ForeclickError} `argument` for what this model can't have learned; nothing changes then.
   */
  recall(learned: Uint8Array): void;

  /** Forgets all events, and what was learned from them. The model stays. */
  reset(): void;

  /** Where the predictor stands: its backend and why, times, sizes. */
  diagnostics(): Diagnostics;

  /**
   * Resolves once it is decided whether the GPU is used; never rejects. At once with `backend: "cpu"`; with `"gpu"`
   * before `load` resolves.
   */
  readonly settled: Promise<void>;

  /** Gives the memory back, the GPU's too. Every later call but this one throws `freed`. */
  free(): void;

  /** {@link Predictor.free}, for `using predictor = await Predictor.load(…)`. */
  [Symbol.dispose](): void;
}

/** How a model is loaded. */
export interface LoadOptions {
  /**
   * What computes predictions. Default `"auto"`: the CPU answers at once; the GPU is started in the background, must
   * give the CPU's answers to made-up sessions, and is used if it is faster. `"cpu"` never touches the GPU. `"gpu"`
   * waits for the GPU and uses it even if it is slower. A GPU that is missing, wrong or lost is no error with any of
   * them: the CPU answers, and `diagnostics().reason` tells why. A model file of 16 bits is the CPU's alone.
   */
  backend?: "auto" | "cpu" | "gpu" | undefined;
  /**
   * Where the file is kept from one visit to the next: a `ModelCache` of `foreclick/cache`. Needs `integrity`. A kept
   * file of this hash is used without any request. Default: nothing is stored.
   */
  cache?: ModelCache | undefined;
  /**
   * What a fine-tuned model differs in from this file: what `foreclick export --delta` wrote, as a URL, a response or bytes. It
   * names the file that it is of; with another it is an error of the code `format`. Not kept in `cache`: it is small. Default:
   * the file alone.
   */
  delta?: string | URL | Response | ArrayBuffer | ArrayBufferView | undefined;
  /** The SHA-256 of the delta's bytes, as `integrity` is of the file's. */
  deltaIntegrity?: string | undefined;
  /**
   * The SHA-256 of the file's bytes, as in subresource integrity: `"sha256-"` and 44 letters of base64. Another file is
   * an error. Browsers can check it on pages of https and of localhost.
   */
  integrity?: string | undefined;
  /** Rules and relations beside the model, of `foreclick/knowledge`; `setKnowledge` replaces them. Default: none. */
  knowledge?: Knowledge | undefined;
  /** Called as the model file arrives. */
  onProgress?: ((progress: Progress) => void) | undefined;
  /** Ends the transfer. */
  signal?: AbortSignal | undefined;
}

/** How much of the model file has arrived. */
export interface Progress {
  /** Bytes so far. */
  loaded: number;
  /**
   * Bytes in all; undefined where the server does not tell, or packs the file. Of another site's packed file it is at first the packed
   * size, since a page is not told there that it is packed.
   */
  total: number | undefined;
}

/** The value of a further field: a category's or a text's, a number, a vector's numbers; missing. */
export type FieldValue = string | number | boolean | readonly number[] | Float32Array | null | undefined;

/** One thing that the visitor did. */
export interface VisitorEvent {
  /** The site's own key of the item. Left out only for a model that was trained without items. */
  item?: string;
  /**
   * When, in milliseconds since 1970 (`Date.now()`). Left out: not known. Passed over by a model that was trained
   * without times.
   */
  time?: number | null | undefined;
  /**
   * What it belongs to, such as a basket or an order; events of one group follow each other. Give it wherever the model
   * was trained with groups: events without it (`diagnostics().ungroupedEvents`) count as one endless group, whose
   * items may all be out of the candidates. Passed over by a model that was trained without groups.
   */
  group?: string | null | undefined;
  /**
   * Further fields by the names that the model was trained with. One left out, null or NaN counts as missing, and so
   * does a category that the model does not know. A category is a string as in the log, a boolean, or a whole number: 3
   * is "3", but not "3.0". A text is a string in any script. A vector is as many numbers as in training; it is missing
   * where one of them is not finite.
   */
  fields?: Record<string, FieldValue> | null | undefined;
}

/** What a prediction is asked for. */
export interface PredictOptions extends PriceLimits {
  /** How many items; fewer come back where there are fewer candidates. Default 10. Above 100 the CPU answers. */
  k?: number | undefined;
  /** Keys of items that are no candidates. Unknown ones are passed over. */
  exclude?: readonly string[] | undefined;
  /** Keys of the only candidates; the CPU answers. Unknown ones are passed over. Default: all items. */
  candidates?: readonly string[] | undefined;
  /**
   * The group of the event to come; a new name opens a group. Default: the group of the last event that changed
   * something.
   */
  group?: string | null | undefined;
}

/** The prices that candidates may have. They need knowledge that tells some; items without one are not concerned. */
export interface PriceLimits {
  /** The lowest. Default: the knowledge's own. -Infinity lifts that. */
  minPrice?: number | undefined;
  /** The highest. Default: the knowledge's own. Infinity lifts that. */
  maxPrice?: number | undefined;
}

/** What many predictions are asked for. */
export interface PredictManyOptions extends PredictOptions {
  /** Ends the work. */
  signal?: AbortSignal | undefined;
}

/** The candidates for the next event. */
export interface Prediction {
  /** Best first, at most `k`; none where the model only answers tasks. */
  items: PredictedItem[];
  /** What computed the items. */
  backend: "cpu" | "gpu";
  /**
   * What the model's tasks (`[[task]]` in the schema file) answer after the last event, by name; the CPU computes them.
   * Left out where the model has none.
   */
  tasks?: Record<string, TaskAnswer>;
  /** How long it took, from the call to the answer, in milliseconds. */
  milliseconds: number;
}

/** The answer to one task: of `kind = "binary"` and `"direction"`, `"classes"` or `"number"`. */
export type TaskAnswer = BinaryAnswer | ClassAnswer | NumberAnswer;

/** Yes or no. */
export interface BinaryAnswer {
  /** Of yes: 0 to 1. */
  probability: number;
  /** From which probability on the answer is yes: by what errors cost, 0.5 where both cost the same. */
  threshold: number;
  /** The answer. */
  yes: boolean;
}

/** One of several. */
export interface ClassAnswer {
  /** The likeliest, or with `[[task]] balanced` the one that is likeliest against its share in training. */
  class: string;
  /** All of them, in the order of their names; the probabilities sum to 1. */
  classes: { class: string; probability: number }[];
}

/** A number. */
export interface NumberAnswer {
  /** What is to be expected, in the log's unit. */
  value: number;
}

/** One candidate. */
export interface PredictedItem {
  /** Its key. */
  item: string;
  /** Its logit: a difference of 0.69 doubles the odds. */
  score: number;
  /** How likely it is, among all candidates: 0 to 1. */
  probability: number;
}

/** What an explanation is asked for. */
export interface ExplainOptions extends PriceLimits {
  /** How many of the latest events that changed something are left out in turn: 0 to 32. Default 32. */
  events?: number | undefined;
  /** As in {@link PredictOptions}; give what the prediction was given. */
  exclude?: readonly string[] | undefined;
  /** As in {@link PredictOptions}; give what the prediction was given. */
  group?: string | null | undefined;
}

/** Why an item has its score. */
export interface Explanation {
  /** The item's key. */
  item: string;
  /** Its logit: the sum of `terms`. */
  score: number;
  /** How likely it is, among all candidates: 0 to 1. */
  probability: number;
  /** What the score is made of, in logits. */
  terms: {
    /** How well it fits the sequence so far. */
    taste: number;
    /**
     * How much everyone takes it. In files of 4 and 8 bits relative to the middle between the most and the least
     * popular item: it and `score` differ from the 16-bit file's by a number that is the same for all items.
     */
    popularity: number;
    /** When and how often this visitor took it; 0 for an item not met before. */
    repetition: number;
    /** How often it is found beside the latest items. */
    neighbours: number;
    /** What this visitor took before in moments like this one: beside what the open group holds, or after the latest item. */
    habit: number;
    /** What was learned of this visitor, while it is used; 0 elsewhere. */
    personal: number;
    /** What rules and relations beside the model give it. */
    knowledge: number;
  };
  /** How often the visitor met it in this session. */
  met: number;
  /**
   * Items of the context (the open group or, where there are no groups, the last ten events) that have it among their neighbours, in
   * the order of the open group, or the latest first and again where it was met again.
   */
  evidence: {
    /** The neighbour's key. */
    item: string;
    /**
     * How often the explained item is met beside it: the share of this item's groups or, where there are none, of its occurrences,
     * after which nearer ones count more. A share as such only where training picked neighbours without lift; with it, popular
     * items count less, and shares are to be compared with each other alone.
     */
    share: number;
  }[];
  /**
   * The rules and relations of the knowledge that act on it; their effects add up to the term `knowledge`. An item that one takes
   * out has a score of minus infinity and a probability of 0.
   */
  rules: RuleEffect[];
  /** The latest events, oldest first, without those that changed nothing; none for an item that a rule takes out. */
  events: EventEffect[];
  /** What these events tell beside their items. */
  fields: FieldEffect[];
}

/** Why a task has its answer. */
export interface TaskExplanation {
  /** Its name. */
  task: string;
  /** The answer as the number that effects are differences of: the log odds of yes or of the class that is named, or the number. */
  value: number;
  /** The latest events, oldest first, without those that changed nothing. */
  events: EventEffect[];
  /** What these events tell beside their items. */
  fields: FieldEffect[];
}

/** What the values of one field did in the explained events. */
export interface FieldEffect {
  /** Its name; `time` for the events' times, which tell how long it is since the event before, the hour and the weekday. */
  field: string;
  /**
   * As {@link EventEffect.effect}, against all these events without a value of the field. A model knows what a missing value is only
   * from logs that lack some, or by `[train] field_dropout`.
   */
  effect: number;
}

/** What one event did. */
export interface EventEffect {
  /** Which `observe` of the session it was, counted from 0 since the load or the reset. */
  place: number;
  /** The event's item; empty where the model has none. */
  item: string;
  /**
   * Of an item `ln(probability / probability without this event)`, of a task its `value` minus that without this event: above 0 where
   * the event speaks for it.
   */
  effect: number;
}

/** Where a predictor stands. */
export interface Diagnostics {
  /** What computes the next prediction. */
  backend: "cpu" | "gpu";
  /** Why, in words. */
  reason: string;
  /** What the browser tells of the GPU; null before one was found. */
  adapter: string | null;
  /** Which of its ways to multiply codes the GPU is fastest with, `packed` four at once; null before one was tried. */
  kernel: "packed" | "unpacked" | null;
  /** Milliseconds for one event and one prediction on the CPU; null before the GPU was tried. */
  cpuMilliseconds: number | null;
  /** The same on the GPU, the way there and back included. */
  gpuMilliseconds: number | null;
  /**
   * Whether the GPU gave the CPU's answers: the same best ten, scores within a thousandth, in three made-up sessions, of which one fills
   * the encoder's memory, with items excluded and others known of. "none" where there was nothing to check, as with item rows of floats.
   */
  selfCheck: "none" | "passed" | "failed";
  /** Items that the model knows. */
  items: number;
  /** The model file's size, unpacked. */
  bytes: number;
  /** The fingerprint of the model file, or of the delta over it, 16 hexadecimal digits: another one has another. No proof of where it comes from, as `integrity` is. */
  model: string;
  /** The session's events, without those that changed nothing. */
  events: number;
  /** The session's events that changed nothing because the model does not know their item. */
  unknownEvents: number;
  /** Of `events` those without a group, although the model makes use of it: expected to be 0. */
  ungroupedEvents: number;
  /** How the model was loaded. */
  load: LoadCost;
  /** What the knowledge came to, null without any. */
  knowledge: KnowledgeSummary | null;
  /** What an `observe` costs. */
  observe: Cost;
  /** What a `predict` or a `rank` costs, from the call to the answer. */
  predict: Cost;
  /** The package's version. */
  version: string;
  /** WebAssembly's memory, shared by all predictors of the page, in bytes. */
  memoryBytes: number;
}

/** What the load cost. */
export interface LoadCost {
  /** Where the bytes came from: the page's own memory, the network (or the browser's HTTP cache), or a `ModelCache`. */
  from: "memory" | "network" | "cache";
  /** From the call of `load`, WebAssembly's start included. */
  milliseconds: number;
}

/** What a kind of call costs. */
export interface Cost {
  /** How many calls there were. */
  count: number;
  /** The mean of about the last 50, in milliseconds; 0 before the first. */
  milliseconds: number;
}

/** What is thrown: an `Error` with a `code`. */
export interface ForeclickError extends Error {
  /**
   * Stable, for programs: `fetch` a transfer failed; `format`, `version`, `schema` the file is no model, is of an older
   * or newer format, or contradicts itself; `integrity` it is not the file of this hash; `knowledge` it is none; `event`, `argument` a call was
   * given something wrong; `freed` the predictor was freed; `wasm` WebAssembly could not start or crashed: reload the
   * page; `worker` the thread of `foreclick/worker` could not start; `storage` `foreclick/state` could not erase something.
   */
  code:
    | "fetch"
    | "format"
    | "version"
    | "schema"
    | "integrity"
    | "knowledge"
    | "event"
    | "argument"
    | "freed"
    | "wasm"
    | "worker"
    | "storage";
}
