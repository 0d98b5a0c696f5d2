// foreclick/prefetch over real navigations: what the browser asks a server for, and what is counted of it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launchChromium } from "./chromium.js";
import { NONCE, openShop, POLICY } from "./shop.js";

let browser;
before(async () => {
  browser = await launchChromium({ gpu: "none" });
});
after(() => browser?.close());

const LINKS = ["a", "b", "c"].map((item) => `<a id="${item}" href="/p/${item}">${item}</a>`).join(" ");
const prediction = (probabilities) => Object.entries(probabilities).map(([item, probability]) => ({ item, score: 0, probability }));

/**
 * Opens the shop and gives the page `prefetcher`; `work` gets the page and the shop. `before` runs in each page before
 * its scripts, `options` are the Prefetcher's.
 */
async function inShop(work, { body = LINKS, policy = POLICY, before, options } = {}) {
  const shop = await openShop({ body, policy });
  const context = await browser.newContext();
  try {
    if (before) await context.addInitScript(before);
    const page = await context.newPage();
    await page.goto(shop.url);
    await begin(page, { nonce: NONCE, ...options });
    await work(page, shop, context);
  } finally {
    await context.close();
    shop.close();
  }
}

async function begin(page, options) {
  await page.evaluate(async (options) => {
    const { Prefetcher } = await import("/foreclick/prefetch.js");
    globalThis.Prefetcher = Prefetcher;
    globalThis.prefetcher = new Prefetcher({ url: (item) => `/p/${item}`, ...options });
  }, options);
}

const update = (page, probabilities) => page.evaluate((items) => prefetcher.update(items), prediction(probabilities));
const report = (page) => page.evaluate(() => prefetcher.report());
const openPaths = async (page) => (await report(page)).open.map(({ url }) => new URL(url).pathname);

/** The pages that were asked for without a click, once there are as many as expected and no more come. */
async function prefetched({ requests }, count) {
  const found = () => requests.filter(({ purpose }) => purpose.startsWith("prefetch")).map(({ path }) => path);
  for (let round = 0; round < 100 && found().length < count; round++) await new Promise((resolve) => setTimeout(resolve, 20));
  await new Promise((resolve) => setTimeout(resolve, 150));
  return found();
}

test("a rule's page is requested, served to the click, and counted: hits, waste, lead time", async () => {
  const options = { acrossPages: true };
  await inShop(async (page, shop) => {
    const hinted = Date.now();
    await update(page, { a: 0.5, b: 0.3, c: 0.1 });
    assert.deepEqual((await prefetched(shop, 2)).toSorted(), ["/p/a", "/p/b"]);
    assert.equal((await report(page)).method, "rules");
    await page.waitForTimeout(400);
    const clicked = Date.now();
    await page.click("#a");
    await page.waitForURL("**/p/a");
    assert.equal(shop.requests.filter(({ path }) => path === "/p/a").length, 1, "the click asks the server for nothing");

    await begin(page, { nonce: NONCE, ...options });
    const { hints, hits, waste, served, open, leadMilliseconds } = await report(page);
    assert.deepEqual({ hints, hits, waste, served, open }, { hints: 2, hits: 1, waste: 1, served: 1, open: [] });
    assert.ok(Math.abs(leadMilliseconds - (clicked - hinted)) < 250, `${leadMilliseconds} ms, the test's clock says ${clicked - hinted}`);
  }, { options });
});

test("a page that nobody hinted is a waste of all hints, and counts go on over pages", async () => {
  const options = { acrossPages: true };
  await inShop(async (page, shop) => {
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
  await inShop(async (page) => {
    await update(page, { a: 0.5 });
    await page.evaluate(() => prefetcher.visited("/p/a"));
    assert.deepEqual(await page.evaluate(() => Object.keys(sessionStorage)), []);
    assert.equal((await report(page)).hits, 1);
  });
});

test("damaged or full storage is no error", async () => {
  await inShop(async (page) => {
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
    await inShop(async (page, shop) => {
      await update(page, { a: 0.5 });
      assert.deepEqual(await prefetched(shop, 1), ["/p/a"]);
      const { method, open } = await report(page);
      assert.deepEqual([method, open.length], ["links", 1]);
      await update(page, { a: 0.5, b: 0.5 });
      assert.deepEqual(await prefetched(shop, 2), ["/p/a", "/p/b"]);
    }, { options });
  }
  const policy = `${POLICY}; require-trusted-types-for 'script'`;
  await inShop(async (page, shop) => {
    await update(page, { a: 0.5 });
    assert.deepEqual(await prefetched(shop, 1), ["/p/a"]);
    assert.equal((await report(page)).method, "links");
  }, { policy });
});

test("a browser without Speculation Rules gets links, one without either nothing", async () => {
  const noRules = () => {
    HTMLScriptElement.supports = (type) => type === "module";
  };
  await inShop(async (page, shop) => {
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
  await inShop(async (page, shop) => {
    await update(page, { a: 0.5 });
    assert.deepEqual(await prefetched(shop, 0), []);
    const { method, hints } = await report(page);
    assert.deepEqual([method, hints], ["none", 0]);
  }, { before: neither });
});

test("at most two are out, likelier pages take the place of others, and no page is hinted twice", async () => {
  await inShop(async (page, shop) => {
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
  await inShop(async (page) => {
    await update(page, { a: 0.9, b: 0.8 });
    assert.deepEqual(await openPaths(page), ["/p/a"]);
    await update(page, { b: 0.8 });
    assert.deepEqual(await openPaths(page), ["/p/b"]);
  }, { options: { limit: 1 } });
});

test("the threshold counts, for the sum of a page's items", async () => {
  await inShop(async (page) => {
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
  await inShop(async (page, shop) => {
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
    await inShop(async (page, shop) => {
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
  await inShop(async (page, shop) => {
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

test("a single-page app loads by its router, and counts in memory", async () => {
  await inShop(async (page, shop) => {
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
  await inShop(async (page) => {
    await update(page, { a: 0.5, b: 0.4 });
    const hits = await page.evaluate(() => {
      const click = (id, options) => document.getElementById(id).dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ...options }));
      const hits = () => prefetcher.report().hits;
      const prevented = new AbortController();
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
  await inShop(async (page, shop) => {
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
  await inShop(async (page) => {
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

test("wrong options are errors that say so", async () => {
  await inShop(async (page) => {
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
