// foreclick/prefetch and what it loads: how much, when, and what never.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launchChromium } from "./chromium.js";
import { inShop, LINKS, openPaths, prefetched, report, update } from "./shop.js";

let browser;
before(async () => {
  browser = await launchChromium({ gpu: "none" });
});
after(() => browser?.close());

test("at most two are out, likelier pages take the place of others, and no page is hinted twice", async () => {
  await inShop(browser, async (page, shop) => {
    await update(page, { a: 0.5, b: 0.3, c: 0.25 });
    assert.deepEqual(await openPaths(page), ["/p/a", "/p/b"]);
    await update(page, { a: 0.3, b: 0.2, c: 0.4 });
    assert.deepEqual(await openPaths(page), ["/p/a", "/p/c"]);
    // No longer likely, but nothing needs its place.
    await update(page, { d: 0.1 });
    assert.deepEqual(await openPaths(page), ["/p/a", "/p/c"]);
    // b had its hint; it leaves its place to the next.
    await update(page, { b: 0.5, d: 0.3, e: 0.21 });
    assert.deepEqual(await openPaths(page), ["/p/d", "/p/e"]);
    assert.deepEqual((await prefetched(shop, 5)).toSorted(), ["/p/a", "/p/b", "/p/c", "/p/d", "/p/e"]);
    const { hints, waste, hits } = await report(page);
    assert.deepEqual([hints, waste, hits], [5, 3, 0]);
    assert.equal(await page.evaluate(() => document.querySelectorAll("script[type=speculationrules]").length), 2);
  });
  await inShop(browser, async (page) => {
    await update(page, { a: 0.9, b: 0.8 });
    assert.deepEqual(await openPaths(page), ["/p/a"]);
    await update(page, { b: 0.8 });
    assert.deepEqual(await openPaths(page), ["/p/b"]);
  }, { options: { limit: 1 } });
});

test("the threshold counts, for the sum of a page's items", async () => {
  await inShop(browser, async (page) => {
    const paths = await page.evaluate(() => {
      const url = (item) => (item === "none" ? null : `/p/${item[0]}?of=${item[0]}#${item}`);
      const items = { a1: 0.15, a2: 0.1, b1: 0.2, c1: 0.19, none: 0.3 };
      const asked = Object.entries(items).map(([item, probability]) => ({ item, probability }));
      const open = (options) => {
        const prefetcher = new Prefetcher({ url, ...options });
        prefetcher.update({ items: asked });
        prefetcher.stop();
        return prefetcher.report();
      };
      return [open({}).hints, open({ threshold: 0.21 }).hints, open({ threshold: 0.26 }).hints];
    });
    assert.deepEqual(paths, [2, 1, 0]);
  });
});

test("what is unsafe is not loaded", async () => {
  const body = `${LINKS} <a href="/p/file" download>file</a> <a href="/p/follow#x" rel="sponsored nofollow">f</a>
    <a href="/p/marked" data-fc-skip>m</a> <a class="mine" href="/p/mine">m</a> <svg><a href="/p/svg"></a></svg>`;
  const unsafe = [
    "mailto:a@b.c", "javascript:alert(1)", "blob:x", "https://example.org/p", "/#part", "/logout", "/user/sign-out", "/signOut", "/account/delete?id=4",
    "/cart?add-to-cart=12", "/list/removeItem/7", "/newsletter/unsubscribe", "/p/file", "/p/file#part", "/p/follow", "/p/marked", "/p/mine", "/p/denied",
  ];
  const safe = ["/p/paint-remover", "/p/a", "/p/b?page=2", "/deleted-scenes", "/login"];
  await inShop(browser, async (page, shop) => {
    const hinted = await page.evaluate((addresses) => {
      const prefetcher = new Prefetcher({ url: (item) => item, limit: 1, skip: ".mine", allow: (url) => url.pathname !== "/p/denied" });
      return addresses.filter((item) => {
        const { hints } = prefetcher.report();
        prefetcher.update([{ item, probability: 1 }]);
        return prefetcher.report().hints > hints;
      });
    }, [...unsafe, ...safe]);
    assert.deepEqual(hinted, safe);
    const allowed = await page.evaluate(() => {
      const prefetcher = new Prefetcher({ url: (item) => item, origins: ["https://example.org"] });
      prefetcher.update(["https://example.org/p", "https://example.com/p"].map((item) => ({ item, probability: 1 })));
      return prefetcher.report().open.map(({ url }) => url);
    });
    assert.deepEqual(allowed, ["https://example.org/p"]);
    assert.ok(!shop.requests.some(({ path }) => unsafe.includes(path)));
  }, { body });
});

test("nothing is loaded while the visitor saves data or the network is slow, and it goes on after", async () => {
  for (const [state, held] of [[{ saveData: true, effectiveType: "4g" }, "save-data"], [{ saveData: false, effectiveType: "2g" }, "slow-network"]]) {
    await inShop(browser, async (page, shop) => {
      await page.evaluate((state) => Object.assign(connection, state), state);
      await update(page, { a: 0.5 });
      assert.deepEqual(await prefetched(shop, 0), []);
      assert.equal((await report(page)).held, held);
      await page.evaluate(() => {
        Object.assign(connection, { saveData: false, effectiveType: "4g" });
        connection.dispatchEvent(new Event("change"));
      });
      assert.deepEqual(await prefetched(shop, 1), ["/p/a"]);
      assert.equal((await report(page)).held, null);
    }, {
      before: () => {
        globalThis.connection = new EventTarget();
        Object.defineProperty(navigator, "connection", { value: connection });
      },
    });
  }
});

test("a hidden page hints nothing until it is shown", async () => {
  const before = () => {
    globalThis.visibility = "hidden";
    Object.defineProperty(document, "visibilityState", { get: () => visibility });
  };
  await inShop(browser, async (page, shop) => {
    await update(page, { a: 0.5 });
    assert.equal((await report(page)).held, "hidden");
    assert.deepEqual(await prefetched(shop, 0), []);
    await page.evaluate(() => {
      globalThis.visibility = "visible";
      document.dispatchEvent(new Event("visibilitychange"));
    });
    assert.deepEqual(await prefetched(shop, 1), ["/p/a"]);
  }, { before });
});

test("wrong options are errors that say so", async () => {
  await inShop(browser, async (page) => {
    const messages = await page.evaluate(() => {
      const url = (item) => item;
      const calls = [
        () => new Prefetcher(),
        () => new Prefetcher({ url, treshold: 1 }),
        () => new Prefetcher({ url, threshold: 0 }),
        () => new Prefetcher({ url, limit: 3 }),
        () => new Prefetcher({ url, skip: "a[" }),
        () => new Prefetcher({ url }).update("soap"),
        () => new Prefetcher({ url }).update([{ item: "http://", probability: 1 }]),
      ];
      return calls.map((call) => {
        try {
          call();
          return "passed";
        } catch ({ code, message }) {
          return `${code}: ${message}`;
        }
      });
    });
    const expected = [/url is undefined, expected a function/, /unknown option treshold, expected url, limit/, /threshold is 0/, /limit is 3, expected 1 or 2/, /skip is "a\["/, /takes a prediction/, /the url of "http:\/\/" is "http:\/\/"/];
    messages.forEach((message, place) => {
      assert.match(message, /^argument: /);
      assert.match(message, expected[place]);
    });
  });
});
