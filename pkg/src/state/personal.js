// What the predictor learns of the visitor, kept as a section in readable form. Tabs learn apart, and what each has learned
// since it last wrote is added to what is kept.

export const SECTION = "personal";

// So that long keys leave room for other sections.
const MAX_ITEM_BYTES = 24_000;
const MAX_ITEMS = 512;
// Words before the items: how many numbers there are, the advantage, the events.
const HEAD = 3;
const DIGITS = 1e5;

export class Personal {
  #predictor;
  #names = new Map(); // items' keys, by id
  #begun; // what a visitor begins with
  #written; // what this tab had learned when it last wrote

  constructor(predictor) {
    this.#predictor = predictor;
  }

  async begin() {
    this.#begun = this.#written = decode(await this.#predictor.learned(), this.#names);
  }

  learn(event) {
    const name = (item) => this.#names.set(item, event.item);
    const item = this.#predictor.learn(event);
    // Of foreclick/worker a promise; what is wrong with the event is told when it is observed.
    if (typeof item === "number") name(item);
    else item.then(name, () => {});
  }

  // Of foreclick/worker a promise.
  learned() {
    return this.#predictor.learned();
  }

  async recall(kept) {
    await this.#predictor.recall(encode(kept));
    for (const [key, [item]] of Object.entries(kept.items)) this.#names.set(item, key);
    this.#written = kept;
  }

  clear() {
    this.#written = this.#begun;
  }

  add(bytes, kept) {
    const learned = decode(bytes, this.#names);
    const before = this.#written;
    this.#written = learned;
    return trimmed(kept && before ? sum(kept, before, learned) : learned);
  }
}

function decode(bytes, names) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const float = (word) => view.getFloat32(4 * word, true);
  const end = 1 + view.getUint32(0, true);
  const items = {};
  for (let word = end; 4 * word < bytes.length; word += 2) {
    const item = view.getUint32(4 * word, true);
    items[names.get(item) ?? item] = [item, float(word + 1)];
  }
  return { advantage: float(1), events: float(2), numbers: Array.from({ length: end - HEAD }, (_, place) => float(HEAD + place)), items };
}

function encode(kept) {
  const { advantage, events, numbers, items } = kept ?? {};
  const pairs = Object.values(items ?? {});
  const view = new DataView(new ArrayBuffer(4 * (HEAD + (numbers?.length ?? 0) + 2 * pairs.length)));
  let word = 0;
  const float = (value) => view.setFloat32(4 * word++, value, true);
  const whole = (value) => view.setUint32(4 * word++, value, true);
  whole(HEAD - 1 + (numbers?.length ?? 0));
  for (const value of [advantage, events, ...(numbers ?? [])]) float(value);
  for (const pair of pairs) {
    whole(pair?.[0]);
    float(pair?.[1]);
  }
  return new Uint8Array(view.buffer);
}

function sum(kept, before, learned) {
  const items = { ...kept.items };
  for (const [key, [item, offset]] of Object.entries(learned.items)) {
    const other = items[key]?.[1];
    const then = before.items[key]?.[1];
    // Begun by two tabs at once: between them.
    if (then === undefined) items[key] = [item, other === undefined ? offset : (other + offset) / 2];
    else items[key] = [item, (other ?? then) + offset - then];
  }
  return {
    advantage: kept.advantage + learned.advantage - before.advantage,
    events: kept.events + learned.events - before.events,
    numbers: kept.numbers.map((value, place) => value + learned.numbers[place] - before.numbers[place]),
    items,
  };
}

// As many digits as matter, and the items that say most.
function trimmed({ advantage, events, numbers, items }) {
  const few = (value) => Math.round(value * DIGITS) / DIGITS;
  const sorted = Object.entries(items).sort(([, [, a]], [, [, b]]) => Math.abs(b) - Math.abs(a));
  const rounded = sorted.slice(0, MAX_ITEMS).map(([key, [item, offset]]) => [key, [item, few(offset)]]);
  let bytes = 0;
  const kept = rounded.filter((entry) => (bytes += new TextEncoder().encode(JSON.stringify(entry)).length) <= MAX_ITEM_BYTES);
  return { advantage: few(advantage), events, numbers: numbers.map(few), items: Object.fromEntries(kept) };
}
