// foreclick/state in a browser that is killed as a whole and started again with the same profile.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { ALWAYS, CHROMIUM } from "./chromium.js";
import { kept, NOTHING, start } from "./harness.js";
import { best, EVENTS, load, observe, openState, storedItems, uninterrupted } from "./visitor.js";

let site;
before(async () => {
  site = await start({ gpu: "none" });
});
after(() => site?.stop());

test("what was flushed outlives a killed browser, and what was forgotten stays gone", async () => {
  const profile = mkdtempSync(join(tmpdir(), "foreclick-profile-"));
  try {
    await inBrowser(profile, async (page) => {
      await openState(page);
      await observe(page, EVENTS.slice(0, 12));
      await page.evaluate(() => state.update("personal", () => new Uint8Array(100)).then(() => state.flush()));
      // Of these nothing is written yet.
      await page.evaluate((events) => events.forEach((event) => predictor.observe(event)), EVENTS.slice(12, 15));
    });
    await inBrowser(profile, async (page) => {
      const status = await openState(page);
      assert.equal(status.mode, "stored");
      const items = await storedItems(page);
      assert.deepEqual(items.slice(0, 12), EVENTS.slice(0, 12).map(({ item }) => item));
      assert.deepEqual(await best(page), await uninterrupted(page, EVENTS.slice(0, items.length)));
      assert.equal(await page.evaluate(async () => (await state.read("personal")).length), 100);
      await page.evaluate(() => state.forget());
      assert.deepEqual(await kept(page), NOTHING);
    });
    await inBrowser(profile, async (page) => {
      assert.deepEqual(await kept(page), NOTHING);
      await openState(page);
      assert.deepEqual(await storedItems(page), []);
    });
  } finally {
    rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
  }
});

/** A page of the site in a browser of this profile, whose processes are all killed afterwards. */
async function inBrowser(profile, work) {
  // A killed browser leaves its lock, which counts again once another process has its number.
  for (const name of ["SingletonLock", "SingletonCookie", "SingletonSocket"]) rmSync(join(profile, name), { force: true });
  const args = [...ALWAYS, "--headless=new", "--disable-gpu", "--remote-debugging-port=0", `--user-data-dir=${profile}`];
  // The leader of a group of its own, to which the processes of its pages belong.
  const started = spawn(CHROMIUM, args, { detached: true, stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(started, "exit");
  try {
    const browser = await chromium.connectOverCDP(await address(started.stderr));
    const page = await browser.contexts()[0].newPage();
    await page.goto(site.url);
    await load(page);
    await work(page);
  } finally {
    process.kill(-started.pid, "SIGKILL");
    await ended;
  }
}

async function address(output) {
  for await (const line of createInterface({ input: output })) {
    const [, found] = line.match(/^DevTools listening on (ws:.*)$/) ?? [];
    if (found) return found;
  }
  throw new Error("the browser ended before it listened");
}
