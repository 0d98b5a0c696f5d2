// run.js FORECLICK: what pretraining is worth where few labels are known. A model learns the next product of the grocery of
// examples/shop from its log alone; then the coupon's task is learned from a share of the households' labels, from scratch and
// from that model, with SEEDS seeds (1). Prints AUROC and AUPR of the exported file on the test part, which each run reads once;
// writes build/labels.json and build/labels.svg.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { readRun, ROOT, trainOnce } from "../runs.js";
import { draw } from "./draw.js";

const folder = `${ROOT}build/bench/labels`;
const SEEDS = Number(process.env.SEEDS ?? 1);
/** Shares of the households whose labels are learned from, and passes at most: of few labels a pass is short. */
const SHARES = [
  { share: 0.01, epochs: 20 },
  { share: 0.1, epochs: 10 },
  { share: 1, epochs: 2 },
];
const WAYS = ["from scratch", "pretrained"];
const BASE = "bench-labels-base";
const [foreclick] = process.argv.slice(2);

mkdirSync(folder, { recursive: true });
const coupon = readFileSync(`${ROOT}examples/shop/coupon.toml`, "utf8").replaceAll("../../build/", "../../");
const withoutTask = coupon.replace(/\[\[task\]\][^[]*/, "").replace("predict = false\n", "");
train(BASE, withoutTask, 1, 2);
const rows = SHARES.map(({ share, epochs }) => ({ share, ...Object.fromEntries(WAYS.map((way) => [way, learn(way, share, epochs)])) }));

console.log("\nComplete Journey: whether a household's next trip redeems a coupon, from a share of the households' labels;");
console.log(`test trips from 2017-12-01 on, exported int8; mean of ${SEEDS} seed${SEEDS > 1 ? "s" : ""}`);
console.log(`${"labels of".padEnd(14)}${WAYS.map((way) => `${way}: AUROC`.padStart(22) + "AUPR".padStart(8)).join("")}`);
for (const row of rows) {
  const cells = WAYS.map((way) => row[way].auroc.toFixed(4).padStart(22) + row[way].aupr.toFixed(4).padStart(8));
  console.log(`${`${100 * row.share}%`.padEnd(14)}${cells.join("")}`);
}
const { base } = rows[0][WAYS[0]];
console.log(`${"base rate".padEnd(14)}${base.auroc.toFixed(4).padStart(22)}${base.aupr.toFixed(4).padStart(8)}`);
writeFileSync(`${ROOT}build/labels.json`, `${JSON.stringify({ seeds: SEEDS, rows }, null, 1)}\n`);
writeFileSync(`${ROOT}build/labels.svg`, draw(rows, WAYS, SEEDS));

/** The mean of what the seeds reach. */
function learn(way, share, epochs) {
  const section = way === "pretrained" ? `[fine_tune]\nfrom = "${ROOT}runs/${BASE}"\n` : "";
  const config = coupon.replace('name = "coupon"\n', `name = "coupon"\nlabel_share = ${share}\n`) + section;
  const runs = Array.from({ length: SEEDS }, (_, place) => {
    const name = `bench-labels-${way.replace(" ", "-")}-${100 * share}-${place + 1}`;
    train(name, config, place + 1, epochs);
    const [{ rows }] = readRun(name, "tasks.json").tasks;
    const figures = Object.fromEntries(rows);
    const of = (row) => ({ auroc: row.AUROC, aupr: row.AUPR, logLoss: row["log loss"] });
    return { ...of(figures.exported ?? figures.f32), base: of(figures["base rate"]) };
  });
  const mean = (value) => runs.reduce((sum, run) => sum + value(run), 0) / SEEDS;
  return { auroc: mean((run) => run.auroc), aupr: mean((run) => run.aupr), logLoss: mean((run) => run.logLoss), base: runs[0].base, runs };
}

function train(name, config, seed, epochs) {
  const result = config.includes("[[task]]") ? "tasks.json" : "result.json";
  trainOnce(foreclick, folder, name, config.replace(/epochs = \d+/, `epochs = ${epochs}`), { seed, result });
}
