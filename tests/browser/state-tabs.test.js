// foreclick/state in several tabs at once: nothing is lost, whoever is killed, and nothing comes back that was erased.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { kept, MODEL, NOTHING, start } from "./harness.js";
import { asVisitor, best, EVENTS, observe, openState, storedItems, uninterrupted, until } from "./visitor.js";

let site;
before(async () => {
  site = await start({ gpu: "none" });
});
after(() => site?.stop());

const visitor = (work) => asVisitor(site, work);
const items = EVENTS.map(({ item }) => item);

/** Two tabs with an open state. */
const inTwoTabs = (work, options) =>
  visitor(async (open) => {
    const [a, b] = [await open(options), await open(options)];
    for (const page of [a, b]) await openState(page);
    await work(a, b, open);
  });

const counted = (page) => page.evaluate(() => counted());

test("two tabs that write at once lose nothing", async () => {
  await inTwoTabs(async (a, b, open) => {
    const write = (page, name) =>
      page.evaluate(async (name) => {
        for (let place = 0; place < 100; place++) {
          predictor.observe({ item: `${name}${place}` });
          const updated = state.update("count", (value) => ({ ...value, [name]: place + 1, sum: (value?.sum ?? 0) + 1 }));
          state.flush();
          if (place % 10 === 0) await updated;
        }
        await state.flush();
      }, name);
    await Promise.all([write(a, "a"), write(b, "b")]);
    const third = await open();
    await openState(third);
    const stored = await storedItems(third);
    assert.equal(stored.length, 200);
    for (const name of ["a", "b"]) {
      const mine = stored.filter((item) => item.startsWith(name));
      assert.deepEqual(mine, Array.from({ length: 100 }, (_, place) => `${name}${place}`), "in their order");
    }
    assert.deepEqual(await third.evaluate(() => state.read("count")), { a: 100, b: 100, sum: 200 });
    // Each event once, also those that a tab met while it wrote.
    for (const page of [a, b]) {
      await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
      await until(page, async () => (await counted()) === 200);
    }
  });
});

test("tabs that write in the same millisecond do not overwrite each other", async () => {
  await inTwoTabs(
    async (a, b) => {
      await Promise.all([observe(a, EVENTS.slice(0, 30)), observe(b, EVENTS.slice(30, 40))]);
      assert.deepEqual((await storedItems(a)).toSorted(), items.slice(0, 40).toSorted());
    },
    { before: (now) => (Date.now = () => now), given: Date.now() },
  );
});

test("in a store of the page's own two states lose nothing either", async () => {
  await visitor(async (open) => {
    const page = await open();
    const found = await page.evaluate(async () => {
      const map = new Map();
      const later = (work) => new Promise((resolve) => setTimeout(() => resolve(work()), 3));
      const store = Object.fromEntries(["get", "set", "delete", "keys"].map((name) => [name, (...values) => later(() => map[name](...values))]));
      const other = await Predictor.load(bytes, { backend: "cpu" });
      const states = await Promise.all([predictor, other].map((predictor) => openState(predictor, { store })));
      const write = async (state, predictor, name) => {
        for (let place = 0; place < 30; place++) {
          predictor.observe({ item: `${name}${place}` });
          state.update("count", (value = 0) => value + 1);
          await state.flush();
        }
      };
      await Promise.all([write(states[0], predictor, "a"), write(states[1], other, "b")]);
      const { events } = await states[0].export();
      return [events.length, await states[1].read("count")];
    });
    assert.deepEqual(found, [60, 60]);
  });
});

test("a tab that is looked at again knows what happened in the other", async () => {
  await inTwoTabs(async (a, b) => {
    await observe(a, EVENTS.slice(0, 20));
    await observe(b, []);
    await b.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await until(b, async () => (await counted()) === 20);
    await observe(b, EVENTS.slice(20, 30));
    await a.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await until(a, async () => (await counted()) === 30);
    const expected = await uninterrupted(a, EVENTS.slice(0, 30));
    for (const page of [a, b]) assert.deepEqual(await best(page), expected);
  });
});

for (const round of [1, 2, 3]) {
  test(`a tab that is killed leaves what it had flushed, and nothing half written (${round})`, async () => {
    await visitor(async (open, context) => {
      const page = await open();
      await openState(page, { maxEvents: 2000 });
      let flushed = 0;
      page.on("console", (message) => {
        const [, count] = message.text().match(/^flushed (\d+)$/) ?? [];
        if (count) flushed = Number(count);
      });
      const crashed = page.waitForEvent("crash");
      page.evaluate(async () => {
        for (let count = 0; ; count += 3) {
          for (let place = count; place < count + 3; place++) predictor.observe({ item: `item-${place}` });
          state.update("count", () => new Uint8Array(10_000).fill(count));
          await state.flush();
          console.log(`flushed ${count + 3}`);
        }
      }).catch(() => {});
      while (flushed < 60 * round) await new Promise((resolve) => setTimeout(resolve, 5));
      const devtools = await context.newCDPSession(page);
      devtools.send("Page.crash").catch(() => {});
      await crashed;
      await page.close();
      const next = await open();
      assert.equal((await openState(next, { maxEvents: 2000 })).mode, "stored");
      const stored = await storedItems(next);
      assert.ok(stored.length >= flushed, `${stored.length} of ${flushed} that were flushed`);
      assert.equal(stored.length % 3, 0, "of what is written together all or nothing");
      assert.deepEqual(stored, Array.from(stored, (_, place) => `item-${place}`));
      const section = await next.evaluate(async () => [...new Set(await state.read("count"))]);
      assert.equal(section.length, 1);
    });
  });
}

test("where the database is deleted from outside, it falls back to the base model and begins anew", async () => {
  for (const entry of ["index", "worker"]) {
    await inTwoTabs(async (a, b) => {
      const base = await best(a);
      await observe(a, EVENTS.slice(0, 10));
      await a.evaluate(() => state.update("personal", () => 1));
      await a.evaluate(async (events) => {
        // Written just now, so that these wait.
        await state.flush();
        for (const event of events) predictor.observe(event);
        await new Promise((resolve, reject) => Object.assign(indexedDB.deleteDatabase("foreclick.default"), { onsuccess: resolve, onerror: reject }));
      }, EVENTS.slice(10, 15));
      for (const page of [a, b]) {
        await until(page, () => /erased/.test(state.status.reason));
        assert.equal((await page.evaluate(() => state.status)).mode, "stored");
        assert.deepEqual(await best(page), base);
        // Whoever looks makes no database.
        await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
        assert.deepEqual(await page.evaluate(() => state.stored()), []);
        assert.deepEqual(await storedItems(page), []);
        assert.equal(await page.evaluate(() => rows()), undefined, "nothing is written before there is something to keep");
      }
      await observe(b, EVENTS.slice(15, 20));
      await observe(a, []);
      assert.deepEqual(await storedItems(b), items.slice(15, 20));
      assert.deepEqual(await best(b), await uninterrupted(b, EVENTS.slice(15, 20)));
      assert.equal(await b.evaluate(async () => (await state.read("personal")) ?? null), null);
    }, { entry });
  }
});

test("rows that vanish without a word are not missed for long", async () => {
  await inTwoTabs(async (a, b) => {
    await observe(a, EVENTS.slice(0, 10));
    await b.evaluate(async () => {
      const db = await new Promise((resolve) => (indexedDB.open("foreclick.default").onsuccess = ({ target }) => resolve(target.result)));
      const transaction = db.transaction("rows", "readwrite");
      transaction.objectStore("rows").clear();
      await new Promise((resolve) => (transaction.oncomplete = resolve));
      db.close();
    });
    await a.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await until(a, async () => (await counted()) === 0);
    await observe(a, EVENTS.slice(10, 12));
    assert.deepEqual(await storedItems(a), items.slice(10, 12));
    assert.equal(await counted(a), 2);
  });
});

test("forget() leaves no byte, in this tab and in others", async () => {
  const integrity = `sha256-${createHash("sha256").update(readFileSync(MODEL)).digest("base64")}`;
  for (const from of ["state", "page"]) {
    await inTwoTabs(async (a, b, open) => {
      for (const page of [a, b]) {
        await page.evaluate(async (integrity) => {
          globalThis.prefetcher = new Prefetcher({ url: (item) => `/p/${item}`, acrossPages: true, load() {} });
          prefetcher.update([{ item: "a", probability: 0.9 }]);
          localStorage.setItem("foreclick.something", "1");
          localStorage.setItem("of the site", "1");
          for (const name of ["foreclick", "models"]) {
            const url = new URL(MODEL, location.href);
            url.search = new URLSearchParams({ integrity });
            await (await caches.open(name)).put(url, new Response(bytes));
          }
        }, integrity);
      }
      await a.evaluate(async () => {
        const other = await Predictor.load(bytes, { backend: "cpu" });
        globalThis.second = await openState(other, { name: "second", also: [new ModelCache("models")] });
        other.observe({ item: "0000001" });
        await second.flush();
      });
      await observe(a, EVENTS.slice(0, 10));
      await a.evaluate(() => state.update("personal", () => new Uint8Array(100)));
      const stored = await a.evaluate(async () => (await state.stored()).map(({ name, where }) => `${name}: ${where}`));
      assert.deepEqual(stored.toSorted(), [
        "Model files: Cache",
        "Prefetch counts: sessionStorage",
        "Session events: IndexedDB, foreclick.default",
        "foreclick.something: localStorage",
        "personal: IndexedDB, foreclick.default",
      ]);
      const everything = await a.evaluate(() => state.export());
      assert.equal(everything.cache.length, 1);
      assert.deepEqual(everything.localStorage, { "foreclick.something": "1" });
      assert.deepEqual(Object.keys(everything.sessionStorage), ["foreclick.prefetch"]);
      // Of these nothing is written yet.
      for (const page of [a, b]) {
        await page.evaluate(async (events) => {
          predictor.observe(events[0]);
          await state.flush();
          for (const event of events.slice(1)) predictor.observe(event);
        }, EVENTS.slice(10, 15));
      }

      if (from === "state") await a.evaluate(() => state.forget());
      // A tab without a state, such as one of settings.
      else await (await open()).evaluate(() => forget());
      // The cache of another name is in the other state's `also`, which hears of it.
      const left = { ...NOTHING, localStorage: ["of the site"] };
      for (const wait of [200, 1300]) {
        await a.waitForTimeout(wait);
        for (const page of [a, b]) {
          assert.deepEqual(await kept(page), left);
          assert.equal(await counted(page), 0);
        }
      }
      await b.evaluate(() => prefetcher.update([{ item: "b", probability: 0.9 }]));
      assert.equal(await b.evaluate(() => JSON.parse(sessionStorage["foreclick.prefetch"]).hints), 1, "the earlier count does not come back");
      // It goes on as new.
      await observe(b, EVENTS.slice(15, 17));
      assert.deepEqual(await storedItems(b), items.slice(15, 17));
    });
  }
});

test("what holds on to the database makes forget() say so", async () => {
  await inTwoTabs(async (a, b) => {
    await observe(a, EVENTS.slice(0, 3));
    await b.evaluate(async () => {
      globalThis.holder = await new Promise((resolve) => (indexedDB.open("foreclick.default").onsuccess = ({ target }) => resolve(target.result)));
    });
    const told = await a.evaluate(() => state.forget().then(() => "forgotten", ({ code, message }) => `${code}: ${message}`));
    assert.match(told, /^storage: not all could be erased .* close the site's other tabs/);
    await b.evaluate(() => holder.close());
    await a.evaluate(() => state.forget());
    assert.deepEqual(await kept(a), NOTHING);
  });
});

test("a pause and a reset reach the other tab", async () => {
  await inTwoTabs(async (a, b) => {
    await observe(a, EVENTS.slice(0, 3));
    await a.evaluate(() => state.pause());
    await until(b, () => state.status.mode === "paused");
    await observe(b, EVENTS.slice(3, 5));
    await b.evaluate(() => state.resume());
    await until(a, () => state.status.mode === "stored");
    await observe(a, EVENTS.slice(5, 7));
    assert.deepEqual(await storedItems(b), [...items.slice(0, 3), ...items.slice(5, 7)]);
    await a.evaluate(() => predictor.reset());
    await until(b, async () => (await counted()) === 0);
    assert.deepEqual(await kept(b), NOTHING);
  });
});
