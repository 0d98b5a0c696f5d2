// A predictor's session, kept on the device. Every member is documented in state.d.ts.
import { copy, failure } from "../shared.js";
import { exportOthers, listStored } from "../stored.js";
import { eraseEverything, eraseOfPage, openChannel, tell } from "./everything.js";
import { Log } from "./log.js";
import { Personal, SECTION } from "./personal.js";
import { FORMAT, PAUSED } from "./rows.js";

// At most one write in so many milliseconds, and one more when the page is hidden or left.
const WRITE_INTERVAL = 1000;

export class State {
  #options;
  #methods; // the predictor's own
  #personal; // what is learned of the visitor, where that is wanted
  #dropped; // why what was learned is not used
  #log;
  #device; // the store on the device, though it may be out of use
  #problem; // why it is
  #isRefused = false;
  #isPaused = false;
  #isErased = false; // since the last write
  #isClosed = false;
  #early = []; // events from before the state was open
  #events = []; // those that are yet to be written
  #changes = []; // of sections, likewise
  #restored = 0;
  #refused = 0;
  #written = -Infinity;
  #timer;
  #turn = 0; // counts erasures
  #work = Promise.resolve(); // what is under way
  #channel;
  #listening = new AbortController();
  #told;

  constructor(options) {
    this.#options = options;
  }

  /** For openState alone. `makeStore` gets a function to call where the store was erased, and throws where there is none. */
  async begin(predictor, makeStore) {
    this.#attach(predictor);
    this.#personal = this.#options.personal ? new Personal(predictor) : undefined;
    try {
      this.#device = makeStore(() => this.#lose());
    } catch (error) {
      this.#problem = error;
    }
    this.#isRefused = this.#options.honorPrivacyControl && Boolean(globalThis.navigator?.globalPrivacyControl);
    this.#log = new Log(this.#isRefused ? undefined : this.#device, this.#options);
    this.#log.model = await this.#fingerprint(predictor);
    this.#channel = openChannel();
    this.#channel?.addEventListener("message", ({ data }) => this.#hear(data));
    await (this.#isRefused ? this.#device?.erase().catch(() => {}) : this.#then(() => this.#guard(() => this.#restore())));
    this.#listen();
    this.#observeEarly();
    this.#tell();
    return this;
  }

  get status() {
    const mode = this.#mode();
    const reasons = {
      closed: "it was closed, or its predictor freed",
      refused: "the browser sends the Global Privacy Control, so that nothing is kept",
      paused: "it was paused, so that nothing new is kept",
      memory: `the session ends with the page, since the store can't be used (${this.#problem?.message})`,
      stored: this.#isErased ? "what was kept has been erased; new events begin anew" : `kept on this device (${this.#device?.title})`,
    };
    return { mode, reason: reasons[mode], restored: this.#restored, refused: this.#refused, ...(this.#dropped && { dropped: this.#dropped }) };
  }

  async read(name) {
    checkName(name);
    // What this page has just changed.
    if (this.#changes.length > 0) await this.flush();
    await this.#work;
    return this.#guard(() => this.#log.readSection(name));
  }

  update(name, change) {
    checkName(name);
    if (typeof change !== "function") throw failure("argument", "update() takes a function from a section's value to its next");
    if (this.#isPaused || this.#isClosed) return Promise.resolve(false);
    return new Promise((resolve, reject) => {
      this.#changes.push({ name, change, resolve, reject });
      this.#schedule();
    });
  }

  flush() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#log?.isOpen || (this.#events.length === 0 && this.#changes.length === 0)) return this.#work;
    this.#written = performance.now();
    this.#isErased = false;
    const [events, changes, turn] = [this.#events.splice(0), this.#changes.splice(0), this.#turn];
    // Begun here and now, since a page that is being left runs nothing more.
    const written = this.#guard(() => this.#log.add(events));
    const learned = this.#keepLearned(this.#personal?.learned(), turn);
    return this.#then(async () => {
      // Not on the device, then in memory.
      if (!(await written) && turn === this.#turn) await this.#guard(() => this.#log.add(events));
      await learned;
      for (const [name, group] of grouped(changes)) await this.#change(name, group, turn);
      await this.#guard(() => this.#catchUp());
    });
  }

  async pause() {
    if (this.#isPaused || this.#isClosed) return;
    const flushed = this.flush();
    this.#isPaused = true;
    this.#tell();
    await flushed;
    await this.#guard(() => this.#log.write([[PAUSED, true]]));
    tell(this.#channel, this.#options.name, "paused");
  }

  async resume() {
    if (!this.#isPaused || this.#isClosed) return;
    this.#isPaused = false;
    this.#tell();
    await this.#guard(() => this.#log.remove([PAUSED]));
    tell(this.#channel, this.#options.name, "resumed");
  }

  async stored() {
    await this.#work;
    const mine = this.#log.isOnDevice ? await this.#guard(() => this.#log.list()) : [];
    return [...(mine ?? []), ...(await listStored())];
  }

  async export() {
    await this.flush();
    const rows = await this.#guard(() => this.#log.export());
    const { name } = this.#options;
    const [{ model }, time] = [this.#log, new Date().toISOString()];
    return { format: FORMAT, name, model, time, status: this.status, ...rows, ...(await exportOthers()) };
  }

  async forget() {
    this.#drop();
    const { name, also } = this.#options;
    await this.#work;
    this.#drop(); // what came meanwhile too
    try {
      await eraseEverything({ name, store: this.#device, also });
    } finally {
      tell(this.#channel, undefined, "forget");
      this.#tell();
    }
  }

  async close() {
    if (this.#isClosed) return;
    const flushed = this.flush();
    this.#isClosed = true;
    this.#listening.abort();
    this.#tell();
    await flushed;
    this.#channel?.close();
    this.#channel = undefined;
    this.#device?.close();
  }

  // However an event reaches the predictor, from a collector or a framework's hook, it is kept.
  #attach(predictor) {
    const [observe, reset, free] = ["observe", "reset", "free"].map((name) => predictor[name].bind(predictor));
    this.#methods = { observe, reset };
    predictor.observe = (event) => this.#observe(copy(event));
    predictor.reset = () => {
      reset();
      if (!this.#isClosed) this.#startAnew();
    };
    predictor.free = () => {
      this.close();
      free();
    };
  }

  // A predictor that can't tell has been freed, or has crashed.
  async #fingerprint(predictor) {
    try {
      return (await predictor.diagnostics()).model;
    } catch (error) {
      this.#isClosed = true;
      throw error;
    }
  }

  #observe(event) {
    if (!this.#log?.isOpen && !this.#isClosed) {
      this.#early.push(event);
      return;
    }
    const isKept = !(this.#isPaused || this.#isClosed);
    if (isKept && !this.#isRefused) this.#personal?.learn(event);
    this.#methods.observe(event);
    if (!isKept) return;
    this.#events.push(event);
    this.#schedule();
  }

  #observeEarly() {
    this.#log.isOpen = true;
    if (this.#isClosed) return;
    for (const event of this.#early.splice(0)) {
      try {
        this.#observe(event);
      } catch (error) {
        // Who told of it has gone on.
        reportError(error);
      }
    }
  }

  // The first event at once, so that it is kept even where it leads to another page; those that follow soon together.
  #schedule() {
    if (this.#timer !== undefined) return;
    const wait = this.#written + WRITE_INTERVAL - performance.now();
    if (wait > 0) {
      this.#timer = setTimeout(() => this.flush(), wait);
    } else {
      this.#timer = 0;
      queueMicrotask(() => this.flush());
    }
  }

  async #restore() {
    await this.#log.prepare();
    await this.#catchUp();
    if (this.#personal) await this.#recall();
  }

  async #recall() {
    await this.#personal.begin();
    const kept = await this.#log.readSection(SECTION);
    if (kept === undefined) return;
    try {
      await this.#personal.recall(kept);
    } catch (error) {
      // Of a damaged store.
      if (error.code !== "argument") throw error;
      this.#dropped = error.message;
      await this.#log.changeSection(SECTION, [() => undefined]);
    }
  }

  // Begun at once where the predictor answers at once.
  async #keepLearned(learned, turn) {
    if (typeof learned?.then === "function") learned = await learned.catch(() => null);
    if (!learned || turn !== this.#turn) return;
    await this.#guard(() => this.#log.changeSection(SECTION, [(kept) => this.#personal.add(learned, kept)]));
  }

  // What other tabs have written since, and at first what earlier pages have.
  async #catchUp() {
    const { events, isPaused, isGone } = await this.#log.sync();
    if (this.#isClosed) return;
    if (isGone) this.#methods.reset();
    // Later, tabs tell each other.
    if (!this.#log.isOpen) this.#isPaused = isPaused;
    for (const event of events) {
      try {
        this.#methods.observe(event);
        this.#restored++;
      } catch (error) {
        // Another model may have other fields.
        if (error.code !== "event") throw error;
        this.#refused++;
      }
    }
  }

  async #change(name, group, turn) {
    // Of what was erased since nothing comes back.
    const isErased = turn !== this.#turn;
    const refused = isErased ? undefined : await this.#guard(() => this.#log.changeSection(name, group.map(({ change }) => change)));
    for (const { change, resolve, reject } of group) {
      if (refused?.has(change)) reject(refused.get(change));
      else resolve(refused !== undefined && this.#log.isOnDevice);
    }
  }

  // Runs work on the store. Where the store fails, the session goes on in memory alone.
  async #guard(work) {
    try {
      return await work();
    } catch (error) {
      if (this.#isClosed) return undefined;
      this.#problem = error;
      this.#log.leaveDevice();
      this.#tell();
      return undefined;
    }
  }

  #then(work) {
    this.#work = this.#work.then(work);
    return this.#work;
  }

  // The next visitor: of the one before nothing may come back with the next page.
  #startAnew() {
    this.#early = [];
    this.#clear();
    // Begun at once: the events from here on are written after it.
    const erased = this.#eraseRows();
    this.#then(() => erased).then(() => tell(this.#channel, this.#options.name, "erased"));
    this.#tell();
  }

  // Erased by another tab, by the page or by the browser.
  #lose() {
    if (this.#isClosed) return;
    this.#drop();
    this.#tell();
  }

  #drop() {
    this.#clear();
    try {
      this.#methods.reset();
    } catch {
      // It was freed, or has crashed.
    }
  }

  #clear() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#turn++;
    this.#events = [];
    for (const { resolve } of this.#changes.splice(0)) resolve(false);
    this.#log.clear();
    this.#personal?.clear();
    this.#isErased = true;
  }

  #hear({ name, what }) {
    if (this.#isClosed) return;
    if (what === "forget") eraseOfPage(this.#options.also).catch(() => {});
    else if (name !== this.#options.name) return;
    if (what === "paused" || what === "resumed") {
      this.#isPaused = what === "paused";
      this.#tell();
    } else if (!this.#device?.isWatched) {
      this.#lose();
      // What this tab has written meanwhile.
      this.#then(() => this.#eraseRows());
    }
  }

  async #eraseRows() {
    const wasOnDevice = this.#log.isOnDevice;
    await this.#guard(() => this.#log.erase());
    // There may be some where the store has failed later.
    if (!wasOnDevice) await this.#device?.erase().catch(() => {});
  }

  #listen() {
    const { signal } = this.#listening;
    const catchUp = () => this.#then(() => this.#guard(() => this.#catchUp()));
    const turn = () => (document.visibilityState === "hidden" ? this.flush() : catchUp());
    globalThis.document?.addEventListener("visibilitychange", turn, { signal });
    globalThis.addEventListener?.("pagehide", () => this.flush(), { signal });
    globalThis.addEventListener?.("pageshow", ({ persisted }) => persisted && catchUp(), { signal });
  }

  #mode() {
    if (this.#isClosed) return "closed";
    if (this.#isRefused) return "refused";
    if (this.#isPaused) return "paused";
    return this.#log.isOnDevice ? "stored" : "memory";
  }

  #tell() {
    const { status } = this;
    const said = JSON.stringify([status.mode, status.reason]);
    if (said === this.#told) return;
    this.#told = said;
    try {
      this.#options.onStatus(status);
    } catch (error) {
      reportError(error);
    }
  }
}

function checkName(name) {
  if (typeof name !== "string" || name === "") throw failure("argument", "a section's name must be a string with something in it");
}

function grouped(changes) {
  const groups = new Map();
  for (const change of changes) groups.set(change.name, [...(groups.get(change.name) ?? []), change]);
  return groups;
}
