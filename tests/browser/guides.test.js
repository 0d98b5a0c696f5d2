// The guides of docs/, followed as they stand there: their commands on a small log, their code in a page with the model.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createReadStream, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launchChromium } from "./chromium.js";
import { logs } from "./guide-logs.js";
import { kept, NOTHING, PACKAGE } from "./harness.js";

const GUIDES = fileURLToPath(new URL("../../docs/", import.meta.url));
const TARGET = process.env.CARGO_TARGET_DIR ?? join(homedir(), ".cache/foreclick/target");
const FORECLICK = process.env.FORECLICK ?? join(TARGET, "release/foreclick");
const ENTRIES = ["bandit", "cache", "collect", "knowledge", "prefetch", "state", "worker"];
const MODULES = Object.fromEntries([["foreclick", "/foreclick/index.js"], ...ENTRIES.map((entry) => [`foreclick/${entry}`, `/foreclick/${entry}.js`])]);
const PAGE = `<!doctype html><link rel="icon" href="data:,"><script type="importmap">${JSON.stringify({ imports: MODULES })}</script><body>`;

let browser;
before(async () => {
  browser = await launchChromium({ gpu: "none" });
});
after(() => browser?.close());

/** What each guide's code has to come to, with its constants in the page. */
const GUIDE = {
  "rank-a-list": async (page) => {
    const sorted = await page.evaluate(() => sorted);
    assert.deepEqual([sorted[0], sorted.at(-1)], ["muesli", "a-new-one"]);
    assert.equal(sorted.length, 4);
  },
  prefetch: async (page) => {
    const { hints, open } = await page.evaluate(() => prefetcher.report());
    assert.ok(hints > 0);
    assert.equal(new URL(open[0].url).pathname, "/products/soy-milk");
  },
  "purchase-intent": async (page) => {
    const [found, acts, other] = await page.evaluate(async () => {
      const [{ tasks }] = await predictor.predictMany([[{ item: "tea" }, { item: "honey" }]]);
      return [probability, yes, tasks.buys];
    });
    assert.ok(found > other.probability && other.probability > 0, `${found} after soap, ${other.probability} without`);
    assert.ok(Math.abs(other.threshold - 0.2) < 1e-6);
    assert.equal(acts, found >= other.threshold);
  },
  personalise: async (page) => {
    assert.ok(["none", "discount", "free-shipping"].includes(await page.evaluate(() => document.body.dataset.offer)));
    const stored = await page.evaluate(() => {
      document.body.click();
      return localStorage.getItem("foreclick.bandit");
    });
    assert.ok(JSON.parse(stored));
  },
  explain: async (page) => {
    const found = await page.evaluate(() => ({ because, times, sum: Object.values(terms).reduce((sum, term) => sum + term), score: items[0].score }));
    assert.match(found.because, /^because /);
    assert.ok(found.times > 0);
    assert.ok(Math.abs(found.sum - found.score) < 1e-3, JSON.stringify(found));
  },
  knowledge: async (page) => {
    const found = await page.evaluate(() => ({ items, rules, probability, summary }));
    assert.ok(!found.items.some(({ item }) => ["soap", "towel"].includes(item)), JSON.stringify(found.items));
    assert.deepEqual([found.probability, found.rules], [0, [{ rule: "out of stock", effect: -Infinity }]]);
    assert.deepEqual([found.summary.items, found.summary.unknownItems], [1, 0]);
  },
  erase: async (page) => {
    const found = await page.evaluate(() => ({ rows: rows.length, left, readable }));
    assert.deepEqual([found.rows, found.left], [1, []]);
    assert.equal(JSON.parse(found.readable).events[0].event.item, "tea");
    assert.deepEqual(await kept(page), NOTHING);
  },
};

test("every guide is followed", () => {
  const names = readdirSync(GUIDES).filter((name) => name !== "README.md");
  assert.deepEqual(names.toSorted(), Object.keys(GUIDE).map((name) => `${name}.md`).toSorted());
});

for (const [name, check] of Object.entries(GUIDE)) {
  test(`the guide "${name}"`, async () => {
    assert.ok(existsSync(FORECLICK), `${FORECLICK} is not there: cargo build --release --locked`);
    const folder = mkdtempSync(join(tmpdir(), "foreclick-guide-"));
    const text = readFileSync(join(GUIDES, `${name}.md`), "utf8");
    const blocks = (kind) => [...text.matchAll(new RegExp(`\`\`\`${kind}\\n([^]*?)\`\`\``, "g"))].map(([, block]) => block);
    try {
      for (const [file, log] of Object.entries(logs())) writeFileSync(join(folder, file), log);
      for (const schema of blocks("toml")) writeFileSync(join(folder, "foreclick.toml"), schema);
      const env = { ...process.env, PATH: `${dirname(FORECLICK)}:${process.env.PATH}` };
      for (const commands of blocks("sh")) execFileSync("bash", ["-euc", commands], { cwd: folder, env, stdio: "pipe" });
      blocks("js").forEach((script, place) => writeFileSync(join(folder, `script-${place}.js`), `${script}\nexport { ${constants(script)} };`));
      await onSite(folder, async (page) => {
        for (let place = 0; place < blocks("js").length; place++) {
          await page.evaluate(async (file) => Object.assign(globalThis, await import(file)), `/script-${place}.js`);
        }
        await check(page);
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

/** The names that a script gives at its top, as a list. */
function constants(script) {
  const found = [...script.matchAll(/^const (?:\{ ([^}]*) \}|\[(\w+)\]|(\w+)) =/gm)];
  return found.map((names) => names.slice(1).find(Boolean)).join(", ");
}

/** A product's page of a site that has the folder's files and the package. */
async function onSite(folder, work) {
  const server = createServer(({ url }, response) => {
    const { pathname } = new URL(url, "http://localhost");
    const file = pathname.startsWith("/foreclick/") ? join(PACKAGE, pathname.slice("/foreclick/".length)) : join(folder, pathname);
    const extension = pathname.split("/").at(-1).split(".")[1];
    const type = { js: "text/javascript", wasm: "application/wasm", json: "application/json" }[extension];
    response.writeHead(200, { "content-type": extension ? (type ?? "application/octet-stream") : "text/html" });
    if (extension) createReadStream(file).pipe(response);
    else response.end(PAGE);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const problems = [];
    page.on("pageerror", (error) => problems.push(error.message));
    await page.goto(`http://127.0.0.1:${server.address().port}/products/oat-milk`);
    await work(page);
    assert.deepEqual(problems, []);
  } finally {
    await context.close();
    server.closeAllConnections();
    server.close();
  }
}
