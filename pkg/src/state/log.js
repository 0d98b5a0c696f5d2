// The rows of one state: which are known, which are new, and how much they may take.
import { failure } from "../shared.js";
import { Given } from "./given.js";
import { eventRows, isExpired, keyMaker, PAUSED, rowSize, sectionKey, sectionName, sizeOf, sortKeys, writtenAt } from "./rows.js";

const DAY = 86_400_000;
const MAX_BYTES = 65_536;
// So that a row of 20 always fits.
const MAX_EVENT_BYTES = 1600;
// Events have what sections leave.
const MAX_SECTION_BYTES = 32_768;

export class Log {
  isOpen = false;
  isOnDevice = true;
  model; // the fingerprint of its file
  #store;
  #maxEvents;
  #maxAge;
  #nextKey = keyMaker();
  #rows = new Map(); // of events, by key: how many, how large, and whether they are written
  #sections = new Map(); // how large, by key
  #turn = 0; // counts erasures

  constructor(store, { maxEvents, maxAgeDays }) {
    this.#store = store;
    this.#maxEvents = maxEvents;
    this.#maxAge = maxAgeDays * DAY;
    if (!store) this.leaveDevice();
  }

  leaveDevice() {
    if (!this.isOnDevice) return;
    this.isOnDevice = false;
    this.#store = new Given(new Map(), "");
    this.clear();
  }

  clear() {
    this.#turn++;
    this.#rows.clear();
    this.#sections.clear();
  }

  prepare() {
    return this.#store.prepare();
  }

  write(pairs) {
    return this.#store.write(pairs);
  }

  remove(keys) {
    return this.#store.remove(keys);
  }

  erase() {
    return this.#store.erase();
  }

  // Where the device is full, the older half of the events gives way to these.
  async add(events) {
    const older = [...this.#rows.keys()].sort();
    const rows = eventRows(events.filter((event) => sizeOf(event) <= MAX_EVENT_BYTES), this.#nextKey);
    for (const [key, value] of rows) this.#note(key, value);
    try {
      if (rows.length > 0) await this.#store.write(rows);
    } catch (error) {
      if (error?.name !== "QuotaExceededError" || older.length === 0) throw error;
      await this.#drop(older.slice(0, Math.ceil(older.length / 2)));
      await this.#store.write(rows);
    }
    for (const [key] of rows) if (this.#rows.has(key)) this.#rows.get(key).isWritten = true;
    return true;
  }

  // Finds the events that this tab has not seen, and drops what is old, too much or of another format.
  async sync() {
    const turn = this.#turn;
    const written = [...this.#rows].filter(([, { isWritten }]) => isWritten).map(([key]) => key);
    const { events, sections, useless, isPaused, isNewer } = sortKeys(await this.#store.keys(), this.#maxAge);
    if (isNewer) throw new Error("it was written by a newer version of foreclick, which is left alone");
    const unseen = events.filter((key) => !this.#rows.has(key));
    const values = await this.#store.read([...unseen, ...sections]);
    // What was read has been erased meanwhile.
    if (turn !== this.#turn) return { events: [], isPaused, isGone: false };
    const present = new Set(events);
    const lost = written.filter((key) => !present.has(key));
    for (const key of lost) this.#rows.delete(key);
    const found = new Map(unseen.map((key, place) => [key, values[place]]));
    for (const [key, row] of found) Array.isArray(row) ? this.#note(key, row, true) : useless.push(key);
    this.#sections.clear();
    sections.forEach((key, place) => {
      const row = values[unseen.length + place];
      if (this.#isOurs(row)) this.#sections.set(key, rowSize(key, row.value));
      else useless.push(key);
    });
    await this.#drop([...useless, ...this.#excess()]);
    const kept = unseen.filter((key) => this.#rows.has(key)).flatMap((key) => found.get(key));
    return { events: kept.slice(-this.#maxEvents), isPaused, isGone: written.length > 0 && lost.length === written.length };
  }

  async readSection(name) {
    const [row] = await this.#store.read([sectionKey(name)]);
    return this.#isOurs(row) ? row.value : undefined;
  }

  // In one transaction; returns the errors of the changes that were refused.
  async changeSection(name, changes) {
    const refused = new Map();
    await this.#store.update(sectionKey(name), (row) => {
      let value = this.#isOurs(row) ? row.value : undefined;
      for (const change of changes) {
        try {
          value = this.#checked(name, change(value));
        } catch (error) {
          refused.set(change, error);
        }
      }
      return value === undefined ? undefined : { model: this.model, at: Date.now(), value };
    });
    return refused;
  }

  async list() {
    const { events, sections, isPaused } = await this.#read();
    const where = this.#store.title;
    const entries = sections.map(([key, { at, value }]) => {
      return { name: sectionName(key), where, count: 1, bytes: rowSize(key, value), oldest: at, newest: at };
    });
    if (isPaused) entries.push({ name: "That it is paused", where, count: 1, bytes: rowSize(PAUSED, true) });
    if (events.length === 0) return entries;
    const count = events.flatMap(([, row]) => row).length;
    const bytes = events.reduce((sum, [key, row]) => sum + rowSize(key, row), 0);
    const [oldest, newest] = [events[0], events.at(-1)].map(([key]) => writtenAt(key));
    return [{ name: "Session events", where, count, bytes, oldest, newest }, ...entries];
  }

  async export() {
    const { events, sections, isPaused } = await this.#read();
    const time = (at) => new Date(at).toISOString();
    return {
      paused: isPaused,
      events: events.flatMap(([key, row]) => row.map((event) => ({ kept: time(writtenAt(key)), event }))),
      sections: Object.fromEntries(sections.map(([key, { at, value }]) => [sectionName(key), { kept: time(at), value: readable(value) }])),
    };
  }

  async #read() {
    const { events, sections, isPaused } = sortKeys(await this.#store.keys(), this.#maxAge);
    const values = await this.#store.read([...events, ...sections]);
    const pair = (key, place) => [key, values[place]];
    return {
      events: events.map(pair).filter(([, row]) => Array.isArray(row)),
      sections: sections.map((key, place) => pair(key, events.length + place)).filter(([, row]) => this.#isOurs(row)),
      isPaused,
    };
  }

  // What another model has learned means nothing to this one.
  #isOurs(row) {
    return row?.model === this.model && !isExpired(row.at, this.#maxAge);
  }

  #note(key, row, isWritten = false) {
    this.#rows.set(key, { count: row.length, bytes: rowSize(key, row), isWritten });
  }

  // The oldest rows, until the others fit; of events so many stay as are wanted.
  #excess() {
    const rows = [...this.#rows.values()];
    let bytes = [...this.#sections.values(), ...rows.map(({ bytes }) => bytes)].reduce((sum, bytes) => sum + bytes, 0);
    let count = rows.reduce((sum, { count }) => sum + count, 0);
    const excess = [];
    for (const key of [...this.#rows.keys()].sort()) {
      const row = this.#rows.get(key);
      if (bytes <= MAX_BYTES && count - row.count < this.#maxEvents) break;
      bytes -= row.bytes;
      count -= row.count;
      excess.push(key);
    }
    return excess;
  }

  async #drop(keys) {
    for (const key of keys) this.#rows.delete(key);
    if (keys.length > 0) await this.#store.remove(keys);
  }

  // A copy, of what fits.
  #checked(name, given) {
    if (typeof given?.then === "function" || (ArrayBuffer.isView(given) && !(given instanceof Uint8Array))) {
      throw failure("argument", `section ${name}: expected a Uint8Array or plain JSON, at once`);
    }
    const isText = !(given === undefined || given instanceof Uint8Array);
    const value = isText ? JSON.parse(JSON.stringify(given)) : given?.slice();
    const key = sectionKey(name);
    const sizes = new Map(this.#sections).set(key, rowSize(key, value));
    const bytes = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
    if (bytes > MAX_SECTION_BYTES) {
      throw failure("argument", `section ${name}: all sections would be ${bytes} bytes, expected at most ${MAX_SECTION_BYTES}`);
    }
    this.#sections = sizes;
    return value;
  }
}

// Bytes as base64, since JSON has none.
function readable(value) {
  return value instanceof Uint8Array ? { base64: btoa(String.fromCharCode(...value)) } : value;
}
