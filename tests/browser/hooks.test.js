// foreclick/react and foreclick/vue in real small apps, with a real predictor.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { onPage, PACKAGE, start } from "./harness.js";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const APPS = {
  "react 19": { source: "react", alias: {} },
  "react 18": { source: "react", alias: { react: "react-18", "react-dom": "react-dom-18" } },
  vue: { source: "vue", alias: {} },
};

let folder;
let site;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "foreclick-hooks-"));
  for (const [name, { source, alias }] of Object.entries(APPS)) await bundle(name, source, alias);
  site = await start({ gpu: "none", folders: { "/apps/": folder } });
});
after(async () => {
  await site?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function bundle(name, source, alias) {
  const found = Object.fromEntries(Object.entries(alias).map(([name, other]) => [name, at(`node_modules/${other}`)]));
  const bundle = await rolldown({
    input: at(`hooks/${source}.js`),
    platform: "browser",
    resolve: {
      alias: { [`foreclick/${source}`]: join(PACKAGE, `${source}.js`), vue: at("node_modules/vue"), react: at("node_modules/react"), ...found },
    },
    // StrictMode mounts twice in development alone.
    transform: { define: { "process.env.NODE_ENV": '"development"', __VUE_OPTIONS_API__: "true", __VUE_PROD_DEVTOOLS__: "false", __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false" } },
  });
  await bundle.write({ file: join(folder, `${name.replace(" ", "-")}.js`), format: "esm", codeSplitting: false });
}

/** Opens the page with an app in it. `load` there makes real predictors, and `alive` counts those that are not freed. */
const inApp = (name, work) =>
  onPage(site, async (page) => {
    await page.evaluate(async (file) => {
      await import(file);
      const { Predictor: Threaded } = await import("/foreclick/worker.js");
      Object.assign(globalThis, { alive: 0, loads: 0, signals: [] });
      const count = (predictor) => {
        globalThis.alive++;
        const free = predictor.free.bind(predictor);
        predictor.free = () => {
          globalThis.alive--;
          free();
        };
        return predictor;
      };
      const track = (make) => async (signal) => {
        globalThis.loads++;
        signals.push(signal);
        return count(await make(signal));
      };
      // It does not heed the signal, so that what comes too late must be freed.
      globalThis.load = track(() => foreclick.Predictor.load(MODEL, { backend: "cpu" }));
      globalThis.loadThreaded = track((signal) => Threaded.load(MODEL, { backend: "cpu", signal }));
      globalThis.shown = () => [...document.querySelectorAll("#items li")].map(({ textContent }) => textContent);
      globalThis.text = (id) => document.getElementById(id)?.textContent;
    }, `/apps/${name.replace(" ", "-")}.js`);
    await work(page);
  });

/** What a predictor of its own answers after the same events. */
const expected = (page, events, k) =>
  page.evaluate(async ({ events, k }) => {
    const predictor = await foreclick.Predictor.load(MODEL, { backend: "cpu" });
    for (const item of events) predictor.observe({ item });
    const { items } = await predictor.predict({ k, exclude: ["0000002"] });
    predictor.free();
    return items.map(({ item }) => item);
  }, { events, k });

const untilShown = async (page, items) => {
  await page.waitForFunction((items) => JSON.stringify(shown()) === JSON.stringify(items), items, { timeout: 5000 });
};

for (const name of Object.keys(APPS)) {
  for (const load of ["load", "loadThreaded"]) {
    test(`predictions follow the events, from before the load on (${name}, ${load})`, async () => {
      await inApp(name, async (page) => {
        await page.evaluate((load) => {
          globalThis.app = mount({ load: globalThis[load], model: 1, k: 3, first: "0000007" }, false);
        }, load);
        assert.equal(await page.evaluate(() => text("load") ?? "loading"), "loading");
        await untilShown(page, await expected(page, ["0000007"], 3));
        await page.evaluate(() => session.observe({ item: "0000009" }));
        await untilShown(page, await expected(page, ["0000007", "0000009"], 3));
        await page.evaluate((load) => app.render({ load: globalThis[load], model: 1, k: 5, first: "0000007", explained: "0000011" }), load);
        await untilShown(page, await expected(page, ["0000007", "0000009"], 5));
        await page.waitForFunction(() => text("why") === "0000011 2");
        await page.evaluate(() => session.reset());
        await untilShown(page, await expected(page, [], 5));
        assert.deepEqual(await page.evaluate(() => [loads, alive]), [1, 1]);
        await page.evaluate(() => app.unmount());
        await page.waitForFunction(() => alive === 0);
        assert.equal(await page.evaluate(() => signals.every(({ aborted }) => aborted)), true);
        for (let round = 0; round < 50 && page.workers().length > 0; round++) await page.waitForTimeout(20);
        assert.equal(page.workers().length, 0);
      });
    });
  }

  test(`another model replaces the first, which is freed (${name})`, async () => {
    await inApp(name, async (page) => {
      const props = { k: 3 };
      await page.evaluate((props) => {
        globalThis.app = mount({ load, model: 1, ...props }, false);
      }, props);
      await page.waitForFunction(() => shown().length === 3);
      await page.evaluate((props) => {
        session.observe({ item: "0000009" });
        app.render({ load, model: 2, ...props });
      }, props);
      await page.waitForFunction(() => loads === 2 && alive === 1 && text("load") === "loaded");
      await untilShown(page, await expected(page, [], 3));
      await page.evaluate(() => app.unmount());
      await page.waitForFunction(() => alive === 0);
    });
  });

  test(`a session that is kept goes on at the next mount (${name})`, async () => {
    await inApp(name, async (page) => {
      await page.evaluate(async () => {
        const { openState } = await import("/foreclick/state.js");
        globalThis.loadKept = async (signal) => {
          const predictor = await load(signal);
          await openState(predictor);
          return predictor;
        };
        globalThis.app = mount({ load: loadKept, model: 1, k: 3, first: "0000007" }, false);
      });
      await untilShown(page, await expected(page, ["0000007"], 3));
      await page.evaluate(() => {
        session.observe({ item: "0000009" });
        app.unmount();
      });
      await page.waitForFunction(() => alive === 0);
      await page.evaluate(() => {
        globalThis.app = mount({ load: loadKept, model: 1, k: 3 }, false);
      });
      await untilShown(page, await expected(page, ["0000007", "0000009"], 3));
    });
  });

  test(`a load that fails and a wrong question are told (${name})`, async () => {
    await inApp(name, async (page) => {
      await page.evaluate(() => {
        globalThis.app = mount({ load: () => foreclick.Predictor.load(new Uint8Array(9)), model: 1, k: 3, first: "0000007" }, false);
      });
      await page.waitForFunction(() => text("load") === "format");
      await page.evaluate(() => app.render({ load, model: 2, k: -1, explained: "no such item" }));
      await page.waitForFunction(() => document.getElementById("items").title === "argument" && text("why") === "argument");
      await page.evaluate(() => app.render({ load, model: 2, k: 2, explained: null }));
      await page.waitForFunction(() => shown().length === 2 && text("why") === "none");
    });
  });
}

for (const name of ["react 19", "react 18"]) {
  for (const load of ["load", "loadThreaded"]) {
    test(`StrictMode's two mounts leave one predictor, and none after the end (${name}, ${load})`, async () => {
      await inApp(name, async (page) => {
        await page.evaluate((load) => {
          globalThis.app = mount({ load: globalThis[load], model: 1, k: 3, first: "0000007" }, true);
        }, load);
        await untilShown(page, await expected(page, ["0000007"], 3));
        await page.waitForFunction(() => loads === 2 && alive === 1);
        const { events } = await page.evaluate(async () => session.predictor.diagnostics());
        assert.equal(events, 1, "the first event once, though its effect ran twice");
        await page.evaluate(() => app.unmount());
        await page.waitForFunction(() => alive === 0);
        for (let round = 0; round < 50 && page.workers().length > 0; round++) await page.waitForTimeout(20);
        assert.equal(page.workers().length, 0);
      });
    });
  }

  test(`mounting fifty times takes hardly more memory than ten times (${name})`, async () => {
    await inApp(name, async (page) => {
      const grown = await page.evaluate(async () => {
        const round = async () => {
          const app = mount({ load, model: 1, k: 3 }, true);
          while (text("load") !== "loaded" || shown().length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
          const { memoryBytes } = session.predictor.diagnostics();
          app.unmount();
          while (alive > 0) await new Promise((resolve) => setTimeout(resolve, 5));
          document.querySelector("main").remove();
          return memoryBytes;
        };
        const bytes = [];
        for (let at = 0; at < 50; at++) bytes.push(await round());
        return bytes.at(-1) - bytes[9];
      });
      // Two may be there at once in some rounds and not in others; forty that stay would be 7 MB.
      assert.ok(grown < 1e6, `${grown} bytes`);
    });
  });
}
