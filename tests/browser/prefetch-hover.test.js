// foreclick/prefetch with `hover`: real pointers on links.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launchChromium } from "./chromium.js";
import { begin, inShop, LINKS, NONCE, openPaths, prefetched, report, update } from "./shop.js";

let browser;
before(async () => {
  browser = await launchChromium({ gpu: "none" });
});
after(() => browser?.close());

const BODY = `${LINKS} <a id="d" href="/p/d" rel="nofollow"><b>d</b></a> <a id="e" href="/p/e"><b>e</b> <i>e</i></a> <a id="mail" href="mailto:x@example.com">f</a>`;
const options = { hover: 65, acrossPages: true };

test("a link that the pointer rests on is loaded, beside the limit, and counted", async () => {
  await inShop(browser, async (page, shop) => {
    await update(page, { a: 0.5, b: 0.3 });
    await page.hover("#c");
    assert.deepEqual((await prefetched(shop, 3)).toSorted(), ["/p/a", "/p/b", "/p/c"]);
    const { open } = await report(page);
    assert.deepEqual(open.map(({ probability }) => probability), [0.5, 0.3, null]);
    // It is not what has to make room.
    await update(page, { e: 0.9, a: 0.5, b: 0.3 });
    assert.deepEqual((await openPaths(page)).toSorted(), ["/p/a", "/p/c", "/p/e"]);
    await page.click("#c");
    await page.waitForURL("**/p/c");
    assert.equal(shop.requests.filter(({ path }) => path === "/p/c").length, 1, "the click asks the server for nothing");
    await begin(page, { nonce: NONCE, ...options });
    const { hints, hits, served } = await report(page);
    assert.deepEqual({ hints, hits, served }, { hints: 4, hits: 1, served: 1 });
  }, { body: BODY, options });
});

test("a pointer that passes, or rests on what is not to be loaded, loads nothing", async () => {
  await inShop(browser, async (page, shop) => {
    await page.hover("#a");
    await page.mouse.move(600, 500);
    await page.hover("#d b");
    await page.waitForTimeout(200);
    await page.hover("#mail");
    assert.deepEqual(await prefetched(shop, 0), []);
    // From one part of a link to another is no leaving.
    await page.hover("#e b");
    await page.waitForTimeout(40);
    await page.hover("#e i");
    assert.deepEqual(await prefetched(shop, 1), ["/p/e"]);
    await page.evaluate(() => prefetcher.stop());
    await page.hover("#b");
    assert.deepEqual(await prefetched(shop, 1), ["/p/e"]);
  }, { body: BODY, options: { hover: 150 } });
});

test("without the option pointers load nothing, and a wrong one is an error", async () => {
  await inShop(browser, async (page, shop) => {
    await page.hover("#a");
    assert.deepEqual(await prefetched(shop, 0), []);
    const messages = await page.evaluate(() =>
      [true, -1, "65"].map((hover) => {
        try {
          return new Prefetcher({ url: (item) => item, hover }).report().method;
        } catch ({ message }) {
          return message;
        }
      }),
    );
    for (const message of messages) assert.match(message, /^hover is .*, expected milliseconds from 0 to 1000$/);
  }, { body: BODY });
});
