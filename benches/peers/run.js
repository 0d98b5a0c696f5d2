// run.js MODELS: foreclick beside ONNX Runtime Web and TensorFlow.js in one run of Chromium, on the models in the folder
// MODELS. Prints the table, and writes build/peers.json and build/peers.svg. The environment may leave some out: ONLY is a
// regular expression of rows' names, SIZES a list of catalogue sizes.
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { launchChromium } from "../../tests/browser/chromium.js";
import { draw } from "./draw.js";
import { serve } from "./serve.js";
import { FILES, print } from "./table.js";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const [models] = process.argv.slice(2);
const FOLDERS = {
  "/": at("page"),
  "/foreclick/": at("../../pkg"),
  "/ort/": at("node_modules/onnxruntime-web/dist"),
  "/tfjs/": at("node_modules/@tensorflow/tfjs/dist"),
  "/tfjs-wasm/": at("node_modules/@tensorflow/tfjs-backend-wasm/dist"),
  "/models/": models,
};
// What is no part of a runtime.
const OURS = /^\/(models\/.*|[^/]*)$/;

const ROWS = [
  { name: "foreclick int8", runtime: "foreclick", backend: "cpu", file: (size, history) => `${size}-${history}-int8.safetensors` },
  { name: FILES, runtime: "files", backend: "cpu", file: (size, history) => `${size}-${history}-int8.safetensors` },
  { name: "foreclick int4", runtime: "foreclick", backend: "cpu", bits: 4, file: (size, history) => `${size}-${history}-int4.safetensors` },
  { name: "ONNX Runtime Web, wasm", runtime: "ort", backend: "cpu", file: (size) => `${size}.onnx` },
  { name: "TensorFlow.js, wasm", runtime: "tfjs", backend: "cpu", file: (size) => `${size}.onnx` },
  { name: "foreclick, WebGPU", runtime: "foreclick", backend: "gpu", file: (size, history) => `${size}-${history}-int8.safetensors` },
  { name: "ONNX Runtime Web, WebGPU", runtime: "ort", backend: "gpu", file: (size) => `${size}.onnx` },
].filter(({ name }) => new RegExp(process.env.ONLY ?? "").test(name));
const SIZES = (process.env.SIZES?.split(",").map(Number) ?? [1_000, 10_000, 100_000, 1_000_000]).flatMap((items) =>
  [64, 128].flatMap((hidden) => [50, 200].map((history) => ({ items, hidden, history }))),
);
const LOADS = { cpu: 5, gpu: 1 };
const SETTLE = 2_000;
const REST = 500;
const LIMIT = 60_000;

const server = await serve(FOLDERS);
const results = [];
const start = performance.now();
try {
  for (const [number, size] of SIZES.entries()) {
    for (const row of ROWS) results.push(await measureRow(row, size));
    const done = (number + 1) / SIZES.length;
    const minutes = (((performance.now() - start) / 60_000) * (1 - done)) / done;
    console.error(`peers: ${number + 1} of ${SIZES.length} sizes, about ${minutes.toFixed(1)} min left`);
  }
  const report = {
    date: new Date().toISOString(),
    machine: { cpu: cpus()[0].model, cores: availableParallelism() },
    ...(await surroundings()),
    runtimes: runtimeBytes(),
    results,
  };
  writeFileSync(at("../../build/peers.json"), `${JSON.stringify(report, null, 1)}\n`);
  writeFileSync(at("../../build/peers.svg"), draw(report));
  print(report);
} finally {
  server.close();
}

/** Several loads, each in a new context, and the timings of the last. */
async function measureRow({ name, runtime, backend, bits = 8, file }, { items, hidden, history }) {
  const model = file(`${items}-${hidden}`, history);
  const found = { name, items, hidden, history, model_bytes: statSync(`${models}/${model}`).size };
  // The ONNX file has the numbers of the int8 file; int4 rows give other scores.
  const session = `/models/${items}-${hidden}-${history}-int${bits}.json`;
  const task = { runtime, backend, model: `/models/${model}`, session };
  // Each in a browser of its own: some take it down with them.
  const browser = await launch();
  try {
    await settle(browser);
    const loads = [];
    for (let round = 0; round < LOADS[backend]; round++) {
      const measured = await inNewPage(browser, task, round < LOADS[backend] - 1);
      loads.push(measured.loaded);
      Object.assign(found, measured);
    }
    found.loaded = loads.toSorted((a, b) => a - b)[Math.floor(loads.length / 2)];
  } catch (error) {
    found.failed = error.message.split("\n")[0].replace(/^page\.evaluate: (Error: )?/, "");
  } finally {
    await browser.close();
  }
  const { predict, failed } = found;
  console.error(`peers: ${name}, ${items} x ${hidden}, history ${history}: ${failed ?? `${(predict?.p50 ?? found.loaded).toFixed(3)} ms`}`);
  return found;
}

/** Once in a hundred starts or so it crashes, which must not end a run of half an hour. */
async function launch() {
  try {
    return await launchChromium({ gpu: "any" });
  } catch {
    return launchChromium({ gpu: "any" });
  }
}

/** A browser that has just started is busy with itself. */
async function settle(browser) {
  const page = await browser.newPage();
  await page.goto(server.url);
  await page.waitForTimeout(SETTLE);
  await page.close();
}

async function inNewPage(browser, task, onlyLoad) {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const paths = new Set();
    page.on("request", (request) => paths.add(new URL(request.url()).pathname));
    await page.goto(server.url);
    await page.waitForSelector("text=ready");
    // A page that has just opened is busy, too: loads take half as long again, or twice.
    await page.waitForTimeout(REST);
    const before = await largestRenderer(browser);
    const late = new Promise((_, reject) => {
      setTimeout(reject, LIMIT, new Error(`no answer within ${LIMIT / 1000} s`)).unref();
    });
    const measured = await Promise.race([page.evaluate((task) => measure(task), { ...task, onlyLoad }), late]);
    const after = await largestRenderer(browser);
    const sizes = [...paths].filter((path) => !OURS.test(path)).map((path) => server.packedSize(path));
    const runtime_bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
    return { ...measured, runtime_bytes, memory_bytes: after && before && after - before };
  } finally {
    await context.close();
  }
}

/** The resident bytes of the page's process; undefined where the system does not tell. */
async function largestRenderer(browser) {
  try {
    const session = await browser.newBrowserCDPSession();
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    await session.detach();
    const sizes = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => {
      const [, pages] = readFileSync(`/proc/${id}/statm`, "utf8").split(" ");
      return 4096 * pages;
    });
    return Math.max(...sizes);
  } catch {
    return undefined;
  }
}

/** By row's name, of whichever size did not fail. */
function runtimeBytes() {
  const told = results.filter(({ runtime_bytes }) => runtime_bytes);
  return Object.fromEntries(told.map(({ name, runtime_bytes }) => [name, runtime_bytes]));
}

/** The browser and its GPU. */
async function surroundings() {
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await page.goto(server.url);
    const adapter = await page.evaluate(async () => {
      const adapter = await navigator.gpu?.requestAdapter();
      const { vendor, architecture, description, isFallbackAdapter } = adapter?.info ?? {};
      return [vendor, architecture, description, isFallbackAdapter && "software"].filter(Boolean).join(", ");
    });
    return { chromium: browser.version(), adapter: adapter || "none" };
  } finally {
    await browser.close();
  }
}
