// Every kind of encoder in the page: WebAssembly and WebGPU predict what the native CPU predicts.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { assertSameAnswers, assertSameRanking, onPage, start } from "./harness.js";

/** By encoder the sessions that the native CPU predicted; `cargo test` writes them, and a model beside for each. */
const ENCODERS = JSON.parse(readFileSync(new URL("../../build/test/encoders.json", import.meta.url), "utf8"));

let site;
before(async () => {
  site = await start();
});
after(() => site?.stop());

test("there are sessions of every encoder", () => {
  assert.deepEqual(Object.keys(ENCODERS).sort(), ["counting", "gru", "hstu", "lstm", "transformer"]);
});

for (const [encoder, sessions] of Object.entries(ENCODERS)) {
  for (const backend of ["cpu", "gpu"]) {
    test(`${encoder} on the ${backend}`, () =>
      onPage(site, async (page) => {
        const { predictions, diagnostics } = await page.evaluate(predictAll, { encoder, backend, sessions });
        // What only counts leaves a GPU nothing to do.
        const used = encoder === "counting" ? "cpu" : backend;
        if (used !== backend) assert.match(diagnostics.reason, /the model only counts/);
        sessions.forEach(({ items, tasks }, place) => {
          assert.equal(predictions[place].backend, used, diagnostics.reason);
          assertSameRanking(predictions[place].items, items, `session ${place}`);
          assertSameAnswers(predictions[place].tasks, tasks, `session ${place}`);
        });
      }));
  }
}

async function predictAll({ encoder, backend, sessions }) {
  const predictor = await foreclick.Predictor.load(`/model/${encoder}.safetensors`, { backend });
  const predictions = [];
  for (const { events } of sessions) {
    predictor.reset();
    for (const event of events) predictor.observe(event);
    predictions.push(await predictor.predict());
  }
  return { predictions, diagnostics: predictor.diagnostics() };
}
