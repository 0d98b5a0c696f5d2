// foreclick/devtools over a live page, under the strict policy of the tests' server.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { onPage, start } from "./harness.js";

const SCREENSHOTS = fileURLToPath(new URL("../../build/screenshots/", import.meta.url));
mkdirSync(SCREENSHOTS, { recursive: true });

let site;
before(async () => {
  site = await start({ gpu: "none" });
});
after(() => site?.stop());

/** Opens a page that shows the best three items of a session as cards, and the panel over it. */
const inPanel = (work, { entry = "index" } = {}) =>
  onPage(site, async (page) => {
    await page.evaluate(async (entry) => {
      const [{ Predictor }, { Devtools }, { Prefetcher }] = await Promise.all(
        [entry, "devtools", "prefetch"].map((name) => import(`/foreclick/${name}.js`)),
      );
      globalThis.predictor = await Predictor.load(MODEL, { backend: "cpu" });
      for (const item of ["0000007", "0000009", "0000013"]) predictor.observe({ item });
      const { items } = await predictor.predict({ k: 3 });
      globalThis.best = items.map(({ item }) => item);
      globalThis.prefetcher = new Prefetcher({ url: (item) => `/p/${item}`, threshold: 1e-9, acrossPages: true, load() {} });
      prefetcher.update(items);
      prefetcher.visited(`/p/${best[0]}`);
      prefetcher.update([{ item: "other", probability: 0.9 }, { item: "third", probability: 0.8 }]);
      const grid = Object.assign(document.createElement("main"), { id: "grid" });
      for (const item of [best[1], "0000001", best[0], best[2]]) {
        const link = Object.assign(document.createElement("a"), { href: `#${item}`, textContent: `Product ${item}` });
        link.dataset.fcItem = item;
        grid.append(link);
      }
      Object.assign(grid.style, { display: "grid", gridTemplateColumns: "repeat(auto-fill, 150px)", gap: "28px", padding: "28px" });
      for (const link of grid.children) Object.assign(link.style, { height: "110px", padding: "14px", background: "#8883", color: "inherit", borderRadius: "12px", font: "15px system-ui" });
      Object.assign(document.body.style, { colorScheme: "light dark", background: "Canvas", color: "CanvasText", margin: 0 });
      document.documentElement.style.colorScheme = "light dark";
      document.body.append(grid);
      globalThis.Devtools = Devtools;
      globalThis.show = (options) => {
        globalThis.panel = new Devtools(predictor, { prefetcher, ...options });
      };
    }, entry);
    await work(page);
  });

const shadow = (page, selector) => page.locator(`foreclick-devtools ${selector}`);

/** Until the panel explains something. */
async function shown(page, options = "none") {
  await page.evaluate((options) => {
    const all = {
      none: {},
      kept: { label: (item) => `Product ${item}`, state: globalThis.state },
      names: { label: (item) => `Product ${item}`, stored: () => [{ name: "Learned on this device", bytes: 2048 }], forget: () => prefetcher.clear() },
    };
    show(all[options]);
  }, options);
  await shadow(page, "section[aria-label=Why] .term").first().waitFor();
}

for (const entry of ["index", "worker"]) {
  test(`it shows what the predictor says (${entry})`, async () => {
    await inPanel(async (page) => {
      await shown(page);
      const { items, explanation } = await page.evaluate(async () => {
        const { items } = await predictor.predict({ k: 5 });
        return { items, explanation: await predictor.explain(items[0].item, { events: 8 }) };
      });
      const rows = await shadow(page, ".next .name").allTextContents();
      assert.deepEqual(rows, items.map(({ item }) => item));
      const terms = await shadow(page, "section[aria-label=Why] ul:not(.events) .term").allTextContents();
      assert.deepEqual(terms.length, Object.keys(explanation.terms).length);
      const [[name, value]] = Object.entries(explanation.terms);
      assert.equal(terms[0], `${name}${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`);
      assert.equal(await shadow(page, ".events .term").count(), explanation.events.length);
      assert.match(await shadow(page, "section[aria-label=Engine]").textContent(), /CPU, the CPU was asked for.*3 events.*3,000 items/);
      assert.equal(await shadow(page, ".chip").textContent(), "CPU");
      // Each event, by itself within its interval.
      await page.evaluate(() => predictor.observe({ item: "0000011" }));
      const next = await page.evaluate(async () => (await predictor.predict({ k: 5 })).items.map(({ item }) => item));
      await page.waitForFunction((next) => {
        const rows = [...panel.element.shadowRoot.querySelectorAll(".next .name")].map(({ textContent }) => textContent);
        return JSON.stringify(rows) === JSON.stringify(next) && panel.element.shadowRoot.textContent.includes("4 events");
      }, next);
      await page.evaluate(() => panel.close());
      assert.equal(await page.locator("foreclick-devtools").count(), 0);
    }, { entry });
  });
}

test("ranks lie on the elements of their items, also after scrolling", async () => {
  await inPanel(async (page) => {
    await shown(page);
    const places = () =>
      page.evaluate(() =>
        best.map((item, place) => {
          const target = document.querySelector(`[data-fc-item="${item}"]`).getBoundingClientRect();
          const badge = [...panel.element.shadowRoot.querySelectorAll(".badge")].find(({ textContent }) => textContent.startsWith(`${place + 1} `));
          const box = badge.getBoundingClientRect();
          return [Math.round(box.left - Math.max(2, target.left - 6)), Math.round(box.top - Math.max(2, target.top - 9))];
        }),
      );
    assert.deepEqual(await places(), Array(3).fill([0, 0]));
    assert.equal(await shadow(page, ".badge").count(), 3);
    await page.evaluate(() => {
      document.body.style.height = "3000px";
      scrollTo(0, 20);
    });
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    assert.deepEqual(await places(), Array(3).fill([0, 0]));
    // The page below can be clicked as before.
    await page.click("main a >> nth=0");
    assert.match(page.url(), /#/);
  });
});

test("prefetches and what is stored are shown, and can be forgotten", async () => {
  await inPanel(async (page) => {
    await shown(page, "names");
    const prefetch = await shadow(page, "section[aria-label=Prefetch]").textContent();
    assert.match(prefetch, /Hits1 of 4.*Waste1.*Lead time.*\/p\/other 90%, \/p\/third 80%.*load/);
    const stored = shadow(page, "section[aria-label='Stored on this device']");
    assert.match(await stored.textContent(), /Prefetch counts\d+ B.*Learned on this device2 kB/);
    await shadow(page, ".forget").click();
    await page.waitForFunction(() => panel.element.shadowRoot.textContent.includes("Forgotten."));
    await page.waitForFunction(() => !panel.element.shadowRoot.textContent.includes("Prefetch counts"));
    assert.deepEqual(await page.evaluate(() => Object.keys(sessionStorage)), []);
  });
  await inPanel(async (page) => {
    await shown(page);
    assert.equal(await shadow(page, ".forget").count(), 0);
  });
});

/** Opens a state that has kept an event and a section. */
const keep = (page) =>
  page.evaluate(async () => {
    const { openState } = await import("/foreclick/state.js");
    globalThis.state = await openState(predictor);
    predictor.observe({ item: "0000011" });
    await state.update("personal", () => new Uint8Array(2304));
    await state.flush();
  });

test("what a state keeps is shown with its age and how it is kept, and can be forgotten", async () => {
  await inPanel(async (page) => {
    await keep(page);
    await shown(page, "kept");
    const stored = shadow(page, "section[aria-label='Stored on this device']");
    assert.match(await stored.textContent(), /Session events\d+ B, just now.*personal2 kB, just now.*Prefetch counts\d+ B.*Kept on this device \(IndexedDB/);
    await shadow(page, ".forget").click();
    await page.waitForFunction(() => panel.element.shadowRoot.textContent.includes("Forgotten."));
    await page.waitForFunction(() => /Nothing\..*What was kept has been erased/.test(panel.element.shadowRoot.textContent));
    assert.deepEqual(await page.evaluate(() => indexedDB.databases()), []);
    await page.waitForFunction(() => panel.element.shadowRoot.textContent.includes("0 events"));
  });
});

test("the keyboard suffices", async () => {
  await inPanel(async (page) => {
    await shown(page);
    const focused = () => page.evaluate(() => panel.element.shadowRoot.activeElement?.getAttribute("aria-label") ?? panel.element.shadowRoot.activeElement?.textContent);
    await shadow(page, ".next button").first().focus();
    await page.keyboard.press("ArrowDown");
    const second = await page.evaluate(() => best[1]);
    assert.match(await focused(), new RegExp(second));
    await page.keyboard.press("Enter");
    await page.waitForFunction((item) => panel.element.shadowRoot.querySelector("section[aria-label=Why] h3").textContent === `Why ${item}`, second);
    assert.match(await focused(), new RegExp(second), "the focus stays");
    assert.equal(await shadow(page, ".next button[aria-pressed=true]").count(), 1);
    await page.keyboard.press("Escape");
    assert.equal(await focused(), "Show foreclick's panel");
    assert.equal(await shadow(page, ".panel").isVisible(), false);
    assert.equal(await shadow(page, ".badge").count(), 0);
    await page.keyboard.press("Enter");
    assert.equal(await focused(), "Hide the panel");
    await shadow(page, ".badge").first().waitFor();
  });
});

test("a predictor that was freed is told of, and wrong options are errors", async () => {
  await inPanel(async (page) => {
    await shown(page);
    await page.evaluate(() => predictor.free());
    await page.waitForFunction(() => panel.element.shadowRoot.querySelector(".problem").textContent.includes("was freed"));
    const wrong = await page.evaluate(() =>
      [[undefined], [{}], [predictor, { k: 0 }], [predictor, { kk: 3 }], [predictor, { prefetcher: {} }]].map((given) => {
        try {
          return String(new Devtools(...given));
        } catch ({ code }) {
          return code;
        }
      }),
    );
    assert.deepEqual(wrong, Array(5).fill("argument"));
  });
});

// To look at; what a picture shows a test can't judge.
for (const [name, colorScheme, width, height] of [["light", "light", 1100, 760], ["dark", "dark", 1100, 760], ["narrow", "light", 390, 780]]) {
  test(`it fits its window (${name})`, async () => {
    await inPanel(async (page) => {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height });
      await keep(page);
      await shown(page, "kept");
      const box = await shadow(page, ".panel").boundingBox();
      assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height, JSON.stringify(box));
      const wide = await page.evaluate(() => {
        const body = panel.element.shadowRoot.querySelector(".body");
        return body.scrollWidth - body.clientWidth;
      });
      assert.equal(wide, 0, "nothing is cut off at the side");
      await page.screenshot({ path: `${SCREENSHOTS}devtools-${name}.png` });
      await shadow(page, ".forget").scrollIntoViewIfNeeded();
      await page.screenshot({ path: `${SCREENSHOTS}devtools-${name}-end.png` });
    });
  });
}
