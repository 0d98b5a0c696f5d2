// What became of the hints, in memory or in sessionStorage: numbers alone, no address.

const KEY = "foreclick.prefetch";
const ZERO = { hints: 0, hits: 0, leadMilliseconds: 0, served: 0, expected: 0 };

export class Counters {
  #isKept;
  #counts = { ...ZERO };

  constructor(isKept) {
    this.#isKept = isKept;
  }

  get counts() {
    return this.#counts;
  }

  // What other pages counted.
  read() {
    if (!this.#isKept) return;
    const kept = attempt(() => JSON.parse(sessionStorage.getItem(KEY)));
    const isWhole = kept && Object.keys(ZERO).every((name) => Number.isFinite(kept[name]));
    this.#counts = isWhole ? kept : { ...ZERO };
  }

  // Once a page, when the visitor is there: was it the one that a hint was for, and did the browser have it?
  arrive() {
    this.read();
    const { expected } = this.#counts;
    if (expected) this.add({ expected: -expected, served: wasPrefetched() ? 1 : 0 });
  }

  add(changes) {
    for (const name in changes) this.#counts[name] += changes[name];
    if (this.#isKept) attempt(() => sessionStorage.setItem(KEY, JSON.stringify(this.#counts)));
  }

  clear() {
    this.#counts = { ...ZERO };
    if (this.#isKept) attempt(() => sessionStorage.removeItem(KEY));
  }
}

// Whether the browser had this page before it was asked for.
function wasPrefetched() {
  const [entry] = performance.getEntriesByType("navigation");
  return entry?.activationStart > 0 || entry?.deliveryType === "navigational-prefetch";
}

// Storage may be missing, forbidden or full: then these pages count alone.
function attempt(work) {
  try {
    return work();
  } catch {
    return undefined;
  }
}
