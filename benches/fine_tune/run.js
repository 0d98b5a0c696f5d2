// run.js FORECLICK: every way to go on from a model, on the same task. A model learns from most of Amazon Beauty's users; a
// second shop has a tenth of them, whom the first never saw, and its own log alone. Prints how many numbers learn, for how
// long, and how the exported file ranks; writes build/fine_tune.json.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const log = `${root}../shared/data/amazon-beauty/Beauty.txt`;
const folder = `${root}build/bench/fine_tune`;
/** Every so manieth user is the second shop's. */
const SECOND = 10;
const SEEDS = [1, 2, 3];
const WAYS = [
  ["from scratch", null],
  ["full", { method: "full" }],
  ["full, thawed block by block", { method: "full", unfreeze_epochs: 1 }],
  ["heads", { method: "heads" }],
  ["adapters, 8 units", { method: "adapters", rank: 8 }],
  ["lora, rank 4", { method: "lora", rank: 4 }],
  ["adalora, rank 4", { method: "adalora", rank: 4 }],
];
const [foreclick] = process.argv.slice(2);

if (!existsSync(log)) {
  console.log("skipped: no ../shared/data/amazon-beauty");
  process.exit(0);
}
mkdirSync(folder, { recursive: true });
const users = readFileSync(log, "utf8").trim().split("\n");
const isSecond = (_, place) => place % SECOND === 0;
writeFileSync(`${folder}/first.txt`, `${users.filter((user, place) => !isSecond(user, place)).join("\n")}\n`);
writeFileSync(`${folder}/second.txt`, `${users.filter(isSecond).join("\n")}\n`);
const base = train("first", 1, null);
const rows = [["the first shop's model as it is", { ...measure("first", "second"), share: 0, seconds: base.seconds }]];
for (const [name, how] of WAYS) rows.push([name, mean(SEEDS.map((seed) => train("second", seed, how)))]);
const full = rows.find(([name]) => name === "full")[1].ndcg;

console.log(`\nAmazon Beauty: ${users.length - Math.ceil(users.length / SECOND)} users first, then ${Math.ceil(users.length / SECOND)} others; the last item of each of these`);
console.log(`among all that the user has not reviewed; exported int8; mean of the seeds ${SEEDS.join(", ")}`);
console.log(`${"".padEnd(34)}${["learn", "seconds", "ndcg@10", "hr@10", "of full"].map((word) => word.padStart(10)).join("")}`);
for (const [name, { share, seconds, ndcg, hr }] of rows) {
  const cells = [`${(100 * share).toFixed(1)}%`, seconds.toFixed(0), ndcg.toFixed(4), hr.toFixed(4), `${((100 * ndcg) / full).toFixed(1)}%`];
  console.log(`${name.padEnd(34)}${cells.map((cell) => cell.padStart(10)).join("")}`);
}
writeFileSync(`${root}build/fine_tune.json`, `${JSON.stringify(Object.fromEntries(rows), null, 1)}\n`);

/** Trains on one shop's log; from the first shop's model where it is told how. */
function train(shop, seed, how) {
  const run = how ? `${how.method}-${how.unfreeze_epochs ?? how.rank ?? ""}` : "scratch";
  const name = shop === "first" ? "bench-fine-tune-first" : `bench-fine-tune-${run}-${seed}`;
  const section = how
    ? `[fine_tune]\nfrom = "${root}runs/bench-fine-tune-first"\n${Object.entries(how).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`).join("")}`
    : "";
  const config = `${folder}/${name}.toml`;
  // Items that the second shop has rarely are the first one's too.
  writeFileSync(
    config,
    `[log]\npath = "${shop}.txt"\nformat = "text"\nfirst_is_key = true\n[sequence]\nkey = "key"\n[item]\ncolumn = "item"\nmin_count = 1\n` +
      `[split]\nkind = "leave_one_out"\n[evaluate]\nfilter_seen = "all"\n${section}`,
  );
  const start = performance.now();
  // 1 is a gate that was missed, which is no matter here.
  const { status } = spawnSync(foreclick, ["train", config, "--name", name, "--seed", seed, "--replace"], { cwd: root, stdio: ["ignore", 2, 2] });
  if (status > 1) throw new Error(`${name} ended with ${status}`);
  const seconds = (performance.now() - start) / 1000;
  const journal = readFileSync(`${root}runs/${name}/metrics.jsonl`, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  const { learned, all } = journal.find(({ fine_tune }) => fine_tune)?.fine_tune ?? { learned: 1, all: 1 };
  return { ...figures(JSON.parse(readFileSync(`${root}runs/${name}/result.json`, "utf8"))), share: learned / all, seconds };
}

/** How a shop's model ranks another shop's test part. */
function measure(shop, other) {
  const out = execFileSync(foreclick, ["evaluate", `runs/bench-fine-tune-${shop}`, "--log", `${folder}/${other}.txt`, "--json"], { cwd: root, stdio: ["ignore", "pipe", 2] });
  return figures(JSON.parse(out));
}

function figures({ metrics }) {
  const { "ndcg@10": ndcg, "hr@10": hr } = metrics.exported ?? metrics.f32;
  return { ndcg, hr };
}

function mean(runs) {
  return Object.fromEntries(Object.keys(runs[0]).map((key) => [key, runs.reduce((sum, run) => sum + run[key], 0) / runs.length]));
}
