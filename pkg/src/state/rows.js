// What lies in the store: rows, each under a key of its own, so that tabs only ever add and none overwrites another's.
//   1/events/<when written>-<tab><number>   up to 20 events, in their order
//   1/sections/<name>                       { model, at, value }
//   1/paused                                true
// The number before all of them is the format's.

export const FORMAT = 1;
export const PAUSED = `${FORMAT}/paused`;
const EVENTS = `${FORMAT}/events/`;
const SECTIONS = `${FORMAT}/sections/`;
const EVENTS_A_ROW = 20;
const TIME_DIGITS = 13; // of milliseconds since 1970, until the year 2286

export const sectionKey = (name) => SECTIONS + name;

/** Gives keys that rise within a tab and, by the clock, between tabs. */
export function keyMaker() {
  const tab = crypto.getRandomValues(new Uint32Array(1))[0].toString(36).padStart(7, "0").slice(-5);
  let latest = 0;
  let count = 0;
  return () => {
    latest = Math.max(latest, Date.now());
    return `${EVENTS}${String(latest).padStart(TIME_DIGITS, "0")}-${tab}${(count++).toString(36).padStart(4, "0")}`;
  };
}

/** Rows of these events, as pairs of key and value. */
export function eventRows(events, nextKey) {
  const rows = [];
  for (let from = 0; from < events.length; from += EVENTS_A_ROW) rows.push([nextKey(), events.slice(from, from + EVENTS_A_ROW)]);
  return rows;
}

/** When a row of events was written, in milliseconds since 1970. */
export const writtenAt = (key) => Number(key.slice(EVENTS.length, EVENTS.length + TIME_DIGITS));

/** A clock that was put back or far ahead makes a row old too: none is kept forever. */
export const isExpired = (at, maxAge) => !(Math.abs(Date.now() - at) <= maxAge);

/** Sorts keys into those of events, oldest first, of sections, and those that are of no use any more. */
export function sortKeys(keys, maxAge) {
  const sorted = { events: [], sections: [], useless: [], isPaused: false, isNewer: false };
  for (const key of keys) {
    const format = Number(key.split("/")[0]);
    if (format > FORMAT) sorted.isNewer = true;
    else if (key === PAUSED) sorted.isPaused = true;
    else if (key.startsWith(SECTIONS)) sorted.sections.push(key);
    else if (key.startsWith(EVENTS) && !isExpired(writtenAt(key), maxAge)) sorted.events.push(key);
    else sorted.useless.push(key);
  }
  sorted.events.sort();
  return sorted;
}

export const sectionName = (key) => key.slice(SECTIONS.length);

/** What a row takes, its key included. */
export const rowSize = (key, value) => key.length + sizeOf(value);

/** Bytes of a value as readable JSON; bytes count as they are. */
export function sizeOf(value) {
  if (value instanceof Uint8Array) return value.byteLength;
  return new TextEncoder().encode(JSON.stringify(value)).length;
}
