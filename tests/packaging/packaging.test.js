// The package as npm users get it: packed, installed into a project, opened in a browser.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { launchChromium } from "../browser/chromium.js";
import { serve } from "./serve.js";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const ROOT = join(HERE, "../..");
const ENTRIES = ["index", "worker", "cache", "knowledge", "prefetch", "collect", "bandit", "state", "react", "vue", "devtools"];
const MODEL = join(ROOT, "build/demo/model.safetensors");
// The development packages live beside the browser tests.
const require = createRequire(join(ROOT, "tests/browser/package.json"));

let scratch;
let tarball;
let packed; // names of the files in the tarball
let browser;

before(async () => {
  scratch = mkdtempSync(join(tmpdir(), "foreclick-packaging-"));
  const [report] = JSON.parse(npm(ROOT, "pack", "./pkg", "--json", "--pack-destination", scratch));
  tarball = join(scratch, report.filename);
  packed = report.files.map(({ path }) => path);
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  rmSync(scratch, { recursive: true, force: true });
});

test("the tarball holds what users need and nothing else", () => {
  const scripts = ENTRIES.flatMap((entry) => [`${entry}.d.ts`, `${entry}.js`]);
  const others = ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "package.json", "wasm/foreclick_bg.wasm", "worker-thread.js"];
  const expected = [...scripts, ...others].toSorted();
  assert.deepEqual(packed.toSorted(), expected);
});

test("the manifest serves types first and names the one file with side effects", () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, "pkg/package.json"), "utf8"));
  for (const entry of ENTRIES) {
    const name = entry === "index" ? "." : `./${entry}`;
    assert.deepEqual(Object.entries(manifest.exports[name]), [["types", `./${entry}.d.ts`], ["default", `./${entry}.js`]]);
  }
  assert.deepEqual(manifest.sideEffects, ["./worker-thread.js"]);
  assert.deepEqual(manifest.dependencies ?? {}, {});
  // Only those who have them already need them.
  const optional = Object.fromEntries(Object.keys(manifest.peerDependencies).map((name) => [name, { optional: true }]));
  assert.deepEqual(manifest.peerDependenciesMeta, optional);
});

test("importing on a server touches no browser global, and hooks render there", () => {
  const project = install("plain");
  addFrameworks(project);
  const output = execFileSync(process.execPath, ["server.js"], { cwd: project, encoding: "utf8" });
  const kinds = ENTRIES.map((entry) => `${entry}: function`);
  assert.deepEqual(output.trim().split("\n"), [...kinds, ...Array(3).fill("argument true"), "state: memory", "react: <p>0 null</p>", "vue: <p>0 null</p>"]);
});

test("a plain HTML page predicts", async () => {
  await expectPrediction(install("plain"), { hasFrameworks: false });
});

test("a Vite project builds and predicts", async () => {
  const project = install("vite");
  addFrameworks(project);
  const { build } = await import(pathToFileURL(require.resolve("vite")));
  await build({ root: project, logLevel: "warn", build: { target: "esnext" } });
  await expectPrediction(join(project, "dist"), { hasFrameworks: true });
});

/** A fresh project from a template, with the tarball installed as a user would. */
function install(template) {
  const project = mkdtempSync(join(scratch, `${template}-`));
  cpSync(join(HERE, template), project, { recursive: true });
  cpSync(join(HERE, "main.js"), join(project, "main.js"));
  npm(project, "install", "--no-audit", "--no-fund", "--offline", tarball);
  return project;
}

/** As `npm install react react-dom vue` would, but without a network. */
function addFrameworks(project) {
  for (const name of ["react", "react-dom", "vue"]) {
    symlinkSync(join(ROOT, "tests/browser/node_modules", name), join(project, "node_modules", name), "dir");
  }
}

async function expectPrediction(folder, { hasFrameworks }) {
  const server = await serve(folder, MODEL);
  const page = await browser.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  try {
    await page.goto(`${server.url}?item=${encodeURIComponent(someItem())}`);
    const settled = page.waitForFunction(() => globalThis.predictions, null, { timeout: 30_000 });
    const [prediction, threaded, acting] = await settled.then((handle) => handle.jsonValue()).catch((error) => {
      throw new Error(`no prediction: ${problems.join("; ") || error.message}`);
    });
    assert.deepEqual(problems, []);
    assertPrediction(prediction);
    assert.deepEqual(threaded.items, prediction.items, "the worker's prediction");
    assert.deepEqual(acting, { hints: 1, clicked: [someItem()], panels: 1, kept: 1, learned: "offer" });
    if (!hasFrameworks) return;
    await page.waitForFunction(() => globalThis.rendered?.every((count) => count === 10), null, { timeout: 30_000 });
  } finally {
    await page.close();
    server.close();
  }
}

/** The key of a product that the demo's model knows. */
function someItem() {
  return JSON.parse(readFileSync(join(ROOT, "build/demo/items.json"), "utf8")).popular[0];
}

function assertPrediction(prediction) {
  assert.equal(new Set(prediction.items.map(({ item }) => item)).size, 10);
  const probabilities = prediction.items.map(({ probability }) => probability);
  assert.deepEqual(probabilities, probabilities.toSorted((a, b) => b - a));
  assert.ok(probabilities.every((p) => p > 0 && p < 1), String(probabilities));
}

/** Runs npm and returns what it printed. */
function npm(folder, ...args) {
  return execFileSync("npm", args, { cwd: folder, encoding: "utf8" });
}
