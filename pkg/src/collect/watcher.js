// Watches elements come into sight: views after a while, and how long they stay.
import { WATCHED, ATTRIBUTES, actionsOf, ownerOf } from "./elements.js";

// Of an element that is taller than the page's window half can never be seen: half the window is enough then.
const STEPS = [0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5];
const HALF = 0.5;
// Elements that appear are looked for at most so often, in milliseconds, however often the page changes.
const SCAN_INTERVAL = 200;

export class Watcher {
  #root;
  #viewMilliseconds;
  #onAction;
  #onError;
  #watched = new Map(); // what is known of each element
  #viewed = new WeakMap(); // the item that an element was viewed for
  #sight;
  #changes;
  #scan; // the timer of a scan to come

  constructor(root, { viewMilliseconds, onAction, onError }) {
    this.#root = root;
    this.#viewMilliseconds = viewMilliseconds;
    this.#onAction = onAction;
    this.#onError = onError;
  }

  start() {
    this.#sight = new IntersectionObserver((entries) => entries.forEach((entry) => this.#see(entry)), { threshold: STEPS });
    this.#changes = new MutationObserver(() => {
      this.#scan ??= setTimeout(() => this.#look(), SCAN_INTERVAL);
    });
    this.#changes.observe(this.#root, { childList: true, subtree: true, attributes: true, attributeFilter: ATTRIBUTES });
    this.#look();
  }

  // Ends all views, and reports how long they were.
  stop() {
    clearTimeout(this.#scan);
    this.#scan = undefined;
    this.#changes?.disconnect();
    this.#sight?.disconnect();
    for (const element of this.#watched.keys()) this.#forget(element);
  }

  #look() {
    this.#scan = undefined;
    for (const [element, { item }] of this.#watched) {
      // A framework may use an element again, for another item.
      if (!element.isConnected || !element.matches(WATCHED) || ownerOf(element)?.dataset.fcItem !== item) this.#forget(element);
    }
    for (const element of this.#root.querySelectorAll(WATCHED)) {
      const owner = ownerOf(element);
      if (!owner || this.#watched.has(element)) continue;
      this.#watched.set(element, { item: owner.dataset.fcItem, owner, since: undefined, timer: undefined });
      this.#sight.observe(element);
    }
  }

  #see({ target, isIntersecting, intersectionRatio, intersectionRect, rootBounds }) {
    const state = this.#watched.get(target);
    if (!state) return;
    const isHalf = intersectionRatio >= HALF || intersectionRect.height >= HALF * (rootBounds?.height ?? Infinity);
    if (!isIntersecting || !isHalf) return this.#hide(target, state);
    if (state.since !== undefined) return;
    state.since = performance.now();
    if (this.#viewed.get(target) !== state.item) state.timer = setTimeout(() => this.#view(target, state), this.#viewMilliseconds);
  }

  #view(element, state) {
    this.#viewed.set(element, state.item);
    this.#report(element, "view", state);
  }

  #hide(element, state) {
    if (state.since === undefined) return;
    const milliseconds = performance.now() - state.since;
    clearTimeout(state.timer);
    state.since = undefined;
    if (milliseconds >= this.#viewMilliseconds) this.#report(element, "dwell", state, milliseconds / 1000);
  }

  #forget(element) {
    this.#hide(element, this.#watched.get(element));
    this.#sight.unobserve(element);
    this.#watched.delete(element);
  }

  #report(element, action, { item, owner }, seconds) {
    try {
      if (actionsOf(element).includes(action)) this.#onAction(action, item, owner, seconds);
    } catch (error) {
      this.#onError(error);
    }
  }
}
