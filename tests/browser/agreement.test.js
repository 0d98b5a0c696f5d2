// The demo's model on 1,000 pieces of real shopping histories: native CPU, native GPU, WebAssembly and WebGPU agree.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { assertSameRanking, onPage, start } from "./harness.js";

const COUNT = 1000;
// Software GPUs take milliseconds for an event: one piece in ten is long enough to fill the model's window.
const EVENTS = [80, ...Array(9).fill(3)];

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const MODEL = at("../../build/demo/model.safetensors");
const COMPANION = join(process.env.CARGO_TARGET_DIR ?? join(homedir(), ".cache/foreclick/target"), "release/foreclick");

let site;
let sessions;
let expected;
before(async () => {
  const { sequences } = JSON.parse(readFileSync(at("../../build/demo/items.json"), "utf8"));
  sessions = pieces(sequences.map(({ events }) => events));
  expected = native("cpu");
  site = await start();
});
after(() => site?.stop());

/** COUNT pieces of the histories, their beginnings evenly spread. */
function pieces(histories) {
  const starts = histories.flatMap((events) =>
    Array.from({ length: Math.max(0, events.length - EVENTS[0]) }, (_, first) => events.slice(first)),
  );
  assert.ok(starts.length >= COUNT, `${starts.length} pieces, expected ${COUNT}: are the demo's histories there?`);
  return Array.from({ length: COUNT }, (_, place) => {
    const events = starts[Math.floor((place * starts.length) / COUNT)];
    return events.slice(0, EVENTS[place % EVENTS.length]);
  });
}

function native(backend) {
  const input = sessions.map((events) => JSON.stringify({ events })).join("\n");
  const options = { input, encoding: "utf8", maxBuffer: 1 << 26, stdio: ["pipe", "pipe", "inherit"] };
  const output = execFileSync(COMPANION, ["predict", MODEL, "--backend", backend], options);
  return output.trim().split("\n").map(JSON.parse);
}

function assertAgreement(predictions, backend) {
  assert.equal(predictions.length, COUNT);
  predictions.forEach((prediction, place) => {
    assert.equal(prediction.backend, backend);
    assertSameRanking(prediction.items, expected[place].items, `piece ${place}`);
  });
}

test("the pieces are real and differ", () => {
  assert.equal(expected[0].items.length, 10);
  const rankings = new Set(expected.map(({ items }) => items.map(({ item }) => item).join()));
  assert.ok(rankings.size > COUNT / 2, `${rankings.size} different rankings`);
});

const SKIP = process.env.FORECLICK_GPU_TESTS === "no" && "FORECLICK_GPU_TESTS=no";
test("the native GPU agrees with the native CPU", { skip: SKIP }, () => assertAgreement(native("gpu"), "gpu"));

for (const backend of ["cpu", "gpu"]) {
  test(`the page agrees with the native CPU (${backend})`, async () => {
    const model = readFileSync(MODEL).toString("base64");
    await onPage(site, async (page) => {
      const predictions = await page.evaluate(predictAll, { model, backend, sessions });
      assertAgreement(predictions, backend);
    });
  });
}

async function predictAll({ model, backend, sessions }) {
  const bytes = Uint8Array.from(atob(model), (character) => character.charCodeAt(0));
  const predictor = await foreclick.Predictor.load(bytes, { backend });
  const predictions = [];
  for (const events of sessions) {
    predictor.reset();
    for (const event of events) predictor.observe(event);
    predictions.push(await predictor.predict());
  }
  return predictions;
}
