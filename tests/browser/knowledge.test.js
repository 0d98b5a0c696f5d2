// Rules and relations beside the model: the same as natively, in the page, in a worker and on the GPU, and errors that help.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Knowledge } from "../../pkg/knowledge.js";
import { assertSameRanking, onPage, start } from "./harness.js";

const file = (name) => fileURLToPath(new URL(`../../build/test/${name}`, import.meta.url));
const TEXT = readFileSync(file("knowledge.json"), "utf8");
const native = JSON.parse(readFileSync(file("knowledge-sessions.json"), "utf8"));
const ITEMS = 3000;

/** What WebAssembly is to the knowledge, with the test model's keys. */
function compiled(source) {
  const words = [];
  const inner = {
    diagnostics: () => ({ items: ITEMS }),
    id: (key) => (/^\d{7}$/.test(key) && Number(key) < ITEMS ? Number(key) : 4294967295),
    set_knowledge: (given) => words.push(given),
  };
  const { summary } = new Knowledge(source).apply(inner);
  return { words: words[0], summary };
}

test("the page compiles what is compiled natively", () => {
  const { words, summary } = compiled(TEXT);
  assert.deepEqual(Buffer.from(words), readFileSync(file("knowledge.words")));
  const { firstUnknownItem, firstIdleRule, ...counts } = summary;
  assert.deepEqual(counts, native.summary);
  assert.deepEqual([firstUnknownItem, firstIdleRule], ["0003000", null]);
  assert.deepEqual(compiled(JSON.parse(TEXT)), { words, summary }, "an object does as well");
});

for (const [source, expected] of [
  ["{", /it is no JSON/],
  [undefined, /the file has null, expected an object/],
  [{}, /version has nothing, expected 1/],
  [{ version: 2 }, /version has 2, expected 1, or a newer foreclick/],
  [{ version: 1, item: {} }, /the file has a member "item", expected version, items, categories/],
  [{ version: 1, items: { tea: { prise: 3 } } }, /items\["tea"\] has a member "prise", expected stock, price, category or tags/],
  [{ version: 1, items: { tea: { price: "cheap" } } }, /items\["tea"\]\.price has "cheap", expected a number, 0 or more; correct it/],
  [{ version: 1, items: { tea: { stock: -1 } } }, /items\["tea"\]\.stock has -1/],
  [{ version: 1, items: { tea: { tags: ["a", 3] } } }, /items\["tea"\]\.tags\[1\] has 3, expected a string/],
  [{ version: 1, categories: { a: "b", b: "a" } }, /category "a" has more than 32 above it, or is above itself/],
  [{ version: 1, together: { tea: { milk: 51 } } }, /together\["tea"\]\["milk"\] has 51, expected a number of logits/],
  [{ version: 1, rules: [{ items: ["tea"] }] }, /rules\[0\] has .*, expected either a boost or "never": true/],
  [{ version: 1, rules: [{ items: ["tea"], boost: 1, never: true }] }, /either a boost/],
  [{ version: 1, rules: [{ boost: 1 }] }, /some items, categories or tags/],
  [{ version: 1, rules: [{ items: ["tea"], boost: 1, when: {} }] }, /rules\[0\]\.when has .*some items/],
  [{ version: 1, rules: [{ items: ["tea"], boost: 1, when: { items: ["a"], within: "day" } }] }, /within has "day", expected "session" or "group"/],
  [{ version: 1, rules: Array(1001).fill({ items: ["tea"], boost: 1 }) }, /at most 1000/],
]) {
  test(`what is wrong is said: ${JSON.stringify(source)?.slice(0, 60)}`, () => {
    assert.throws(() => new Knowledge(source), (error) => error.code === "knowledge" && expected.test(error.message));
  });
}

/** Predicts for each native session, with and without limits, explains the best items, and takes the knowledge away again. */
async function visit([entry, backend, count, { sessions, minPrice, maxPrice }]) {
  const { Predictor } = await import(`/foreclick/${entry}.js`);
  const { Knowledge } = await import("/foreclick/knowledge.js");
  const knowledge = await Knowledge.load("/model/knowledge.json");
  const predictor = await Predictor.load("/model/model.safetensors", { knowledge, backend });
  await predictor.settled;
  const found = { answers: [], limited: [], explained: [], backends: new Set() };
  for (const { events } of sessions.slice(0, count)) {
    predictor.reset();
    events.forEach((event) => predictor.observe(event));
    const { items, backend } = await predictor.predict();
    found.backends.add(backend);
    found.answers.push(items);
    found.limited.push((await predictor.predict({ minPrice, maxPrice })).items);
    found.explained.push(await predictor.explain(items[0].item, { events: 1 }));
  }
  found.backends = [...found.backends];
  found.summary = (await predictor.diagnostics()).knowledge;
  found.out = await predictor.explain("0000014");
  found.tooDear = await predictor.explain("0000012", { maxPrice: 10 });
  found.many = (await predictor.predictMany(sessions.slice(0, count).map(({ events }) => events))).map(({ items }) => items);
  found.listed = (await predictor.rank(["0000014", "0000015", "0000016", "0000013"])).items.map(({ item }) => item).toSorted();
  const errors = [];
  const refuse = async (work) => errors.push(await Promise.resolve().then(work).then(() => "none", ({ code, message }) => `${code}: ${message}`));
  await refuse(() => predictor.setKnowledge({ version: 1 }));
  await refuse(() => predictor.predict({ maxPrice: "10" }));
  found.none = await predictor.setKnowledge(null);
  await refuse(() => predictor.predict({ maxPrice: 10 }));
  found.after = (await predictor.rank(["0000014"])).items.length;
  found.rules = (await predictor.explain("0000014")).rules;
  predictor.free();
  return { ...found, errors };
}

for (const [entry, backend, count] of [["index", "cpu", 48], ["worker", "cpu", 12], ["index", "gpu", 12]]) {
  test(`predictions and explanations by it (${entry}, ${backend})`, async () => {
    const site = await start({ gpu: backend === "gpu" ? "software" : "none" });
    try {
      await onPage(site, async (page) => {
        const found = await page.evaluate(visit, [entry, backend, count, native]);
        assert.deepEqual(found.backends, [backend]);
        found.answers.forEach((items, place) => assertSameRanking(items, native.sessions[place].items, `session ${place}`));
        found.limited.forEach((items, place) => assertSameRanking(items, native.limited[place].items, `session ${place}, limited`));
        found.many.forEach((items, place) => assertSameRanking(items, native.sessions[place].items, `session ${place} of many`));
        for (const { terms, score, rules } of found.explained) {
          const sum = Object.values(terms).reduce((sum, term) => sum + term);
          assert.ok(Math.abs(sum - score) < 1e-3, JSON.stringify({ terms, score }));
          const effects = rules.reduce((sum, { effect }) => sum + effect, 0);
          assert.ok(Math.abs(effects - terms.knowledge) < 1e-5, JSON.stringify({ terms, rules }));
        }
        const names = new Set(found.explained.flatMap(({ rules }) => rules.map(({ rule }) => rule)));
        assert.ok(names.has("new things") || names.has("hall 1 goes on"), [...names].join());
        const { firstUnknownItem, firstIdleRule, ...counts } = found.summary;
        assert.deepEqual(counts, native.summary);
        assert.deepEqual([found.out.probability, found.out.rules], [0, [{ rule: "out of stock", effect: -Infinity }]]);
        assert.deepEqual(found.tooDear.rules.at(-1), { rule: "price above maxPrice", effect: -Infinity });
        assert.deepEqual(found.listed, ["0000015", "0000016"], "out of stock, and on a shelf that is never shown");
        assert.deepEqual([found.none, found.after, found.rules], [null, 1, []]);
        assert.match(found.errors[0], /^argument: knowledge must be a Knowledge/);
        assert.match(found.errors[1], /^argument: minPrice and maxPrice must be numbers/);
        assert.match(found.errors[2], /^argument: .*maxPrice/);
      });
    } finally {
      await site.stop();
    }
  });
}
