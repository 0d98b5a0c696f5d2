import type { PredictedItem, Prediction, PredictOptions } from "./index.js";

/**
 * Has the browser load the pages that the visitor is likely to open next: by Speculation Rules where it has them,
 * otherwise by `<link rel="prefetch">`. At most two at a time, only from a probability on, no address twice in a page.
 * It loads nothing while the visitor saves data (`navigator.connection.saveData`), on a slow network (`effectiveType`
 * `2g` or `slow-2g`), and in a page that is hidden or only being prerendered; it goes on when that has changed.
 *
 * Never loaded are addresses other than http(s), this very page (apart from its hash), other origins that the page did
 * not allow, addresses that read like an action (a word such as `logout`, `delete`, `remove`, `add-to-cart` in the path
 * or the query), and those of links in the page with `download`, `rel="nofollow"` or `data-fc-skip`. Further ones are
 * excluded by `skip` and `allow`.
 *
 * A hint is a request: the server that is asked learns which pages are thought likely. By Speculation Rules it is told by
 * the header `Sec-Purpose: prefetch` that nobody has opened the page yet.
 *
 * A Content-Security-Policy without `'unsafe-inline'` needs the `nonce`, or `'inline-speculation-rules'`, in
 * `script-src`; where it refuses the rules, links are used instead.
 *
 * @example
 * import { Prefetcher } from "foreclick/prefetch";
 *
 * const prefetcher = new Prefetcher({ url: (item) => `/products/${item}` });
 * predictor.observe({ item: "oat-milk" });
 * await prefetcher.refresh(predictor); // predicts, and hints
 */
export class Prefetcher {
  /** @throws {ForeclickError} `argument` for a wrong option, and on a server. */
  constructor(options: PrefetchOptions);

  /**
   * Acts on a prediction, of either predictor: the likeliest pages get a hint. A hint that is out is kept until a
   * likelier page needs its place, since browsers drop what they have loaded with it. Probabilities of items with the
   * same page add up, so ask for more items (`k`) than pages.
   *
   * @throws {ForeclickError} `argument` where it is no prediction, or `url` gave no address.
   */
  update(prediction: Prediction | readonly PredictedItem[]): void;

  /**
   * `update(await predictor.predict(options))`, where of several under way only the latest counts.
   *
   * @param predictor Of `foreclick` or `foreclick/worker`.
   * @throws {ForeclickError} As `predict` and `update`.
   */
  refresh(predictor: { predict(options?: PredictOptions): Promise<Prediction> }, options?: PredictOptions): Promise<Prediction>;

  /**
   * Counts a visit. The Prefetcher sees navigations by itself where the browser has a Navigation API, and elsewhere
   * clicks on links; only routers of single-page apps need to call this there. A visit is counted once.
   */
  visited(url: string | URL): void;

  /** What became of the hints. */
  report(): PrefetchReport;

  /** Sets the counts to zero, erases what is stored, and takes back the hints that are out. */
  clear(): void;

  /** Takes all hints back and does nothing any more. What is stored stays. */
  stop(): void;
}

/** What is loaded, and when. */
export interface PrefetchOptions {
  /** The address of an item's page, also relative to the page's; undefined or null for none. */
  url: (item: string) => string | URL | null | undefined;
  /** How many hints may be out at a time: 1 or 2. Default 2. */
  limit?: 1 | 2 | undefined;
  /**
   * From this probability on a page is worth a hint: above 0, at most 1. Default 0.2: for each page that is visited
   * (1 - 0.2) / 0.2 = 4 are then loaded in vain at most, if the probabilities are right; `report()` tells what they were.
   */
  threshold?: number | undefined;
  /**
   * From this probability on a page of this origin is rendered in advance, scripts and all, where the browser has
   * Speculation Rules. Default: never.
   */
  prerender?: number | undefined;
  /**
   * A link on which the pointer rests for so many milliseconds (0 to 1000; 65 is common) is loaded too, whatever its
   * probability and beside `limit`, by the same rules of safety. It comes late, a fraction of a second before the click, and
   * sees what no prediction does. Default: never.
   */
  hover?: number | undefined;
  /** The nonce of the page's Content-Security-Policy, for the script element that holds the rules. */
  nonce?: string | undefined;
  /** Other origins that may be loaded from, such as `"https://shop.example"`. Default: none. */
  origins?: readonly string[] | undefined;
  /** A CSS selector: what links like this lead to is not loaded, beside those excluded always. */
  skip?: string | undefined;
  /** Whether an address may be loaded, asked last of all checks. Default: yes. */
  allow?: ((url: URL) => boolean) | undefined;
  /** Called in place of the browser's own hints: for single-page apps, whose router loads data and not documents. */
  load?: ((url: string) => void) | undefined;
  /**
   * Counts across the pages of a visit, in `sessionStorage` under `foreclick.prefetch`. Stored are five numbers (the
   * hints, the hits, the sum of the lead times in milliseconds, the pages served, and whether the page to come is a
   * hit), and no address or item; they are gone with the tab, or by `clear()`. Default false: in memory, which suffices
   * for single-page apps.
   */
  acrossPages?: boolean | undefined;
}

/** What became of the hints: `hints` = `hits` + `waste` + those that are out. */
export interface PrefetchReport {
  /** How hints are given. `"none"`: this browser takes none. */
  method: "rules" | "links" | "load" | "none";
  /** Why nothing is loaded now; null where something may be. */
  held: "prerendering" | "hidden" | "save-data" | "slow-network" | null;
  /** The hints that are out: the page, its latest probability (null where the pointer asked for it), and since when, in milliseconds. */
  open: { url: string; probability: number | null; milliseconds: number }[];
  /** How many hints there were. */
  hints: number;
  /** How many of them were followed by a visit, in the same tab. */
  hits: number;
  /** How many gave way to a likelier page, or were out when the visitor went elsewhere. */
  waste: number;
  /** From the hint to the navigation, the mean of the hits in milliseconds; null before the first. */
  leadMilliseconds: number | null;
  /**
   * Of the hits those whose page the browser says it had loaded already. Needs `acrossPages`, a Prefetcher in that page
   * too, and a browser that tells (Chrome does, for Speculation Rules).
   */
  served: number;
}
