// Writes what a file says in a model's own numbers, as the words that src/knowledge.rs describes. Its twin is
// src/knowledge/compile.rs; a test holds that both write the same.
import { failure } from "../shared.js";

const UNKNOWN = 4294967295;
const MAX_MENTIONS = 2 ** 24;
// Before a shop's own rules, in this order.
const BUILT_IN = ["out of stock", "price below minPrice", "price above maxPrice"];
const OUT_OF_STOCK = ""; // the label

// Where the first words tell what.
const [ITEMS, RULE_COUNT, MIN, MAX, CONCERNS, CAUSES, RELATIONS, PRICES, NAMES, RULES] = Array(10).keys();
const [ALWAYS, SESSION, GROUP] = [0, 1, 2];

/**
 * `items` is how many the model has, `find` gives a key's number. Returns `{ words, summary, hasPrices, name }`: the last gives the
 * name of a reason's number.
 */
export function compile(said, items, find) {
  const unknown = [];
  const keys = new Map();
  const id = (key) => {
    const item = find(key);
    if (item === UNKNOWN) return void unknown.push(key);
    keys.set(item, key);
    return item;
  };
  const own = Array.from({ length: items }, () => []);
  const prices = new Float32Array(items).fill(NaN);
  let known = 0;
  for (const [key, { price, labels }] of said.items) {
    const item = id(key);
    if (item === undefined) continue;
    known++;
    own[item].push(...labels);
    prices[item] = price ?? NaN;
  }
  const rules = [...BUILT_IN.map((name, rule) => ({ name, effect: -Infinity, concerned: rule ? [] : [OUT_OF_STOCK], causes: null })), ...said.rules];
  nameItems(rules, own, id);
  const concerns = rows(own, said.parents, rules.map(({ concerned }) => concerned));
  const causes = rows(own, said.parents, rules.map(({ causes }) => causes?.labels ?? []));
  const relations = Array.from({ length: items }, () => []);
  for (const [key, row] of said.together) {
    const item = id(key);
    for (const [other, strength] of row) {
      const with_ = id(other);
      if (item !== undefined && with_ !== undefined) relations[item].push([with_, bits(strength)]);
    }
  }
  const words = new Words(items, rules, said.limits);
  words.table(CONCERNS, concerns);
  words.table(CAUSES, causes);
  words.table(RELATIONS, relations.map((row) => row.sort(([a], [b]) => a - b).flat()));
  const hasPrices = prices.some((price) => !Number.isNaN(price));
  if (hasPrices) words.begin(PRICES).push(new Uint32Array(prices.buffer));
  words.names(rules);
  const summary = {
    items: known,
    unknownItems: unknown.length,
    firstUnknownItem: unknown[0] ?? null,
    ...countRules(rules, concerns, causes),
    relations: relations.reduce((count, row) => count + row.length, 0),
  };
  const name = (number) => rules[number]?.name ?? `together with ${keys.get(number - rules.length)}`;
  return { words: words.bytes(), summary, hasPrices, name };
}

/** Items have labels of their own once a rule names them. */
function nameItems(rules, own, id) {
  const named = new Set();
  for (const { concerned, causes } of rules) {
    for (const label of [...concerned, ...(causes?.labels ?? [])]) {
      if (label[0] !== "i" || named.has(label)) continue;
      named.add(label);
      const item = id(label.slice(1));
      if (item !== undefined) own[item].push(label);
    }
  }
}

/** Of each item the rules that its labels and those above them have, each once, ascending. */
function rows(own, parents, labelsOfRules) {
  const rules = new Map();
  labelsOfRules.forEach((labels, rule) => {
    for (const label of labels) rules.set(label, [...(rules.get(label) ?? []), rule]);
  });
  let mentions = 0;
  return own.map((labels) => {
    const row = new Set();
    for (let label of labels) {
      for (; label !== undefined; label = parents.get(label)) rules.get(label)?.forEach((rule) => row.add(rule));
    }
    mentions += row.size;
    if (mentions > MAX_MENTIONS) {
      throw failure("knowledge", "knowledge: the rules concern 16,777,216 items in all, each counted once for each rule; expected fewer: make one of several");
    }
    return [...row].sort((a, b) => a - b);
  });
}

/** How many there are, and how many can never act. */
function countRules(rules, concerns, causes) {
  const [concerned, caused] = [concerns, causes].map((rows) => new Set(rows.flat()));
  const isIdle = ({ causes }, rule) => rule >= BUILT_IN.length && !(concerned.has(rule) && (!causes || caused.has(rule)));
  const idle = rules.filter(isIdle);
  return { rules: rules.length - BUILT_IN.length, idleRules: idle.length, firstIdleRule: idle[0]?.name ?? null };
}

const bits = (number) => new Uint32Array(new Float32Array([number]).buffer)[0];

class Words {
  #head = new Uint32Array(RULES);
  #parts = [this.#head];
  #length = RULES;

  constructor(items, rules, [min, max]) {
    this.#head[ITEMS] = items;
    this.#head[RULE_COUNT] = rules.length;
    this.#head[MIN] = bits(min ?? NaN);
    this.#head[MAX] = bits(max ?? NaN);
    const when = ({ causes }) => (causes ? (causes.inSession ? SESSION : GROUP) : ALWAYS);
    this.push(rules.flatMap((rule) => [bits(rule.effect), when(rule)]));
  }

  push(words) {
    this.#parts.push(words);
    this.#length += words.length;
  }

  /** A table begins here. */
  begin(table) {
    this.#head[table] = this.#length;
    return this;
  }

  table(table, rows) {
    this.begin(table);
    this.#begins(rows);
    this.push(rows.flat());
  }

  names(rules) {
    const names = rules.map(({ name }) => new TextEncoder().encode(name));
    this.begin(NAMES).#begins(names);
    const bytes = new Uint8Array(Math.ceil(names.reduce((sum, { length }) => sum + length, 0) / 4) * 4);
    let end = 0;
    for (const name of names) {
      bytes.set(name, end);
      end += name.length;
    }
    this.push(new Uint32Array(bytes.buffer));
  }

  /** Where each of some pieces begins, and where the last ends. */
  #begins(pieces) {
    const begins = new Uint32Array(pieces.length + 1);
    pieces.forEach(({ length }, place) => (begins[place + 1] = begins[place] + length));
    this.push(begins);
  }

  bytes() {
    const words = new Uint32Array(this.#length);
    let end = 0;
    for (const part of this.#parts) {
      words.set(part, end);
      end += part.length;
    }
    return new Uint8Array(words.buffer);
  }
}
