// foreclick/collect: turns what the visitor does with marked elements into events. Documented in collect.d.ts.
import { clicked, fieldsOf } from "./collect/elements.js";
import { Watcher } from "./collect/watcher.js";
import { isBoolean, isFunction, isText, optional, readOptions } from "./options.js";
import { failure } from "./shared.js";

const isMilliseconds = (value) => Number.isFinite(value) && value >= 0;
const isTarget = (value) => isFunction(value) || isFunction(value?.observe);

const OPTIONS = {
  to: [undefined, isTarget, "a predictor, or a function that takes an event"],
  root: [globalThis.document, (value) => Boolean(value?.querySelectorAll), "a document, an element or a shadow root"],
  group: [undefined, optional((value) => isText(value) || isFunction(value)), "a string, or a function that gives one"],
  actionField: [undefined, optional(isText), "the name of one of the model's fields"],
  actions: [{}, (value) => typeof value === "object", "an object from actions to the log's names of them"],
  secondsField: [undefined, optional(isText), "the name of one of the model's fields"],
  viewMilliseconds: [1000, isMilliseconds, "milliseconds"],
  throttleMilliseconds: [1000, isMilliseconds, "milliseconds"],
  honorPrivacyControl: [false, isBoolean, "true or false"],
  onError: [(error) => reportError(error), isFunction, "a function that takes an error"],
};
// So many actions are remembered as reported lately; the oldest give way.
const REMEMBERED = 1000;

export class Collector {
  #options;
  #observe;
  #watcher;
  #listening;
  #isStopped = false;
  #reported = new Map(); // when, by action and item
  #told = new Set(); // messages of errors

  constructor(options) {
    this.#options = readOptions(options, OPTIONS);
    const { to, root, viewMilliseconds } = this.#options;
    this.#observe = isFunction(to) ? to : (event) => to.observe(event);
    this.#watcher = new Watcher(root, {
      viewMilliseconds,
      onAction: (...seen) => this.#collect(...seen),
      onError: (error) => this.#tell(error),
    });
    this.resume();
  }

  get state() {
    if (this.#isStopped) return "stopped";
    if (this.#options.honorPrivacyControl && navigator.globalPrivacyControl) return "refused";
    return this.#listening ? "collecting" : "paused";
  }

  resume() {
    if (this.state !== "paused") return;
    const { root } = this.#options;
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    // While the event goes down, so that no handler of the page's can hide it.
    const click = (event) => this.#click(event);
    root.addEventListener("click", click, { capture: true, passive: true, signal });
    root.addEventListener("auxclick", click, { capture: true, passive: true, signal });
    // Nobody looks at a hidden page, and one that is left is hidden first.
    const watch = () => (document.visibilityState === "hidden" ? this.#watcher.stop() : this.#watcher.start());
    document.addEventListener("visibilitychange", watch, { signal });
    if (document.visibilityState !== "hidden") watch();
  }

  pause() {
    if (!this.#listening) return;
    this.#watcher.stop();
    this.#listening.abort();
    this.#listening = undefined;
  }

  stop() {
    this.pause();
    this.#isStopped = true;
  }

  // A middle click opens the link in a new tab.
  #click(event) {
    if (event.type === "auxclick" && event.button !== 1) return;
    try {
      const { action, owner } = clicked(event.composedPath()) ?? {};
      if (owner) this.#collect(action, owner.dataset.fcItem, owner);
    } catch (error) {
      this.#tell(error);
    }
  }

  #collect(action, item, owner, seconds) {
    if (this.#isRepeated(action, item)) return;
    try {
      this.#observe(this.#event(action, item, owner, seconds), action);
    } catch (error) {
      this.#tell(error);
    }
  }

  #event(action, item, owner, seconds) {
    const { actionField, actions, secondsField } = this.#options;
    const fields = { ...fieldsOf(owner) };
    if (actionField) fields[actionField] = actions[action] ?? action;
    if (secondsField && seconds !== undefined) fields[secondsField] = seconds;
    const event = { item, time: Date.now() };
    const group = this.#groupOf(owner);
    if (group !== undefined && group !== null) event.group = group;
    if (Object.keys(fields).length > 0) event.fields = fields;
    return event;
  }

  #groupOf(owner) {
    const { group } = this.#options;
    return owner.closest("[data-fc-group]")?.dataset.fcGroup ?? (isFunction(group) ? group() : group);
  }

  // A double click, or one item in two elements side by side.
  #isRepeated(action, item) {
    const key = `${action} ${item}`;
    const now = performance.now();
    if (now - this.#reported.get(key) < this.#options.throttleMilliseconds) return true;
    this.#reported.delete(key);
    this.#reported.set(key, now);
    if (this.#reported.size > REMEMBERED) this.#reported.delete(this.#reported.keys().next().value);
    return false;
  }

  // Each error once: the same wrong field comes with every click.
  #tell(error) {
    const { message } = error;
    if (this.#told.has(message)) return;
    this.#told.add(message);
    const { code } = error;
    this.#options.onError(code ? failure(code, `foreclick/collect: ${message}`, error) : error);
  }
}
