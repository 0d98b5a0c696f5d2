// What the predictor learns of the visitor, kept as a section. Tabs learn apart, and what each has learned is added up.

export const SECTION = "personal";

// So that long keys leave room for other sections.
const MAX_ITEMS_BYTES = 24_000;
const DIGITS = 1e5;

export class Personal {
  #predictor;
  #written; // what this tab had learned when it last wrote

  constructor(predictor) {
    this.#predictor = predictor;
  }

  learn(event) {
    this.#predictor.learn(event);
  }

  // Of foreclick/worker a promise.
  learned() {
    return this.#predictor.learned();
  }

  async recall(kept) {
    await this.#predictor.recall(kept);
    this.#written = kept;
  }

  clear() {
    this.#written = undefined;
  }

  // Adds to what is kept what this tab has learned since it last wrote.
  add(learned, kept) {
    const before = this.#written;
    this.#written = learned;
    return kept && before ? sum(kept, before, learned) : trimmed(learned);
  }
}

function sum(kept, before, learned) {
  const add = (name) => kept[name] + learned[name] - before[name];
  const addAll = (name) => kept[name].map((value, place) => value + learned[name][place] - before[name][place]);
  const items = { ...kept.items };
  for (const [item, offset] of Object.entries(learned.items)) {
    // Begun by two tabs at once: between them.
    if (!(item in before.items)) items[item] = item in items ? (items[item] + offset) / 2 : offset;
    else items[item] = (items[item] ?? before.items[item]) + offset - before.items[item];
  }
  return trimmed({ events: add("events"), advantage: add("advantage"), gates: addAll("gates"), query: addAll("query"), items });
}

// As many digits as matter, and the items that say most.
function trimmed({ events, advantage, gates, query, items }) {
  const few = (value) => Math.round(value * DIGITS) / DIGITS;
  const entries = Object.entries(items).map(([item, offset]) => [item, few(offset)]);
  entries.sort(([, a], [, b]) => Math.abs(b) - Math.abs(a));
  let bytes = 0;
  const fits = (entry) => (bytes += new TextEncoder().encode(JSON.stringify(entry)).length) <= MAX_ITEMS_BYTES;
  const kept = entries.slice(0, 512).filter(fits);
  return { events, advantage: few(advantage), gates: gates.map(few), query: query.map(few), items: Object.fromEntries(kept) };
}
