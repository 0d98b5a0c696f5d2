// run.js FORECLICK: what pretraining is worth where few labels are known. A model learns the next product of the grocery of
// examples/shop from its log alone; then `train --label-shares` learns the coupon's task from shares of the households' labels, from
// scratch and from that model, with SEEDS seeds (1). Prints the mean of the seeds; each has its curve in runs/.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { ROOT, trainOnce } from "../runs.js";

const folder = `${ROOT}build/bench/labels`;
const SEEDS = Number(process.env.SEEDS ?? 1);
const SHARES = "0.01,0.1,1";
const BASE = "bench-labels-base";
const [foreclick] = process.argv.slice(2);

mkdirSync(folder, { recursive: true });
const coupon = readFileSync(`${ROOT}examples/shop/coupon.toml`, "utf8").replaceAll("../../build/", "../../");
const withoutTask = coupon.replace(/\[\[task\]\][^[]*/, "").replace("predict = false\n", "");
trainOnce(foreclick, folder, BASE, withoutTask, { seed: 1, result: "result.json" });
writeFileSync(`${folder}/coupon.toml`, coupon);
const curves = Array.from({ length: SEEDS }, (_, place) => learn(place + 1));

console.log("\nComplete Journey: whether a household's next trip redeems a coupon, by the households whose labels are known;");
console.log(`test trips from 2017-12-01 on, exported int8, mean of ${SEEDS} seed${SEEDS > 1 ? "s" : ""}`);
curves[0].forEach(({ label_share, way }, place) => {
  const mean = (name) => curves.reduce((sum, points) => sum + figures(points[place], "exported")[name], 0) / SEEDS;
  console.log(`${`${100 * label_share}%`.padEnd(8)}${way.padEnd(32)} AUROC ${mean("AUROC").toFixed(4)}  AUPR ${mean("AUPR").toFixed(4)}`);
});
const base = figures(curves[0][0], "base rate");
console.log(`${"".padEnd(8)}${"base rate".padEnd(32)} AUROC ${base.AUROC.toFixed(4)}  AUPR ${base.AUPR.toFixed(4)}`);

function learn(seed) {
  const name = `bench-seed-${seed}`;
  const options = ["--label-shares", SHARES, "--from", `runs/${BASE}`, "--name", name, "--seed", seed, "--replace"];
  // 1 is a gate that was missed, which is no matter here.
  const { status } = spawnSync(foreclick, ["train", `${folder}/coupon.toml`, ...options], { cwd: ROOT, stdio: ["ignore", 2, 2] });
  if (status > 1 || status === null) throw new Error(`the curve of seed ${seed} ended with ${status}`);
  console.error(`the curve of seed ${seed} is in runs/${name}-labels.html`);
  return JSON.parse(readFileSync(`${ROOT}runs/${name}-labels.json`, "utf8")).points;
}

function figures({ results }, row) {
  const rows = Object.fromEntries(results.tasks[0].rows);
  return rows[row] ?? rows.f32;
}
