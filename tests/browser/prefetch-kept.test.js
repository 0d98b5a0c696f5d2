// foreclick/prefetch in pages that are rendered in advance, or kept whole when the visitor leaves. A browser that is
// controlled from outside does neither, so the pages act by themselves here, and report to their server.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ALWAYS, CHROMIUM } from "./chromium.js";
import { NONCE, openShop } from "./shop.js";

/** Opens a shop whose pages all run `script`, until one calls `tell(value)`; resolves to that value and the requests. */
async function actingByItself(script) {
  const body = `<a id="a" href="/p/a">a</a> <script type="module" nonce="${NONCE}">
    import { Prefetcher } from "/foreclick/prefetch.js";
    const options = { url: (item) => "/p/" + item, nonce: "${NONCE}", prerender: 0.8, acrossPages: true };
    const prefetcher = new Prefetcher(options);
    const path = location.pathname;
    const hint = (probabilities) => prefetcher.update(Object.entries(probabilities).map(([item, probability]) => ({ item, probability })));
    const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
    const tell = (value) => fetch("/told?" + encodeURIComponent(JSON.stringify(value)));
    ${script}
  </script>`;
  const shop = await openShop({ body });
  try {
    // One that nobody controls ends by itself now and then (seen once in some twenty starts).
    for (let browsers = 0; browsers < 3; browsers++) {
      const told = await browse(shop);
      if (told) return { told: JSON.parse(decodeURIComponent(told.path.slice("/told?".length))), requests: shop.requests };
      shop.requests.length = 0;
    }
    assert.fail("three browsers ended by themselves");
  } finally {
    shop.close();
  }
}

/** Resolves to the request that tells something, or to nothing where the browser ended before it. */
async function browse(shop) {
  const profile = mkdtempSync(join(tmpdir(), "foreclick-kept-"));
  const chromium = spawn(CHROMIUM, ["--headless", ...ALWAYS, `--user-data-dir=${profile}`, shop.url], { stdio: "ignore", detached: true });
  const closed = new Promise((resolve) => chromium.once("close", resolve));
  const told = () => shop.requests.find(({ path }) => path.startsWith("/told?"));
  const hasEnded = () => chromium.exitCode !== null || chromium.signalCode !== null;
  try {
    for (let round = 0; round < 400 && !told() && !hasEnded(); round++) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(told() || hasEnded(), `nothing was told after ${JSON.stringify(shop.requests)}`);
    return told();
  } finally {
    // With its helpers, which would go on writing.
    if (!hasEnded()) process.kill(-chromium.pid, "SIGKILL");
    await closed;
    rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

test("a page that is prerendered hints nothing before the visitor is there", async () => {
  const { told, requests } = await actingByItself(`
    const heldAtFirst = prefetcher.report().held;
    hint({ [path === "/" ? "a" : "b"]: 0.9 });
    if (path === "/") {
      await wait(1500);
      document.getElementById("a").click();
    } else if (path === "/p/a") {
      if (document.prerendering) await new Promise((resolve) => document.addEventListener("prerenderingchange", resolve));
      await wait(500);
      const { hints, hits, served } = prefetcher.report();
      tell({ heldAtFirst, hints, hits, served });
    }`);
  assert.deepEqual(told, { heldAtFirst: "prerendering", hints: 2, hits: 1, served: 1 });
  const [clicked, next] = ["/p/a", "/p/b"].map((path) => requests.findLast((request) => request.path === path));
  assert.match(clicked.purpose, /^prefetch/);
  assert.ok(next.time - clicked.time > 1000, "the next page is loaded only once the visitor has come");
});

test("back in a page that was kept whole, its hints are waste and the counts of the others are there", async () => {
  const { told } = await actingByItself(`
    if (path === "/") {
      hint({ a: 0.5, b: 0.3 });
      addEventListener("pageshow", ({ persisted }) => {
        const { hints, hits, waste, open } = prefetcher.report();
        if (persisted) tell({ hints, hits, waste, open, scripts: document.querySelectorAll("script[type=speculationrules]").length });
      });
      await wait(700);
      document.getElementById("a").click();
    } else if (path === "/p/a") {
      hint({ c: 0.5 });
      await wait(700);
      history.back();
    }`);
  assert.deepEqual(told, { hints: 3, hits: 1, waste: 2, open: [], scripts: 1 });
});
