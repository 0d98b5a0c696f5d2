// run.js MODEL VISITORS.jsonl: what a model of the visitor's own gains on visitors that nothing was learned from, by the
// WebAssembly build in Node, full ranking. Prints a table; writes build/bench/personal.json.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { init, Predictor } from "../../pkg/index.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
// After so many events of one's own, so many more are predicted.
const WINDOWS = [[5, 10], [20, 15], [50, 50]];
const LAST = 100;
const UNKNOWN = 0xffffffff;
const DRAWS = 2000;
const [file, visitors] = process.argv.slice(2);

await init({ wasm: readFileSync(`${root}pkg/wasm/foreclick_bg.wasm`) });
const model = new Uint8Array(readFileSync(file));
const [base, personal] = await Promise.all([0, 1].map(() => Predictor.load(model, { backend: "cpu" })));
const sessions = readFileSync(visitors, "utf8").trim().split("\n").map(JSON.parse);
const updates = [];
let largest = 0;
let state = 1; // of the random numbers

const totals = [];
for (const session of sessions) totals.push(await measure(session));
report();

// One visitor, who begins with nothing: sums of NDCG@10 by window.
async function measure(session) {
  base.reset();
  personal.reset();
  const sums = WINDOWS.map(() => ({ events: 0, base: 0, own: 0 }));
  let number = 0;
  for (const event of session) {
    if (number === LAST) break;
    const window = WINDOWS.findIndex(([from, count]) => number >= from && number < from + count);
    const [ranked, own] = window < 0 ? [] : [await gain(base, event), await gain(personal, event)];
    const start = performance.now();
    const item = personal.learn(event);
    if (item === UNKNOWN) continue;
    updates.push(performance.now() - start);
    personal.observe(event);
    base.observe(event);
    number++;
    if (window < 0) continue;
    sums[window].events++;
    sums[window].base += ranked;
    sums[window].own += own;
  }
  largest = Math.max(largest, personal.learned().length);
  return sums;
}

async function gain(predictor, { item, group }) {
  const { items } = await predictor.predict({ k: 10, group });
  const place = items.findIndex((one) => one.item === item);
  return place < 0 ? 0 : 1 / Math.log2(place + 2);
}

function report() {
  const rows = WINDOWS.map(([from, count], window) => {
    const parts = totals.map((sums) => sums[window]).filter(({ events }) => events > 0);
    const drawn = Array.from({ length: DRAWS }, () => change(parts.map(() => parts[random(parts.length)]))).sort((a, b) => a - b);
    const events = sum(parts, "events");
    return {
      events: `${from} to ${from + count - 1}`,
      visitors: parts.length,
      predicted: events,
      base: sum(parts, "base") / events,
      own: sum(parts, "own") / events,
      change: change(parts),
      interval: [drawn[Math.floor(0.025 * DRAWS)], drawn[Math.floor(0.975 * DRAWS)]],
    };
  });
  updates.sort((a, b) => a - b);
  const at = (share) => updates[Math.floor(share * updates.length)];
  const update = { median: at(0.5), ninetyNinth: at(0.99), largest: updates.at(-1) };
  console.log(`NDCG@10, full ranking of ${base.diagnostics().items} items without those of the open basket; each visitor begins with nothing, and both see every`);
  console.log(`earlier event. Intervals hold 95% of ${DRAWS} draws of visitors.\n`);
  console.log("| own events | visitors | predicted | base | personal | change | 95% of draws |\n| --- | --- | --- | --- | --- | --- | --- |");
  for (const { events, visitors, predicted, base, own, change, interval } of rows) {
    console.log(`| ${events} | ${visitors} | ${predicted} | ${base.toFixed(4)} | ${own.toFixed(4)} | ${percent(change)} | ${interval.map(percent).join(" to ")} |`);
  }
  console.log(`\nAn update takes ${update.median.toFixed(3)} ms (median), ${update.ninetyNinth.toFixed(3)} ms (99 in 100); what was learned is at most ${largest} bytes.`);
  mkdirSync(`${root}build/bench`, { recursive: true });
  writeFileSync(`${root}build/bench/personal.json`, `${JSON.stringify({ rows, update, largest }, null, 2)}\n`);
}

function sum(parts, name) {
  return parts.reduce((total, part) => total + part[name], 0);
}

function change(parts) {
  return sum(parts, "own") / sum(parts, "base") - 1;
}

function percent(value) {
  return `${value < 0 ? "" : "+"}${(100 * value).toFixed(2)}%`;
}

// The same with each run (a linear congruential generator, Numerical Recipes).
function random(limit) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
}
