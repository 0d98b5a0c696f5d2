import type { ForeclickError, VisitorEvent } from "./index.js";

/**
 * Turns what the visitor does with elements that are marked for it into events, and hands them to a predictor. Elements
 * say by data attributes what they stand for; those without are never looked at:
 *
 * - `data-fc-item="sku-17"`: the item's key. Alone it means that clicks on the element and within are reported.
 * - `data-fc-on="click view dwell cart"`: which actions are reported, some of these. On the item's element, or on one
 *   within it: a button with `data-fc-on="cart"` in an item's element reports `cart` for that item, and no click.
 * - `data-fc-fields='{"price": 3.5}'`: fields of the event, as JSON, beside `data-fc-item`.
 * - `data-fc-group="basket-7"`: the event's group, on the element or around it.
 *
 * `click` and `cart` are clicks (with the keyboard too, or to open a new tab); `view` is once an element
 * and item, when at least half of the element, or half a window of it, was in sight for a second; `dwell` is whenever an
 * element that was in sight for that long leaves it: scrolled away, hidden, removed. Elements may come and go. The cost is one listener for clicks, one
 * observer of what is in sight, and a look for new elements at most five times a second while the page changes.
 *
 * @example
 * import { Collector } from "foreclick/collect";
 *
 * // <article data-fc-item="sku-17" data-fc-on="click view"> … <button data-fc-on="cart">Add</button></article>
 * const collector = new Collector({
 *   to: (event) => {
 *     predictor.observe(event);
 *     prefetcher.refresh(predictor);
 *   },
 * });
 */
export class Collector {
  /** Starts to collect. @throws {ForeclickError} `argument` for a wrong option, and on a server, which has no document. */
  constructor(options: CollectOptions);

  /** `refused`: the browser says that the visitor wants no collection, and `honorPrivacyControl` is set. */
  readonly state: "collecting" | "paused" | "refused" | "stopped";

  /** Collects nothing until `resume()`. What is in sight is taken to leave it. */
  pause(): void;

  /** Collects again, after `pause()`. */
  resume(): void;

  /** Ends it. */
  stop(): void;
}

/** What one does with an item's element. */
export type CollectAction = "click" | "view" | "dwell" | "cart";

/** Where events go and what they hold. */
export interface CollectOptions {
  /**
   * A predictor of `foreclick` or `foreclick/worker`, or a function that takes an event and which action it was: with
   * `foreclick/react` and `foreclick/vue` the session's `observe`.
   */
  to: { observe(event: VisitorEvent): void } | ((event: VisitorEvent, action: CollectAction) => void);
  /** Where elements are looked for. Default: the document. */
  root?: Document | Element | ShadowRoot | undefined;
  /** The group of events whose element names none; a function is asked each time. Default: none. */
  group?: string | (() => string | null | undefined) | undefined;
  /** The model's field that tells an event's action. Default: events do not tell it. */
  actionField?: string | undefined;
  /** What the log that the model learned from calls the actions, such as `{ click: "clicks", cart: "carts" }`. Default: as here. */
  actions?: Partial<Record<CollectAction, string>> | undefined;
  /** The model's field for the time that an element was in sight, in seconds, of `dwell`. Default: events do not tell it. */
  secondsField?: string | undefined;
  /** How long an element must be in sight to be viewed, in milliseconds. Default 1000. */
  viewMilliseconds?: number | undefined;
  /** For so long, in milliseconds, the same action on the same item is not reported again. Default 1000. */
  throttleMilliseconds?: number | undefined;
  /**
   * Whether nothing is collected where `navigator.globalPrivacyControl` is set. Default false, since a predictor keeps
   * events on the device; set it where `to` hands them on.
   */
  honorPrivacyControl?: boolean | undefined;
  /**
   * Called with an error once for each message: an event that the predictor refused (`event`, such as a field that the
   * model does not have), a wrong attribute (`argument`), or what `to` threw. Default: `reportError`, as for any uncaught
   * error. `foreclick/worker` tells a refused event to the `onError` that it was loaded with.
   */
  onError?: ((error: ForeclickError | Error) => void) | undefined;
}
