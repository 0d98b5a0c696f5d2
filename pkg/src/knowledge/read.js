// Reads knowledge from a plain object: its members checked one by one. Its twin is src/knowledge/read.rs.
import { failure } from "../shared.js";

const VERSION = 1;
const LARGEST = 50; // of a boost or strength, above or below 0, in logits
const MAX_RULES = 1000;
const MAX_LEVELS = 32;

/**
 * What a file says: `items` by key, `parents` of categories, `together` by key, `rules`, `limits`. A rule has a name, an effect,
 * what it concerns and, unless it always acts, its causes: lists of labels, which are a kind's letter and a name.
 */
export function read(file) {
  const { version, minPrice = null, maxPrice = null, items = {}, categories = {}, together = {}, rules = [], ...others } = object("the file", file);
  nothingElse("the file", others, "version, items, categories, together, rules, minPrice or maxPrice");
  if (version !== VERSION) throw wrong("version", version, "1, or a newer foreclick");
  return {
    limits: [amountOrNull("minPrice", minPrice), amountOrNull("maxPrice", maxPrice)],
    items: mapped("items", items, readItem),
    parents: readTree(categories),
    together: mapped("together", together, (place, row) => mapped(place, row, logits)),
    rules: readRules(rules),
  };
}

function readItem(place, value) {
  const { stock = null, price = null, category = null, tags = [], ...others } = object(place, value);
  nothingElse(place, others, "stock, price, category or tags");
  const labels = list(`${place}.tags`, tags, text).map((tag) => `t${tag}`);
  if (category !== null) labels.push(`c${text(`${place}.category`, category)}`);
  if (amountOrNull(`${place}.stock`, stock) === 0) labels.push("");
  return { price: amountOrNull(`${place}.price`, price), labels };
}

function readTree(categories) {
  const parents = new Map();
  for (const [name, parent] of mapped("categories", categories, text)) parents.set(`c${name}`, `c${parent}`);
  for (const label of parents.keys()) {
    let above = parents.get(label);
    for (let level = 0; level < MAX_LEVELS; level++) above = parents.get(above);
    if (above === undefined) continue;
    const name = label.slice(1);
    throw failure("knowledge", `knowledge: category "${name}" has more than ${MAX_LEVELS} above it, or is above itself; correct the tree`);
  }
  return parents;
}

function readRules(rules) {
  const read = list("rules", rules, readRule);
  if (read.length > MAX_RULES) throw wrong("rules", `${read.length} rules`, `at most ${MAX_RULES}`);
  read.forEach((rule, place) => (rule.name ??= `rule ${place + 1}`));
  return read;
}

function readRule(place, value) {
  const { name = null, boost = null, never = false, when = null, ...concerned } = object(place, value);
  if (typeof never !== "boolean") throw wrong(`${place}.never`, never, "true or false");
  if ((boost === null) !== never) throw wrong(place, value, 'either a boost or "never": true');
  return {
    name: name === null ? undefined : text(`${place}.name`, name),
    effect: never ? -Infinity : logits(`${place}.boost`, boost),
    concerned: readLabels(place, concerned, "name, boost, never, when, "),
    causes: when === null ? null : readCauses(`${place}.when`, when),
  };
}

function readCauses(place, value) {
  const { within = "group", ...causes } = object(place, value);
  if (!["session", "group"].includes(within)) throw wrong(`${place}.within`, within, '"session" or "group"');
  return { labels: readLabels(place, causes, "within, "), inSession: within === "session" };
}

function readLabels(place, { items = [], categories = [], tags = [], ...others }, beside) {
  nothingElse(place, others, `${beside}items, categories or tags`);
  const labels = Object.entries({ items, categories, tags }).flatMap(([kind, names]) =>
    list(`${place}.${kind}`, names, text).map((name) => kind[0] + name),
  );
  if (labels.length === 0) throw wrong(place, {}, "some items, categories or tags in a rule and in its \"when\"");
  return labels;
}

const mapped = (place, value, read) =>
  Object.entries(object(place, value)).map(([name, member]) => [name, read(`${place}["${name}"]`, member)]);

function list(place, value, read) {
  if (!Array.isArray(value)) throw wrong(place, value, "a list");
  return value.map((element, number) => read(`${place}[${number}]`, element));
}

function object(place, value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw wrong(place, value, "an object");
  return value;
}

function text(place, value) {
  if (typeof value !== "string") throw wrong(place, value, "a string");
  return value;
}

function amountOrNull(place, value) {
  if (value !== null && !(typeof value === "number" && value >= 0)) throw wrong(place, value, "a number, 0 or more");
  return value;
}

function logits(place, value) {
  if (!(typeof value === "number" && Math.abs(value) <= LARGEST)) throw wrong(place, value, `a number of logits, -${LARGEST} to ${LARGEST}`);
  return value;
}

function nothingElse(place, others, known) {
  for (const name in others) throw wrong(place, `a member "${name}"`, known);
}

function wrong(place, value, expected) {
  const got = typeof value === "string" && value.startsWith("a member") ? value : (JSON.stringify(value) ?? "nothing");
  return failure("knowledge", `knowledge: ${place} has ${got.slice(0, 80)}, expected ${expected}; correct it`);
}
