// run.js FORECLICK [SET]: how much of an ensemble's gain one file keeps that learned from it. Trains three seeds of a set (beauty by
// default, or sample), measures their ensemble, and trains a student of the same size for each way of following them; the
// validation part picks the student whose test figures are read. Prints NDCG@10 and HR@10 of the exported files, writes
// build/ensemble.json, where a set that was not asked for stays as it is.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { journal, readRun, ROOT, trainOnce } from "../runs.js";

const folder = `${ROOT}build/bench/ensemble`;
const SETS = { beauty: "examples/beauty.toml", sample: "www/demo.toml" };
const SEEDS = [1, 2, 3];
const WAYS = [
  { temperature: 1, weight: 0.5 },
  { temperature: 1, weight: 0.9 },
  { temperature: 2, weight: 0.9 },
];
const [foreclick, set = "beauty"] = process.argv.slice(2);
if (!SETS[set]) throw new Error(`there is no set ${set}, expected ${Object.keys(SETS).join(" or ")}`);

mkdirSync(folder, { recursive: true });
const name = `bench-ensemble-${set}`;
const base = readFileSync(`${ROOT}${SETS[set]}`, "utf8").replaceAll('"../', '"../../../');
const teachers = SEEDS.map((seed) => `${name}-seed-${seed}`);
teachers.forEach((run, place) => train(run, base, SEEDS[place]));
const students = WAYS.map(({ temperature, weight }) => {
  const run = `${name}-student-${temperature}-${weight}`;
  const named = JSON.stringify(teachers.map((teacher) => `${ROOT}runs/${teacher}`));
  train(run, `${base}\n[distill]\nteachers = ${named}\ntemperature = ${temperature}\nweight = ${weight}\n`, 1);
  return { run, temperature, weight, validation: validated(run) };
});
const student = students.reduce((best, other) => (other.validation > best.validation ? other : best));

const singles = teachers.map((run) => figures(readRun(run, "result.json")));
const mean = Object.fromEntries(["ndcg", "hr"].map((key) => [key, singles.reduce((sum, single) => sum + single[key], 0) / singles.length]));
const together = figures(JSON.parse(execFileSync(foreclick, ["evaluate", ...teachers.map((run) => `runs/${run}`), "--json"], { cwd: ROOT, stdio: ["ignore", "pipe", 2] })));
const taught = figures(readRun(student.run, "result.json"));
const kept = (taught.ndcg - mean.ndcg) / (together.ndcg - mean.ndcg);

console.log(`\n${set}: exported int8 files on the test part`);
const line = (what, { ndcg, hr }) => console.log(`${what.padEnd(52)}${ndcg.toFixed(5).padStart(10)}${hr.toFixed(5).padStart(10)}`);
console.log(`${"".padEnd(52)}${"ndcg@10".padStart(10)}${"hr@10".padStart(10)}`);
singles.forEach((single, place) => line(`one model, seed ${SEEDS[place]}`, single));
line("their mean", mean);
line("their ensemble, three files", together);
line(`one file taught by it (temperature ${student.temperature}, weight ${student.weight})`, taught);
for (const { temperature, weight, validation } of students) console.log(`  validation ndcg@10 ${validation.toFixed(5)} with temperature ${temperature}, weight ${weight}`);
console.log(`of the ensemble's gain the student keeps ${(100 * kept).toFixed(0)}%: ${kept >= 0.5 ? "reached" : "MISSED"} (half)`);
const file = `${ROOT}build/ensemble.json`;
const report = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
writeFileSync(file, `${JSON.stringify({ ...report, [set]: { singles, mean, ensemble: together, students, student: taught, kept } }, null, 1)}\n`);

function figures({ metrics }) {
  const { "ndcg@10": ndcg, "hr@10": hr } = metrics.exported ?? metrics.f32;
  return { ndcg, hr };
}

/** The best validation NDCG@10 of a run. */
function validated(run) {
  const lines = journal(run);
  const calibrated = lines.filter(({ calibration }) => calibration?.kept).map(({ calibration }) => calibration["ndcg@10"]);
  return Math.max(...calibrated, ...lines.flatMap(({ validation }) => validation?.best ?? []));
}

function train(run, config, seed) {
  trainOnce(foreclick, folder, run, config, { seed, result: "result.json" });
}
