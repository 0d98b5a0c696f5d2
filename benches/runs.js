// Runs of the companion's, as benches train and read them.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Writes the configuration into `folder` and trains with it into runs/NAME. */
export function train(foreclick, folder, name, config, seed = 1) {
  const file = `${folder}/${name}.toml`;
  writeFileSync(file, config);
  // 1 is a gate that was missed, which is no matter here.
  const { status } = spawnSync(foreclick, ["train", file, "--name", name, "--seed", seed, "--replace"], { cwd: ROOT, stdio: ["ignore", 2, 2] });
  if (status > 1 || status === null) throw new Error(`${name} ended with ${status}`);
}

/** The same unless a finished run of this configuration, which has left the file `result`, is there. */
export function trainOnce(foreclick, folder, name, config, { seed, result }) {
  const file = `${folder}/${name}.toml`;
  if (existsSync(`${ROOT}runs/${name}/${result}`) && existsSync(file) && readFileSync(file, "utf8") === config) return;
  train(foreclick, folder, name, config, seed);
}

/** A file of JSON in a run's folder. */
export const readRun = (name, file) => JSON.parse(readFileSync(`${ROOT}runs/${name}/${file}`, "utf8"));

/** A run's journal: an object for each line. */
export const journal = (name) => readFileSync(`${ROOT}runs/${name}/metrics.jsonl`, "utf8").trim().split("\n").map((line) => JSON.parse(line));
