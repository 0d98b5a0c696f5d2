// run.js FORECLICK PYTHON: the grocery of examples/shop. Its three questions in one model beside a model for each; then every way to
// go on from a model of the next product to the coupons, and gradient boosting on counts. Test part, exported int8 files, one
// seed. Prints both tables and writes build/shop.json.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { journal, readRun, ROOT, train as trainRun } from "../runs.js";

const example = `${ROOT}examples/shop`;
const folder = `${ROOT}build/bench/shop`;
const EVENTS = `${ROOT}build/shop/events.parquet`;
const PRODUCTS = `${ROOT}build/sample/products.parquet`;
const WAYS = [
  ["from scratch", null],
  ["everything learns", { method: "full" }],
  ["everything, thawed block by block", { method: "full", unfreeze_epochs: 1 }],
  ["heads", { method: "heads" }],
  ["adapters of 8 units", { method: "adapters", rank: 8 }],
  ["LoRA, rank 4", { method: "lora", rank: 4 }],
  ["AdaLoRA, rank 4", { method: "adalora", rank: 4 }],
];
const [foreclick, python] = process.argv.slice(2);

mkdirSync(folder, { recursive: true });
mkdirSync(`${ROOT}build/shop`, { recursive: true });
execFileSync(python, [`${example}/prepare.py`, `${ROOT}build/sample/transactions.parquet`, EVENTS], { stdio: ["ignore", 2, 2] });
const shop = sections("shop.toml");
const without = (...names) => shop.filter((section) => !names.some((name) => section.startsWith("[[task]]") && section.includes(`"${name}"`)));
const product = train("product", without("coupon", "spend"));
const all = train("all", shop);
const coupon = train("coupon", sections("coupon.toml"));
const spend = train("spend", onlyTasks(without("coupon")));

const QUESTIONS = [
  ["next product, NDCG@10", "ndcg", product, 1],
  ["coupon, AUROC", "auroc", coupon, 1],
  ["coupon, AUPR", "aupr", coupon, 1],
  ["spend, RMSE of its logarithm", "rmse", spend, -1],
];
console.log(`\n${"".padEnd(34)}${["alone", "in one file", "of it"].map((word) => word.padStart(14)).join("")}`);
for (const [name, figure, alone, sign] of QUESTIONS) {
  const kept = (all[figure] / alone[figure]) ** sign;
  console.log(`${name.padEnd(34)}${[alone[figure].toFixed(4), all[figure].toFixed(4), `${(100 * kept).toFixed(1)}%`].map((cell) => cell.padStart(14)).join("")}`);
}

const ways = WAYS.map(([name, how]) => [name, how ? train(`coupon-${how.method}-${how.unfreeze_epochs ?? how.rank ?? ""}`, goingOn(how)) : coupon]);
const full = ways[1][1];
console.log(`\nwhether the next trip redeems a coupon, ${coupon.labels} test trips; from the model of the next product`);
console.log(`${"".padEnd(34)}${["learn", "seconds", "AUROC", "of full", "AUPR", "of full"].map((word) => word.padStart(9)).join("")}`);
for (const [name, { share, seconds, auroc, aupr }] of ways) {
  const percent = (value) => `${(100 * value).toFixed(1)}%`;
  const cells = [percent(share), seconds.toFixed(0), auroc.toFixed(4), percent(auroc / full.auroc), aupr.toFixed(4), percent(aupr / full.aupr)];
  console.log(`${name.padEnd(34)}${cells.map((cell) => cell.padStart(9)).join("")}`);
}
const boosting = execFileSync(python, [`${example}/boosting.py`, EVENTS, PRODUCTS], { encoding: "utf8" });
console.log(`\n${boosting}`);
const questions = Object.fromEntries(QUESTIONS.map(([name, figure, alone]) => [name, { alone: alone[figure], in_one_file: all[figure] }]));
writeFileSync(`${ROOT}build/shop.json`, `${JSON.stringify({ questions, ways: Object.fromEntries(ways), boosting }, null, 1)}\n`);

/** A configuration of the example's, its paths made absolute, in pieces that begin with a section's name. */
function sections(name) {
  const text = readFileSync(`${example}/${name}`, "utf8").replaceAll("../../", ROOT);
  return text.split(/\n(?=\[)/);
}

function onlyTasks(all) {
  return all.map((section) => (section.startsWith("[item]") ? section.replace("[item]", "[item]\npredict = false") : section));
}

function goingOn(how) {
  const keys = Object.entries({ from: `${ROOT}runs/bench-shop-product`, ...how }).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  return [...sections("coupon.toml"), `[fine_tune]\n${keys.join("\n")}\n`];
}

function train(what, pieces) {
  const name = `bench-shop-${what}`;
  const start = performance.now();
  trainRun(foreclick, folder, name, pieces.join("\n"));
  const seconds = (performance.now() - start) / 1000;
  const { learned, all } = journal(name).find(({ fine_tune }) => fine_tune)?.fine_tune ?? { learned: 1, all: 1 };
  const figures = { seconds, share: learned / all };
  if (pieces.every((piece) => !piece.includes("predict = false"))) figures.ndcg = readRun(name, "result.json").metrics.exported["ndcg@10"];
  if (pieces.some((piece) => piece.startsWith("[[task]]"))) {
    for (const { labels, rows } of readRun(name, "tasks.json").tasks) {
      const exported = Object.fromEntries(rows).exported;
      Object.assign(figures, { labels }, exported.RMSE ? { rmse: exported.RMSE } : { auroc: exported.AUROC, aupr: exported.AUPR });
    }
  }
  return figures;
}
