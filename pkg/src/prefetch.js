// foreclick/prefetch: has the browser load the likely next pages. Every member is documented in prefetch.d.ts.
import { isBoolean, isFunction, isPart, isText, optional, readOptions } from "./options.js";
import { Counters } from "./prefetch/counters.js";
import { bestMethod, hintByLink, hintByRules } from "./prefetch/hints.js";
import { readAddress, Safety } from "./prefetch/safety.js";
import { failure } from "./shared.js";

const isTexts = (value) => Array.isArray(value) && value.every(isText);
const isPause = (value) => typeof value === "number" && value >= 0 && value <= 1000;

const OPTIONS = {
  url: [undefined, isFunction, "a function from an item's key to its page's address"],
  limit: [2, (value) => value === 1 || value === 2, "1 or 2"],
  threshold: [0.2, isPart, "a probability above 0 and up to 1"],
  prerender: [undefined, optional(isPart), "a probability above 0 and up to 1"],
  hover: [undefined, optional(isPause), "milliseconds from 0 to 1000"],
  nonce: [undefined, optional(isText), "a string"],
  origins: [[], isTexts, "an array of origins, such as https://shop.example"],
  skip: [undefined, optional(isText), "a CSS selector"],
  allow: [() => true, isFunction, "a function from a URL to whether it may be loaded"],
  load: [undefined, optional(isFunction), "a function that takes an address"],
  acrossPages: [false, isBoolean, "true or false"],
};

export class Prefetcher {
  #options;
  #safety;
  #counters;
  #method;
  #waiting; // the items of a prediction that is yet to be acted on
  #turn = 0;
  #rest = {}; // the link under the pointer, and the timer that runs while it stays there
  #hints = new Map(); // all of this page, by address
  #listening = new AbortController();

  constructor(options) {
    this.#options = readOptions(options, OPTIONS);
    if (typeof document === "undefined") throw failure("argument", "a Prefetcher needs a page; on a server make none");
    this.#safety = new Safety(this.#options);
    this.#counters = new Counters(this.#options.acrossPages);
    this.#method = this.#options.load ? "load" : bestMethod();
    // A page that is being prerendered has not been visited, and its sessionStorage is not yet the visitor's.
    if (!document.prerendering) this.#counters.arrive();
    this.#listen();
  }

  update(prediction) {
    const items = Array.isArray(prediction) ? prediction : prediction?.items;
    if (!Array.isArray(items)) throw failure("argument", "update() takes a prediction, or its items");
    this.#waiting = items;
    this.#act();
  }

  async refresh(predictor, options) {
    const turn = ++this.#turn;
    const prediction = await predictor.predict(options);
    // Of several under way only the latest knows the latest event.
    if (turn === this.#turn) this.update(prediction);
    return prediction;
  }

  visited(url) {
    const hint = this.#hints.get(readAddress(url, "url").href);
    if (hint?.state !== "open") return;
    // It stays in the page: the browser is about to use what it has loaded.
    hint.state = "hit";
    this.#counters.add({ hits: 1, leadMilliseconds: performance.now() - hint.since, expected: 1 });
  }

  report() {
    const open = this.#open().map(([url, { probability, since }]) => ({ url, probability, milliseconds: performance.now() - since }));
    const { hints, hits, leadMilliseconds, served } = this.#counters.counts;
    return {
      method: this.#method,
      held: reasonToWait() ?? null,
      open,
      hints,
      hits,
      waste: hints - hits - open.length,
      leadMilliseconds: hits ? leadMilliseconds / hits : null,
      served,
    };
  }

  clear() {
    for (const [, hint] of this.#open()) drop(hint);
    this.#counters.clear();
  }

  stop() {
    this.#listening.abort();
    for (const hint of this.#hints.values()) drop(hint);
  }

  #act() {
    if (!this.#waiting || !this.#mayLoad()) return;
    const likely = this.#likely(this.#waiting);
    this.#waiting = undefined;
    const probable = new Map(likely.map(({ url, probability }) => [url.href, probability]));
    for (const [address, hint] of this.#open()) if (isPredicted(hint)) hint.probability = probable.get(address) ?? 0;
    const best = this.#best(likely);
    for (const { url, probability } of best) {
      if (this.#hints.has(url.href)) continue;
      this.#makeRoom(best);
      this.#hint(url, probability);
    }
  }

  #mayLoad() {
    return this.#method !== "none" && !this.#listening.signal.aborted && !reasonToWait();
  }

  // All pages of the items with their probabilities, the likeliest first.
  #likely(items) {
    const pages = new Map();
    for (const { item, probability } of items) {
      const given = this.#options.url(item);
      if (given === undefined || given === null) continue;
      const url = readAddress(given, `the url of "${item}"`);
      // One page may show several items.
      pages.set(url.href, { url, probability: probability + (pages.get(url.href)?.probability ?? 0) });
    }
    return [...pages.values()].sort((a, b) => b.probability - a.probability);
  }

  // Those that are worth a hint or have one. The checks of safety come last, since they look at the page's links.
  #best(likely) {
    const best = [];
    for (const page of likely) {
      if (page.probability < this.#options.threshold || best.length === this.#options.limit) break;
      const hint = this.#hints.get(page.url.href);
      if (hint ? hint.state === "open" : this.#safety.isSafe(page.url)) best.push(page);
    }
    return best;
  }

  #makeRoom(best) {
    const open = this.#open().filter(([, hint]) => isPredicted(hint));
    if (open.length < this.#options.limit) return;
    const wanted = new Set(best.map(({ url }) => url.href));
    const others = open.filter(([address]) => !wanted.has(address)).sort(([, a], [, b]) => a.probability - b.probability);
    drop(others[0][1]);
  }

  #hint(url, probability) {
    const { prerender = Infinity, nonce, load } = this.#options;
    const hint = { state: "open", probability, since: performance.now(), remove() {} };
    this.#hints.set(url.href, hint);
    this.#counters.add({ hints: 1 });
    const byLink = () => {
      hint.remove = hintByLink(url.href);
    };
    if (this.#method === "load") load(url.href);
    else if (this.#method === "links") byLink();
    else {
      const isRendered = isPredicted(hint) && probability >= prerender && url.origin === location.origin;
      const onRefused = () => {
        this.#method = "links";
        if (hint.state === "open") byLink();
      };
      hint.remove = hintByRules(url.href, { isRendered, nonce, onRefused });
    }
  }

  #open() {
    return [...this.#hints].filter(([, { state }]) => state === "open");
  }

  #listen() {
    const { signal } = this.#listening;
    const act = () => this.#act();
    const arrive = () => {
      this.#counters.arrive();
      this.#act();
    };
    // Of foreclick/state, in every tab: what is only in memory here would be stored again.
    addEventListener("foreclick:forget", () => this.clear(), { signal });
    document.addEventListener("prerenderingchange", arrive, { signal });
    document.addEventListener("visibilitychange", act, { signal });
    navigator.connection?.addEventListener("change", act, { signal });
    // Back from another page, which has counted on, and for which the browser has dropped what it had loaded.
    const restore = () => {
      for (const [, hint] of this.#open()) drop(hint);
      this.#counters.read();
    };
    addEventListener("pageshow", ({ persisted }) => persisted && restore(), { signal });
    if (this.#options.hover !== undefined) document.addEventListener("mouseover", (event) => this.#seePointer(event), { signal });
    if (globalThis.navigation) navigation.addEventListener("navigate", (event) => this.#seeNavigation(event), { signal });
    else document.addEventListener("click", (event) => this.#seeClick(event), { signal });
  }

  #seeNavigation({ destination, downloadRequest, formData, navigationType }) {
    const isVisit = navigationType === "push" || navigationType === "replace";
    if (isVisit && !formData && (downloadRequest ?? null) === null) this.visited(destination.url);
  }

  #seePointer({ target }) {
    const link = target.closest?.("a[href]");
    if (link === this.#rest.link) return;
    clearTimeout(this.#rest.timer);
    this.#rest = { link, timer: link && setTimeout(() => this.#hintRestedOn(link), this.#options.hover) };
  }

  // Beside the limit: a pointer on a link says more than a prediction, and takes no likely page's place.
  #hintRestedOn({ href }) {
    if (!this.#mayLoad() || !URL.canParse(href)) return;
    const url = readAddress(href);
    if (!this.#hints.has(url.href) && this.#safety.isSafe(url)) this.#hint(url, null);
  }

  // Where browsers have no Navigation API.
  #seeClick({ button, ctrlKey, defaultPrevented, metaKey, shiftKey, target }) {
    const link = target.closest?.("a[href]");
    if (link && button === 0 && !(defaultPrevented || ctrlKey || metaKey || shiftKey)) this.visited(link.href);
  }
}

// What the pointer rested on has no probability.
function isPredicted({ probability }) {
  return probability !== null;
}

function drop(hint) {
  hint.remove();
  if (hint.state === "open") hint.state = "dropped";
}

// Why nothing is loaded now.
function reasonToWait() {
  if (document.prerendering) return "prerendering";
  if (document.visibilityState === "hidden") return "hidden";
  const { saveData, effectiveType } = navigator.connection ?? {};
  if (saveData) return "save-data";
  return effectiveType === "2g" || effectiveType === "slow-2g" ? "slow-network" : undefined;
}
