// A fine-tuned model as a small delta over the file that a page has: the same answers as natively, and errors for wrong pairs.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";
import { assertSameAnswers, assertSameRanking, MODEL, nativeSessions, onPage, start } from "./harness.js";

let site;
before(async () => {
  site = await start();
});
after(() => site?.stop());

const at = (name) => fileURLToPath(new URL(`../../build/test/${name}`, import.meta.url));
const DELTA = readFileSync(at("delta.safetensors"));
const SESSIONS = JSON.parse(readFileSync(at("delta.json"), "utf8"));
const BASE = readFileSync(MODEL);
const integrity = (bytes) => `sha256-${createHash("sha256").update(bytes).digest("base64")}`;

async function answers({ entry, backend, base, delta, deltaIntegrity, sessions }) {
  const bytes = (base64) => base64 && Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const { Predictor } = await import(`/foreclick/${entry}.js`);
  try {
    const options = { backend, delta: bytes(delta), ...(deltaIntegrity && { deltaIntegrity }) };
    const predictor = await Predictor.load(bytes(base), options);
    await predictor.settled;
    const predictions = [];
    for (const { events } of sessions) {
      predictor.reset();
      for (const event of events) predictor.observe(event);
      predictions.push(await predictor.predict());
    }
    const { model, ...report } = await predictor.diagnostics();
    predictor.free();
    return { predictions, model, backend: report.backend };
  } catch ({ code, message }) {
    return `${code}: ${message}`;
  }
}

const base = BASE.toString("base64");
const delta = DELTA.toString("base64");

for (const [entry, backend] of [["index", "cpu"], ["index", "gpu"], ["worker", "cpu"]]) {
  test(`a delta over its base predicts what it does natively (${entry}, ${backend})`, async () => {
    await onPage(site, async (page) => {
      const deltaIntegrity = integrity(DELTA);
      const got = await page.evaluate(answers, { entry, backend, base, delta, deltaIntegrity, sessions: SESSIONS });
      assert.equal(got.backend, backend, JSON.stringify(got));
      SESSIONS.forEach(({ items, tasks }, place) => {
        assertSameRanking(got.predictions[place].items, items, `session ${place}`);
        assertSameAnswers(got.predictions[place].tasks, tasks, `session ${place}`);
      });
      const alone = await page.evaluate(answers, { entry, backend, base, sessions: SESSIONS.slice(0, 1) });
      assert.notEqual(alone.model, got.model, "state of the one must not serve the other");
      assert.notDeepEqual(alone.predictions[0].items, got.predictions[0].items);
    });
  });
}

test("a wrong pair is an error, and the page goes on", async () => {
  await onPage(site, async (page) => {
    const ask = (options) => page.evaluate(answers, { entry: "index", backend: "cpu", sessions: [], ...options });
    assert.match(await ask({ base: delta }), /^format: .*is a delta of the model [0-9a-f]{16} and was loaded over none/);
    assert.match(await ask({ base, delta: base }), /^format: .*is a delta of the model none/);
    const other = readFileSync(at("gru.safetensors")).toString("base64");
    assert.match(await ask({ base: other, delta }), /^format: .*and was loaded over [0-9a-f]{16}; load the file/);
    assert.match(await ask({ base, delta: DELTA.subarray(0, 500).toString("base64") }), /^format: .*cut/);
    assert.match(await ask({ base, delta, deltaIntegrity: integrity(BASE) }), /^integrity: /);
    assert.equal((await ask({ base, delta })).backend, "cpu");
  });
});
