// run.js FORECLICK: what pretraining is worth, by SEEDS seeds (1) on a SHARE of the sequences (1) with THREADS threads (one a core).
// Amazon Beauty's next item, and the coupons of examples/shop from 1%, 10% and 100% of the households' labels: from scratch, after
// epochs that learn from the log alone ([train.pretrain]), from a model of the next item, and from scratch for as many epochs as
// both together. Prints what the exported files reach on the test part, which each run reads once; writes build/pretrain.json.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { readRun, ROOT, trainOnce } from "../runs.js";

const folder = `${ROOT}build/bench/pretrain`;
const [foreclick] = process.argv.slice(2);
const [SEEDS, SHARE, THREADS] = ["SEEDS", "SHARE", "THREADS"].map((name, place) => Number(process.env[name] ?? [1, 1, 0][place]));
/** The most passes over the log; of few labels a pass is short. */
const ITEM_EPOCHS = 10;
const LABELS = [
  { share: 0.01, epochs: 20 },
  { share: 0.1, epochs: 10 },
  { share: 1, epochs: 2 },
];
const LABEL_PRETRAINING = 2;
const pretraining = (epochs, objectives) => `\n[train.pretrain]\nepochs = ${epochs}\nobjectives = ${JSON.stringify(objectives)}\n`;
const OBJECTIVES = { masked: ["masked"], contrastive: ["contrastive"], both: ["masked", "contrastive"] };

mkdirSync(folder, { recursive: true });
const items = itemRows();
show("Amazon Beauty: the next item, leave one out, all items, those seen left out", items, ["ndcg@10", "hr@10"]);
const labels = LABELS.map(labelRows);
LABELS.forEach(({ share }, place) => {
  const title = `Complete Journey: whether the next trip redeems a coupon, labels of ${100 * share}% of the households, test from 2017-12-01 on`;
  show(title, labels[place], ["AUROC", "AUPR"]);
});
writeFileSync(`${ROOT}build/pretrain.json`, `${JSON.stringify({ seeds: SEEDS, share: SHARE, items, labels }, null, 1)}\n`);

function itemRows() {
  const beauty = readFileSync(`${ROOT}examples/beauty.toml`, "utf8").replaceAll('"../', '"../../../');
  const ways = [["from scratch", ITEM_EPOCHS, ""], ["from scratch, twice the epochs", 2 * ITEM_EPOCHS, ""]];
  for (const [name, objectives] of Object.entries(OBJECTIVES)) ways.push([name, ITEM_EPOCHS, pretraining(ITEM_EPOCHS, objectives)]);
  return ways.map(([way, epochs, more]) => {
    const runs = seeds((seed) => {
      const name = train(`items-${way}`, beauty, { epochs, more, seed, result: "result.json" });
      const { metrics } = readRun(name, "result.json");
      return metrics.exported ?? metrics.f32;
    });
    return { way, runs };
  });
}

function labelRows({ share, epochs }) {
  const coupon = readFileSync(`${ROOT}examples/shop/coupon.toml`, "utf8").replaceAll("../../build/", "../../");
  const withoutTask = coupon.replace(/\[\[task\]\][^[]*/, "").replace("predict = false\n", "");
  const few = coupon.replace('name = "coupon"\n', `name = "coupon"\nlabel_share = ${share}\n`);
  const ways = [["from scratch", () => ""], ["the next item", (seed) => {
    const base = train("base", withoutTask, { epochs: LABEL_PRETRAINING, more: "", seed, result: "result.json" });
    return `\n[fine_tune]\nfrom = "${ROOT}runs/${base}"\n`;
  }]];
  for (const [name, objectives] of Object.entries(OBJECTIVES)) ways.push([name, () => pretraining(LABEL_PRETRAINING, objectives)]);
  return ways.map(([way, more]) => {
    const runs = seeds((seed) => {
      const name = train(`labels-${100 * share}-${way}`, few, { epochs, more: more(seed), seed, result: "tasks.json" });
      const figures = Object.fromEntries(readRun(name, "tasks.json").tasks[0].rows);
      return figures.exported ?? figures.f32;
    });
    return { way, runs };
  });
}

/** Trains with the configuration and gives the run's name. */
function train(what, config, { epochs, more, seed, result }) {
  const name = `bench-pretrain-${what.replaceAll(/[ ,]+/g, "-")}-${seed}`;
  const fewer = SHARE < 1 ? `[split]\nheld_out_sequences = ${1 - SHARE}\n` : "[split]\n";
  const [before, after] = config.replace("[split]\n", fewer).split("[train]\n");
  const rest = (after ?? "").replace(/epochs = \d+\n/, "");
  const section = `\n[train]\nepochs = ${epochs}\nthreads = ${THREADS}\n${rest}`;
  trainOnce(foreclick, folder, name, `${before}${section}${more}`, { seed, result });
  return name;
}

function seeds(of) {
  return Array.from({ length: SEEDS }, (_, place) => of(place + 1));
}

function show(title, rows, measures) {
  console.log(`\n${title}; exported int8, ${SEEDS} seed${SEEDS > 1 ? "s, mean ± standard deviation" : ""}`);
  console.log(`${"".padEnd(32)}${measures.map((name) => name.padStart(20)).join("")}`);
  for (const { way, runs } of rows) {
    const cells = measures.map((name) => {
      const values = runs.map((run) => run[name]);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length - 1));
      return (values.length > 1 ? `${mean.toFixed(4)} ± ${spread.toFixed(4)}` : mean.toFixed(4)).padStart(20);
    });
    console.log(`${way.padEnd(32)}${cells.join("")}`);
  }
}
