// Explanations in the page and in the worker are those of the native CPU: items, tasks, fields, evidence.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { onPage, start } from "./harness.js";

/** Sessions that the native CPU explained; `cargo test` writes them. */
const SESSIONS = JSON.parse(readFileSync(new URL("../../build/test/explanations.json", import.meta.url), "utf8"));

let site;
before(async () => {
  site = await start();
});
after(() => site?.stop());

/** The same names, keys and places; numbers differ by a thousandth at most, of 1 or of what is expected. */
function assertSame(got, expected, what) {
  if (typeof expected === "number") {
    assert.ok(Math.abs(got - expected) <= 1e-3 * Math.max(1, Math.abs(expected)), `${what}: ${got}, expected ${expected}`);
  } else if (expected && typeof expected === "object") {
    assert.deepEqual(Object.keys(got).sort(), Object.keys(expected).sort(), what);
    for (const name of Object.keys(expected)) assertSame(got[name], expected[name], `${what}, ${name}`);
  } else {
    assert.equal(got, expected, what);
  }
}

test("there is something to explain", () => {
  const [some, none] = [true, false].map((some) => SESSIONS.filter(({ item }) => item.evidence.length > 0 === some));
  assert.ok(some.length > 3 && none.length > 0, `${some.length} and ${none.length}`);
  for (const { item, tasks } of SESSIONS) {
    assert.ok(tasks.length === 3 && item.fields.length > 3);
    for (const { effect } of [...item.events, ...item.fields]) assert.ok(Number.isFinite(effect));
  }
  assert.throws(() => assertSame({ a: [{ effect: 1.01 }] }, { a: [{ effect: 1 }] }, "another"));
});

for (const entry of ["index", "worker"]) {
  test(`foreclick/${entry} explains as the native CPU does`, () =>
    onPage(site, async (page) => {
      const explained = await page.evaluate(explainAll, { entry, sessions: SESSIONS });
      SESSIONS.forEach(({ item, tasks }, place) => {
        assertSame(explained[place].item, item, `session ${place}`);
        assertSame(explained[place].tasks, tasks, `session ${place}`);
      });
    }));

  test(`foreclick/${entry} refuses tasks that there are not`, () =>
    onPage(site, async (page) => {
      const refused = await page.evaluate(refuse, entry);
      assert.deepEqual(refused.map(([code]) => code), ["argument", "argument", "argument"]);
      assert.match(refused[0][1], /no task of that name/);
      assert.match(refused[2][1], /at most 32/);
    }));
}

async function explainAll({ entry, sessions }) {
  const { Predictor } = await import(`/foreclick/${entry}.js`);
  const predictor = await Predictor.load("/model/model.safetensors", { backend: "cpu" });
  const explained = [];
  for (const { events, item, tasks } of sessions) {
    predictor.reset();
    for (const event of events) predictor.observe(event);
    explained.push({
      item: await predictor.explain(item.item),
      tasks: await Promise.all(tasks.map(({ task }) => predictor.explainTask(task))),
    });
  }
  await predictor.free();
  return explained;
}

async function refuse(entry) {
  const { Predictor } = await import(`/foreclick/${entry}.js`);
  const predictor = await Predictor.load("/model/model.safetensors", { backend: "cpu" });
  const told = (call) => call().then(() => "passed", ({ code, message }) => [code, message]);
  const refused = [
    await told(() => predictor.explainTask("no such task")),
    await told(() => predictor.explainTask(3)),
    await told(() => predictor.explainTask("buys", { events: 33 })),
  ];
  await predictor.free();
  return refused;
}
