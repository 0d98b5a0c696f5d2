// foreclick/devtools: a panel over the page that shows what is predicted and why. Documented in devtools.d.ts.
import { Badges } from "./devtools/badges.js";
import { h, write } from "./devtools/dom.js";
import { Engine, NextClicks, Prefetch, Stored, Why } from "./devtools/sections.js";
import { listStored } from "./stored.js";
import { styleSheet } from "./devtools/style.js";
import { isBoolean, isFunction, optional, readOptions } from "./options.js";
import { failure } from "./shared.js";

const TAG = "foreclick-devtools";
// How often the panel looks whether there are new events, in milliseconds.
const INTERVAL = 500;
// Each event that is left out costs a replay of the session.
const EXPLAINED_EVENTS = 8;

const OPTIONS = {
  k: [5, (value) => Number.isInteger(value) && value >= 1 && value <= 20, "a whole number from 1 to 20"],
  predictOptions: [() => ({}), isFunction, "a function that gives the options of predict()"],
  elements: [marked, isFunction, "a function from an item's key to its elements"],
  label: [(item) => item, isFunction, "a function from an item's key to its name"],
  prefetcher: [undefined, optional((value) => isFunction(value?.report)), "a Prefetcher"],
  state: [undefined, optional((value) => isFunction(value?.stored) && isFunction(value.forget)), "a state, of foreclick/state"],
  stored: [() => [], isFunction, "a function that lists what is stored"],
  forget: [undefined, optional(isFunction), "a function that erases what is stored"],
  open: [true, isBoolean, "true or false"],
};

export class Devtools {
  #predictor;
  #options;
  #element;
  #panel;
  #pill;
  #chip;
  #problem;
  #badges;
  #next;
  #why;
  #engine;
  #prefetch;
  #stored;
  #items = [];
  #selected; // the item that the visitor of the panel chose, else the best one is explained
  #seen; // of the diagnostics what a prediction depends on
  #timer;
  #turn = 0;

  constructor(predictor, options) {
    if (typeof document === "undefined") throw failure("argument", "Devtools need a page; on a server make none");
    if (!isFunction(predictor?.diagnostics)) throw failure("argument", "Devtools take a predictor, of foreclick or foreclick/worker");
    this.#predictor = predictor;
    this.#options = readOptions(options, OPTIONS);
    this.#element = makeElement();
    this.#build(this.#options);
    document.body.append(this.#element);
    this.#timer = setInterval(() => this.#look(), INTERVAL);
    this.#setOpen(this.#options.open, false);
  }

  get element() {
    return this.#element;
  }

  async refresh() {
    if (this.#panel.hidden) return;
    const turn = ++this.#turn;
    try {
      const { k, predictOptions } = this.#options;
      const { items } = await this.#predictor.predict({ ...predictOptions(), k });
      const explained = items.some(({ item }) => item === this.#selected) ? this.#selected : items[0]?.item;
      const { exclude, group } = predictOptions();
      const explanation = explained && (await this.#predictor.explain(explained, { exclude, group, events: EXPLAINED_EVENTS }));
      const { state, stored } = this.#options;
      const kept = [...(await (state ? state.stored() : listStored())), ...(await stored())];
      if (turn !== this.#turn || this.#panel.hidden) return;
      this.#items = items;
      this.#show(explained);
      this.#why.show(explanation, this.#options.label);
      this.#stored.show(kept, state?.status);
      await this.#look();
    } catch (error) {
      if (turn === this.#turn) this.#fail(error);
    }
  }

  close() {
    clearInterval(this.#timer);
    this.#turn++;
    this.#badges.stop();
    this.#element.remove();
  }

  #build({ elements, state, forget = state && (() => state.forget()) }) {
    this.#badges = new Badges(this.#element.shadowRoot, elements);
    this.#next = new NextClicks((item) => this.#select(item));
    this.#why = new Why();
    this.#engine = new Engine();
    this.#prefetch = new Prefetch();
    this.#stored = new Stored(forget && (() => this.#forget(forget)));
    this.#chip = h("span", { className: "chip" });
    this.#problem = h("p", { className: "problem", role: "status" });
    const show = () => this.#setOpen(true, true);
    this.#pill = h("button", { type: "button", className: "pill", "aria-label": "Show foreclick's panel", onclick: show }, "foreclick");
    const title = h("h2", { id: "title" }, "foreclick");
    const hide = h("button", { type: "button", className: "icon", "aria-label": "Hide the panel", onclick: () => this.#setOpen(false, true) }, "–");
    const sections = [this.#next, this.#why, this.#engine, this.#prefetch, this.#stored].map(({ element }) => element);
    const body = h("div", { className: "body", tabIndex: 0, role: "group", "aria-label": "Details" }, this.#problem, ...sections);
    const head = h("div", { className: "head" }, title, this.#chip, hide);
    this.#panel = h("div", { className: "panel", role: "region", "aria-labelledby": "title" }, head, body);
    this.#panel.addEventListener("keydown", ({ key }) => key === "Escape" && this.#setOpen(false, true));
    this.#why.show(null);
    this.#prefetch.show(null);
    this.#element.shadowRoot.append(this.#panel, this.#pill);
  }

  // Hidden, it costs nothing and leaves the page as it is.
  #setOpen(isOpen, moveFocus) {
    this.#panel.hidden = !isOpen;
    this.#pill.hidden = isOpen;
    if (moveFocus) (isOpen ? this.#panel.querySelector("button") : this.#pill).focus();
    if (isOpen) this.refresh();
    else this.#badges.draw([]);
  }

  #select(item) {
    this.#selected = item;
    this.#show(item);
    this.#badges.reveal(item);
    this.refresh();
  }

  #show(selected) {
    const present = this.#badges.draw(this.#items, selected);
    this.#next.show(this.#items, { selected, label: this.#options.label, present });
  }

  // Where something has happened since the last look, all is asked anew.
  async #look() {
    if (document.hidden || this.#panel.hidden) return;
    try {
      const report = await this.#predictor.diagnostics();
      if (!this.#element.isConnected) return;
      write(this.#chip, report.backend.toUpperCase());
      this.#engine.show(report);
      this.#prefetch.show(this.#options.prefetcher?.report());
      const seen = `${report.events} ${report.unknownEvents} ${report.backend}`;
      const isNew = this.#seen !== undefined && seen !== this.#seen;
      this.#seen = seen;
      if (isNew) this.refresh();
    } catch (error) {
      this.#fail(error);
    }
  }

  async #forget(forget) {
    try {
      await forget();
      this.#stored.say("Forgotten.");
    } catch (error) {
      this.#stored.say(`Not forgotten: ${error.message}`);
    }
    await this.refresh();
  }

  // A predictor that was freed or has crashed stays so.
  #fail(error) {
    clearInterval(this.#timer);
    write(this.#chip, "stopped");
    write(this.#problem, error.message);
  }
}

function marked(item) {
  return document.querySelectorAll(`[data-fc-item="${CSS.escape(item)}"]`);
}

// Defined by the first panel, so that importing this changes nothing.
function makeElement() {
  if (!customElements.get(TAG)) {
    customElements.define(
      TAG,
      class extends HTMLElement {
        constructor() {
          super();
          this.attachShadow({ mode: "open" }).adoptedStyleSheets = [styleSheet()];
        }
      },
    );
  }
  return document.createElement(TAG);
}
