// run.js FORECLICK: how fast training is, beside PyTorch on the same cores (PYTHON names a Python that has torch), and
// whether a step's time depends on the catalogue. Writes build/training.json.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const folder = `${root}build/bench/train`;
const log = `${root}../shared/data/amazon-beauty/Beauty.txt`;
const [foreclick] = process.argv.slice(2);
// The first warms up. Batches differ in length, and with it the speed: beside PyTorch more epochs count.
const EPOCHS = 2;
const EPOCHS_BESIDE = 3;
// What else the machine does comes and goes: the two take turns.
const ROUNDS = 3;
// Events of the made-up logs, at least; a large catalogue needs more to hold every item.
const EVENTS = 300_000;
const LENGTH = 10;

mkdirSync(folder, { recursive: true });
const report = { beside: await beside(), catalogues: [] };
for (const items of [10_000, 100_000, 1_000_000]) report.catalogues.push(await catalogue(items));
writeFileSync(`${root}build/training.json`, `${JSON.stringify(report, null, 1)}\n`);

/** Both train the same encoder on the same windows, in turns; all epochs but the first of each turn count. */
async function beside() {
  if (!existsSync(log)) return skip("no ../shared/data/amazon-beauty");
  const python = process.env.PYTHON ?? "python3";
  try {
    execFileSync(python, ["-c", "import torch"], { stdio: "ignore" });
  } catch {
    return skip(`${python} has no torch; name one that has in PYTHON`);
  }
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    const ours = await train("beauty", log, `first_is_key = true`, "", EPOCHS_BESIDE);
    const lines = execFileSync(python, [fileURLToPath(new URL("sasrec.py", import.meta.url)), log, EPOCHS_BESIDE], { encoding: "utf8" });
    const theirs = rate(lines.trim().split("\n").map((line) => JSON.parse(line)).filter(({ epoch }) => epoch > 1));
    rounds.push({ foreclick: ours.examples_per_second, pytorch: theirs });
  }
  const [foreclick, pytorch] = ["foreclick", "pytorch"].map((name) => ROUNDS / rounds.reduce((sum, round) => sum + 1 / round[name], 0));
  console.log(`\n== examples a second, the default encoder on Amazon Beauty, epochs 2 to ${EPOCHS_BESIDE} of ${ROUNDS} turns each`);
  for (const round of rounds) console.log(`foreclick ${round.foreclick.toFixed(0)}, PyTorch ${round.pytorch.toFixed(0)}: ${(round.foreclick / round.pytorch).toFixed(2)}x`);
  console.log(`together ${foreclick.toFixed(0)} and ${pytorch.toFixed(0)}: ${(foreclick / pytorch).toFixed(2)}x (at least 2x)`);
  return { foreclick, pytorch, ratio: foreclick / pytorch, rounds };
}

/** A made-up log with so many items. */
async function catalogue(items) {
  const path = `${folder}/${items}.txt`;
  const lines = Array.from({ length: Math.max(items, EVENTS) / LENGTH }, (_, line) =>
    Array.from({ length: LENGTH }, (_, place) => (line * LENGTH + place < items ? line * LENGTH + place : Math.floor(items * Math.random() ** 2))).join(" "),
  );
  writeFileSync(path, `${lines.join("\n")}\n`);
  const found = await train(`${items}`, path, "", "min_count = 1\n", EPOCHS);
  console.log(`${items} items: ${found.milliseconds_per_step.toFixed(1)} ms a step, ${found.examples_per_second.toFixed(0)} examples/s, peak memory ${(found.peak_bytes / 2 ** 20).toFixed(0)} MiB`);
  return { items, ...found };
}

/** Examples over seconds. */
function rate(parts) {
  const examples = parts.reduce((sum, part) => sum + part.examples, 0);
  return examples / parts.reduce((sum, part) => sum + part.examples / part.examples_per_second, 0);
}

/** Trains with the defaults; what the journal says of the epochs after the first, and the most memory that was resident. */
async function train(name, path, how, item, epochs) {
  const config = `${folder}/${name}.toml`;
  writeFileSync(
    config,
    `[log]\npath = "${path}"\nformat = "text"\n${how}\n[item]\ncolumn = "item"\n${item}[sequence]\nkey = "${how ? "key" : "line"}"\n` +
      `[evaluate]\nfilter_seen = "all"\nmax_validation_events = 200\nmax_test_events = 200\n[train]\nepochs = ${epochs}\npatience = ${epochs}\n`,
  );
  const child = spawn(foreclick, ["train", config, "--name", `bench-train-${name}`, "--replace"], { cwd: root, stdio: ["ignore", "ignore", "pipe"] });
  let told = "";
  let peak_bytes = 0;
  child.stderr.on("data", (text) => (told += text));
  const watch = setInterval(() => (peak_bytes = Math.max(peak_bytes, peak(child.pid))), 100);
  // 1 is a gate that was missed, which is no matter here.
  const code = await new Promise((resolve) => child.on("exit", resolve));
  clearInterval(watch);
  if (code > 1) throw new Error(`training ended with ${code}: ${told.slice(-500)}`);
  const journal = readFileSync(`${root}runs/bench-train-${name}/metrics.jsonl`, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  const steps = journal.filter(({ epoch, examples_per_second }) => epoch > 1 && examples_per_second);
  const examples_per_second = rate(steps.map((line) => ({ ...line, examples: line.examples_per_step })));
  const examples_per_step = steps.reduce((sum, line) => sum + line.examples_per_step, 0) / steps.length;
  return { examples_per_second, milliseconds_per_step: (1000 * examples_per_step) / examples_per_second, peak_bytes };
}

/** The largest resident size of a process so far. */
function peak(pid) {
  try {
    return 1024 * Number(readFileSync(`/proc/${pid}/status`, "utf8").match(/VmHWM:\s+(\d+)/)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

function skip(why) {
  console.log(`skipped: beside PyTorch, because ${why}`);
  return { skipped: why };
}
