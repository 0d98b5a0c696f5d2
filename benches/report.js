// report.js FILE...: times the package in Chromium, sets it beside criterion's figures of the engine, prints tables and
// writes build/bench.json. FILE... are the runtime's files, whose packed size is told too; LOAD is how busy the machine
// was when all began.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { measureBrowser } from "./browser.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const DEVICES = ["scalar", "simd", "gpu"];

const runtimeFiles = process.argv.slice(2);
const machine = { cpu: cpus()[0].model, cores: availableParallelism(), load: Number(process.env.LOAD) };
const report = {
  date: new Date().toISOString(),
  commit: git("describe", "--always", "--dirty", "--abbrev=12"),
  machine,
  native: native(),
  browser: await measureBrowser(),
  runtime_bytes: runtimeFiles.map(packedSize).reduce((sum, size) => sum + size, 0),
};
writeFileSync(`${ROOT}build/bench.json`, `${JSON.stringify(report, null, 2)}\n`);
print(report);

function git(...options) {
  return execFileSync("git", options, { cwd: ROOT, encoding: "utf8" }).trim();
}

/** As the size budget counts it. */
function packedSize(file) {
  return execFileSync("gzip", ["-9"], { input: readFileSync(`${ROOT}${file}`) }).length;
}

/** Each row's median on each device, in nanoseconds for one event or prediction. */
function native() {
  const { rows, row_bytes, stream_bytes_per_second, adapter, gpu_skipped } = readJson("native.json");
  const devices = DEVICES.filter((device) => device !== "gpu" || !gpu_skipped);
  const timed = (name) => ({ name, row_bytes: row_bytes[name], ...medians(name, devices) });
  return { unit: "ns", stream_bytes_per_second, adapter, gpu_skipped, rows: rows.map(timed) };
}

function medians(name, devices) {
  return Object.fromEntries(devices.map((device) => [device, median(name, device)]));
}

/** Undefined where this device has no such row. */
function median(name, device) {
  const folder = `criterion/${name}/${device}/new`;
  if (!existsSync(`${ROOT}build/bench/${folder}`)) return undefined;
  const { throughput } = readJson(`${folder}/benchmark.json`);
  return readJson(`${folder}/estimates.json`).median.point_estimate / throughput.Elements;
}

function readJson(path) {
  return JSON.parse(readFileSync(`${ROOT}build/bench/${path}`, "utf8"));
}

function print({ date, commit, native, browser, runtime_bytes }) {
  const { cpu, cores, load } = machine;
  console.log(`${cpu}, ${cores} cores, load ${load} before; ${commit}, ${date}\n`);
  console.log(`Engine, medians and how many times SIMD's; GPU: ${native.adapter ?? `skipped: ${native.gpu_skipped}`}`);
  line("", ...DEVICES);
  for (const { name, ...times } of native.rows) line(name, ...DEVICES.map((device) => beside(times[device], times.simd)));
  const stream = native.stream_bytes_per_second / 1e9;
  console.log(`\nItem rows read by SIMD, beside one thread's reading of memory, ${short(stream)} GB/s`);
  for (const { name, row_bytes, simd } of native.rows.filter(({ row_bytes }) => row_bytes)) {
    line(name, `${short(row_bytes / simd)} GB/s`, `${short((100 * row_bytes) / simd / stream)}%`);
  }

  console.log(`\nRuntime, gzip -9: ${runtime_bytes} bytes`);
  if (browser.skipped) return console.log(`\nPackage in Chromium: skipped: ${browser.skipped}`);
  const { version, load_to_first_prediction, cpu: onCpu, gpu: onGpu, bandit } = browser;
  console.log(`\nPackage in Chromium ${version}, ${onCpu.items.toLocaleString("en")} items; GPU: ${onGpu.adapter ?? `skipped: ${onGpu.skipped}`}`);
  line("", "p50", "p95");
  line("load to first prediction", ...range(load_to_first_prediction));
  line("observe", ...range(onCpu.observe));
  line("predict, CPU", ...range(onCpu.predict));
  if (!onGpu.skipped) line("predict, GPU", ...range(onGpu.predict));
  line(`bandit of ${bandit.count} actions, choose`, ...range(bandit.choose));
  line("bandit, reward", ...range(bandit.reward));
  console.log(`A bandit's state, contexts of ${bandit.dimension} values: ${bandit.state_bytes} bytes`);
}

function line(name, ...cells) {
  console.log(name.padEnd(34) + cells.map((cell) => cell.padStart(20)).join(""));
}

function beside(nanoseconds, simd) {
  return nanoseconds === undefined ? "-" : `${duration(nanoseconds / 1e6)} (${short(nanoseconds / simd)}x)`;
}

function range({ p50, p95 }) {
  return [duration(p50), duration(p95)];
}

function short(number) {
  return Number(number.toPrecision(3));
}

function duration(milliseconds) {
  const [number, unit] = milliseconds < 1 ? [milliseconds * 1e3, "µs"] : [milliseconds, "ms"];
  return `${short(number)} ${unit}`;
}
