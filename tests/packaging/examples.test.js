// The example apps as users get them: copied, with the packed package, built by their own command and used in a browser.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launchChromium } from "../browser/chromium.js";
import { kept, NOTHING } from "../browser/harness.js";
import { serve } from "./serve.js";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const ROOT = join(HERE, "../..");
const SCRATCH = join(ROOT, "build/packaging");
const DEMO = join(ROOT, "build/demo");
const QUIET = { ...process.env, NEXT_TELEMETRY_DISABLED: "1" };
const { devDependencies } = JSON.parse(readFileSync(join(HERE, "package.json"), "utf8"));

let tarball;
let browser;
before(async () => {
  rmSync(SCRATCH, { recursive: true, force: true });
  mkdirSync(SCRATCH, { recursive: true });
  const [{ filename }] = JSON.parse(run(ROOT, "npm", ["pack", "./pkg", "--json", "--pack-destination", SCRATCH]));
  tarball = join(SCRATCH, filename);
  browser = await launchChromium({ gpu: "none" });
});
after(async () => {
  await browser?.close();
  rmSync(SCRATCH, { recursive: true, force: true });
});

test("a plain HTML page without a bundler", async () => {
  const server = await serve(project("plain", "."), join(DEMO, "model.safetensors"));
  await use(server.url, { isPages: true }).finally(server.close);
});

for (const name of ["react-vite", "vue-vite"]) {
  test(`${name}, built by Vite`, async () => {
    const folder = project(name, "public");
    run(folder, process.execPath, ["node_modules/vite/bin/vite.js", "build", "--logLevel", "warn"]);
    const server = await serve(join(folder, "dist"), join(DEMO, "model.safetensors"));
    await use(server.url).finally(server.close);
  });
}

for (const bundler of ["turbopack", "webpack"]) {
  test(`next, built by ${bundler}`, async () => {
    const folder = project("next", "public");
    const next = "node_modules/next/dist/bin/next";
    run(folder, process.execPath, [next, "build", `--${bundler}`]);
    const port = await freePort();
    const server = spawn(process.execPath, [next, "start", "--port", port, "--hostname", "127.0.0.1"], { cwd: folder, stdio: "ignore", env: QUIET });
    try {
      await use(`http://127.0.0.1:${port}/`, { isPages: true });
    } finally {
      server.kill();
    }
  });
}

/** A copy of an example, with its dependencies, the packed package, and a model in `place`. */
function project(name, place) {
  const folder = join(SCRATCH, name);
  rmSync(folder, { recursive: true, force: true });
  cpSync(join(ROOT, "examples", name), folder, { recursive: true });
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const { foreclick, ...others } = { ...manifest.dependencies, ...manifest.devDependencies };
  const { version } = JSON.parse(readFileSync(join(ROOT, "pkg/package.json"), "utf8"));
  assert.equal(foreclick, `^${version}`);
  for (const [dependency, version] of Object.entries(others)) assert.equal(version, devDependencies[dependency], `${name}: ${dependency}`);
  // Linked file by file: bundlers leave their root through a linked folder only with further options, and copies take long.
  run(SCRATCH, "cp", ["-al", join(HERE, "node_modules"), join(folder, "node_modules")]);
  mkdirSync(join(folder, "node_modules/foreclick"));
  run(folder, "tar", ["-xzf", tarball, "--strip-components=1", "-C", "node_modules/foreclick"]);
  mkdirSync(join(folder, place), { recursive: true });
  for (const file of ["model.safetensors", "items.json"]) copyFileSync(join(DEMO, file), join(folder, place, file));
  return folder;
}

/** Visits the shop: takes a product, sees the answer change and stay over a reload, has all erased. */
async function use(url, { isPages = false } = {}) {
  await untilServed(url);
  const context = await browser.newContext();
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("request", (request) => new URL(request.url()).origin !== new URL(url).origin && !request.url().startsWith("data:") && problems.push(request.url()));
  const next = () => page.locator("#next li").allInnerTexts();
  const untilNext = async (check, what) => {
    for (let round = 0; round < 200; round++) {
      const found = await next();
      if (found.length === 5 && check(found.join())) return found;
      await page.waitForTimeout(50);
    }
    return assert.fail(`${what}: ${await next()}; ${problems.join("; ")}`);
  };
  try {
    await page.goto(url);
    const before = await untilNext(() => true, "five items are likely next");
    await page.locator("#popular :is(a, button)").first().click();
    if (isPages) await page.waitForSelector("#product");
    const after = await untilNext((found) => found !== before.join(), "a product was taken");
    assert.deepEqual((await kept(page)).indexedDB, ["foreclick.default"]);
    // Not to a product's page, whose visit would be one more event.
    await page.goto(url);
    await untilNext((found) => found === after.join(), "the session is there after a reload");
    await page.click("#forget");
    await untilNext((found) => found === before.join(), "all is forgotten");
    assert.deepEqual(await kept(page), NOTHING);
    assert.deepEqual(problems, []);
  } finally {
    await context.close();
  }
}

async function untilServed(url) {
  for (let round = 0; round < 200; round++) {
    if (await fetch(url).then(({ ok }) => ok, () => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${url} does not answer`);
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}


function run(cwd, program, args) {
  return execFileSync(program, args, { cwd, encoding: "utf8", env: QUIET });
}
