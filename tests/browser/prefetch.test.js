// foreclick/prefetch over real navigations: what the browser asks a server for, and what is counted of it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launchChromium } from "./chromium.js";
import { begin, inShop, LINKS, NONCE, POLICY, prefetched, report, update } from "./shop.js";

let browser;
before(async () => {
  browser = await launchChromium({ gpu: "none" });
});
after(() => browser?.close());

test("a rule's page is requested, served to the click, and counted: hits, waste, lead time", async () => {
  const options = { acrossPages: true };
  await inShop(browser, async (page, shop) => {
    await update(page, { a: 0.5, b: 0.3, c: 0.1 });
    const hinted = await page.evaluate(() => {
      const now = () => performance.timeOrigin + performance.now();
      addEventListener("click", () => sessionStorage.setItem("clicked", now()), { capture: true });
      return now();
    });
    assert.deepEqual((await prefetched(shop, 2)).toSorted(), ["/p/a", "/p/b"]);
    assert.equal((await report(page)).method, "rules");
    await page.click("#a");
    await page.waitForURL("**/p/a");
    assert.equal(shop.requests.filter(({ path }) => path === "/p/a").length, 1, "the click asks the server for nothing");

    await begin(page, { nonce: NONCE, ...options });
    const { hints, hits, waste, served, open, leadMilliseconds } = await report(page);
    assert.deepEqual({ hints, hits, waste, served, open }, { hints: 2, hits: 1, waste: 1, served: 1, open: [] });
    const waited = await page.evaluate((hinted) => sessionStorage.getItem("clicked") - hinted, hinted);
    assert.ok(waited > 100 && Math.abs(leadMilliseconds - waited) < 100, `${leadMilliseconds} ms, the test's clock says ${waited}`);
  }, { options });
});

test("a page that nobody hinted is a waste of all hints, and counts go on over pages", async () => {
  const options = { acrossPages: true };
  await inShop(browser, async (page, shop) => {
    await update(page, { a: 0.5, b: 0.3 });
    await prefetched(shop, 2);
    await page.click("#c");
    await page.waitForURL("**/p/c");
    await begin(page, { nonce: NONCE, ...options });
    await update(page, { b: 0.9 });
    await prefetched(shop, 3);
    await page.click("#b");
    await page.waitForURL("**/p/b");
    await begin(page, { nonce: NONCE, ...options });
    const { hints, hits, waste, served } = await report(page);
    assert.deepEqual({ hints, hits, waste, served }, { hints: 3, hits: 1, waste: 2, served: 1 });
    // What is stored are numbers, and they can be erased.
    const stored = () => page.evaluate(() => Object.entries(sessionStorage));
    const [[name, text]] = await stored();
    assert.equal(name, "foreclick.prefetch");
    assert.ok(Object.values(JSON.parse(text)).every((value) => typeof value === "number"), text);
    await page.evaluate(() => prefetcher.clear());
    assert.deepEqual(await stored(), []);
    assert.deepEqual((await report(page)).hints, 0);
  }, { options });
});

test("without acrossPages nothing is stored", async () => {
  await inShop(browser, async (page) => {
    await update(page, { a: 0.5 });
    await page.evaluate(() => prefetcher.visited("/p/a"));
    assert.deepEqual(await page.evaluate(() => Object.keys(sessionStorage)), []);
    assert.equal((await report(page)).hits, 1);
  });
});

test("damaged or full storage is no error", async () => {
  await inShop(browser, async (page) => {
    const counted = await page.evaluate(() => {
      const make = () => new Prefetcher({ url: (item) => `/p/${item}`, acrossPages: true });
      const hints = ["{", "[]", '{"hints":"many"}', "null"].map((text) => {
        sessionStorage.setItem("foreclick.prefetch", text);
        return make().report().hints;
      });
      Storage.prototype.setItem = () => {
        throw new DOMException("full", "QuotaExceededError");
      };
      const prefetcher = make();
      prefetcher.update([{ item: "a", probability: 1 }]);
      return [...hints, prefetcher.report().hints];
    });
    assert.deepEqual(counted, [0, 0, 0, 0, 1]);
  });
});

test("a policy that refuses the rules gets links", async () => {
  for (const options of [{ nonce: undefined }, { nonce: "wrong" }]) {
    await inShop(browser, async (page, shop) => {
      await update(page, { a: 0.5 });
      assert.deepEqual(await prefetched(shop, 1), ["/p/a"]);
      const { method, open } = await report(page);
      assert.deepEqual([method, open.length], ["links", 1]);
      await update(page, { a: 0.5, b: 0.5 });
      assert.deepEqual(await prefetched(shop, 2), ["/p/a", "/p/b"]);
    }, { options });
  }
  const policy = `${POLICY}; require-trusted-types-for 'script'`;
  await inShop(browser, async (page, shop) => {
    await update(page, { a: 0.5 });
    assert.deepEqual(await prefetched(shop, 1), ["/p/a"]);
    assert.equal((await report(page)).method, "links");
  }, { policy });
});

test("a browser without Speculation Rules gets links, one without either nothing", async () => {
  const noRules = () => {
    HTMLScriptElement.supports = (type) => type === "module";
  };
  await inShop(browser, async (page, shop) => {
    await update(page, { a: 0.5, b: 0.4, c: 0.3 });
    assert.deepEqual((await prefetched(shop, 2)).toSorted(), ["/p/a", "/p/b"]);
    const { method, hints } = await report(page);
    assert.deepEqual([method, hints], ["links", 2]);
    await page.evaluate(() => prefetcher.stop());
    assert.equal(await page.evaluate(() => document.querySelectorAll("link[rel=prefetch]").length), 0);
  }, { before: noRules });
  const neither = () => {
    HTMLScriptElement.supports = (type) => type === "module";
    DOMTokenList.prototype.supports = () => false;
  };
  await inShop(browser, async (page, shop) => {
    await update(page, { a: 0.5 });
    assert.deepEqual(await prefetched(shop, 0), []);
    const { method, hints } = await report(page);
    assert.deepEqual([method, hints], ["none", 0]);
  }, { before: neither });
});

test("a single-page app loads by its router, and counts in memory", async () => {
  await inShop(browser, async (page, shop) => {
    const { asked, first, second } = await page.evaluate(async () => {
      const asked = [];
      const prefetcher = new Prefetcher({ url: (item) => `/p/${item}`, load: (url) => asked.push(new URL(url).pathname) });
      prefetcher.update([{ item: "a", probability: 0.5 }, { item: "b", probability: 0.4 }]);
      history.pushState(null, "", "/p/a#reviews");
      const first = prefetcher.report();
      // Its place is free again, and b's hint still counts.
      prefetcher.update([{ item: "c", probability: 0.5 }]);
      prefetcher.visited(new URL("/p/b", location));
      prefetcher.visited("/p/b");
      prefetcher.visited("/elsewhere");
      return { asked, first, second: prefetcher.report() };
    });
    assert.deepEqual(asked, ["/p/a", "/p/b", "/p/c"]);
    assert.deepEqual([first.method, first.hits, first.open.length], ["load", 1, 1]);
    assert.deepEqual([second.hints, second.hits, second.waste, second.open.length], [3, 2, 0, 1]);
    assert.equal(shop.requests.length, 1);
  });
});

test("without a Navigation API clicks on links are visits", async () => {
  const before = () => {
    Object.defineProperty(globalThis, "navigation", { value: undefined });
  };
  await inShop(browser, async (page) => {
    await update(page, { a: 0.5, b: 0.4 });
    const hits = await page.evaluate(() => {
      const click = (id, options) => document.getElementById(id).dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ...options }));
      const hits = () => prefetcher.report().hits;
      const prevented = new AbortController();
      // After the Prefetcher has seen it, so that this page stays.
      addEventListener("click", (event) => event.preventDefault());
      document.body.addEventListener("click", (event) => event.preventDefault(), { signal: prevented.signal });
      click("a");
      const counted = [hits()];
      prevented.abort();
      click("a", { ctrlKey: true });
      counted.push(hits());
      click("a");
      return [...counted, hits()];
    });
    assert.deepEqual(hits, [0, 0, 1], "prevented, in another tab, here");
  }, { before });
});

test("stop takes the hints back and ends it", async () => {
  await inShop(browser, async (page, shop) => {
    await update(page, { a: 0.5 });
    await prefetched(shop, 1);
    await page.evaluate(() => {
      prefetcher.stop();
      prefetcher.stop();
    });
    await update(page, { b: 0.9 });
    assert.deepEqual(await prefetched(shop, 1), ["/p/a"]);
    assert.equal(await page.evaluate(() => document.querySelectorAll("script[type=speculationrules]").length), 0);
    const { hints, waste, open } = await report(page);
    assert.deepEqual([hints, waste, open], [1, 1, []]);
  });
});

test("both predictors can be followed, and only the latest prediction counts", async () => {
  await inShop(browser, async (page) => {
    const found = await page.evaluate(async () => {
      const found = [];
      for (const entry of ["index", "worker"]) {
        const { Predictor } = await import(`/foreclick/${entry}.js`);
        const predictor = await Predictor.load("/model.safetensors", { backend: "cpu" });
        predictor.observe({ item: "0000001" });
        const prefetcher = new Prefetcher({ url: (item) => `/p/${item}`, threshold: 1e-9, load() {} });
        const { items } = await prefetcher.refresh(predictor, { k: 5 });
        const open = prefetcher.report().open.map(({ url }) => new URL(url).pathname);
        found.push([open, items.slice(0, 2).map(({ item }) => `/p/${item}`)]);
        predictor.free();
      }
      // The first answer comes last.
      const answers = [];
      const slow = { predict: () => new Promise((resolve) => answers.push(resolve)) };
      const prefetcher = new Prefetcher({ url: (item) => `/p/${item}`, load() {} });
      const asked = [prefetcher.refresh(slow), prefetcher.refresh(slow)];
      answers[1]({ items: [{ item: "new", probability: 1 }] });
      answers[0]({ items: [{ item: "old", probability: 1 }] });
      await Promise.all(asked);
      return { found, last: prefetcher.report().open.map(({ url }) => new URL(url).pathname) };
    });
    for (const [open, expected] of found.found) assert.deepEqual(open, expected);
    assert.equal(found.found.length, 2);
    assert.deepEqual(found.last, ["/p/new"]);
  });
});
