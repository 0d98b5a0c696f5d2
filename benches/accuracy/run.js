// run.js FORECLICK [SET...]: trains each set with SEEDS seeds (3), measures the exported int8 file on the test part, and
// prints it under what counting gives in the same run and what others published. Writes build/accuracy.json, where sets that
// were not asked for stay as they are.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { SETS } from "./sets.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const DATA = `${root}../shared/data`;
const SEEDS = Number(process.env.SEEDS ?? 3);
const [foreclick, ...asked] = process.argv.slice(2);
const names = asked.length > 0 ? asked : Object.keys(SETS);

const file = `${root}build/accuracy.json`;
const report = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
for (const name of names) {
  const set = SETS[name];
  if (set.needs && !existsSync(`${DATA}/${set.needs}`)) {
    console.log(`skipped: no ../shared/data/${set.needs}`);
    continue;
  }
  if (name === "diginetica") writeDiginetica();
  const runs = Array.from({ length: SEEDS }, (_, place) => train(name, set, place + 1));
  report[name] = summarise(set, runs);
  print(set, report[name]);
}
writeFileSync(file, `${JSON.stringify(report, null, 1)}\n`);

function writeDiginetica() {
  mkdirSync(`${root}build/bench`, { recursive: true });
  execFileSync("node", [`${root}benches/accuracy/diginetica.js`, `${DATA}/diginetica-sessions`, `${root}build/bench/diginetica.csv`], { stdio: "inherit" });
}

/** A whole run with the set's configuration and this seed; resolves to what it measured, and how long it took. */
function train(name, { config }, seed) {
  const run = `accuracy-${name}-${seed}`;
  const start = performance.now();
  execFileSync(foreclick, ["train", config, "--name", run, "--seed", seed, "--replace"], { cwd: root, stdio: ["ignore", 2, 2] });
  const result = JSON.parse(readFileSync(`${root}runs/${run}/result.json`, "utf8"));
  return { seed, minutes: (performance.now() - start) / 60_000, result };
}

function summarise({ metrics, wanted }, runs) {
  const values = (result, metric) => result.metrics.exported[metric];
  const rows = metrics.map((metric) => runs.map(({ result }) => values(result, metric)));
  const mean = rows.map((row) => row.reduce((a, b) => a + b) / row.length);
  const baselines = Object.entries(runs[0].result.baselines).map(([name, found]) => [name, ...metrics.map((metric) => found[metric])]);
  return {
    metrics,
    protocol: runs[0].result.protocol,
    seeds: runs.map(({ seed, minutes, result }) => ({
      seed,
      minutes,
      values: metrics.map((metric) => values(result, metric)),
      minus_mix: result.bootstrap.mix,
    })),
    mean,
    spread: rows.map((row, place) => Math.sqrt(row.reduce((sum, value) => sum + (value - mean[place]) ** 2, 0) / Math.max(1, row.length - 1))),
    wanted,
    reached: mean.every((value, place) => value >= wanted[place]),
    baselines,
  };
}

function print({ title, published }, { metrics, seeds, mean, spread, wanted, reached, baselines, protocol }) {
  const line = (name, values, note = "") => console.log(`${name.padEnd(52)}${values.map((value) => (value?.toFixed(4) ?? "").padStart(10)).join("")}  ${note}`.trimEnd());
  console.log(`\n== ${title}`);
  console.log(`${protocol.events} targets; ${protocol.ties}`);
  console.log(`${"".padEnd(52)}${metrics.map((metric) => metric.padStart(10)).join("")}`);
  for (const [name, ...values] of published) line(name, values, "published");
  for (const [name, ...values] of baselines) line(name.replaceAll("_", " "), values, "counting, this run");
  for (const { seed, minutes, values, minus_mix } of seeds) {
    const { difference, low, high } = minus_mix;
    const interval = [difference, low, high].map((value) => `${value < 0 ? "" : "+"}${value.toFixed(4)}`);
    line(`foreclick int8, seed ${seed}`, values, `${minutes.toFixed(1)} min; ndcg@10 minus the mix ${interval[0]} [${interval[1]}, ${interval[2]}]`);
  }
  line("mean of the seeds", mean, `± ${spread.map((value) => value.toFixed(4)).join(", ")}`);
  line("wanted", wanted, reached ? "reached" : "MISSED");
}
