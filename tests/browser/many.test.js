// Many sessions, given lists, and what the diagnostics tell of costs: alike on the page's thread and in a worker.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertSameRanking, nativeSessions, onPage, start } from "./harness.js";

let site;
before(async () => {
  site = await start();
});
after(() => site?.stop());

const SESSIONS = nativeSessions();

/** Runs `work` with a loaded `predictor` on the page, from both entries. */
async function withBoth(work) {
  for (const entry of ["/foreclick/index.js", "/foreclick/worker.js"]) {
    await onPage(site, async (page) => {
      await page.evaluate(async (entry) => {
        const { Predictor } = await import(entry);
        globalThis.predictor = await Predictor.load(MODEL, { backend: "cpu" });
      }, entry);
      await work(page, entry);
    });
  }
}

test("many sessions are predicted as one by one, and the predictor's own session stays", async () => {
  const sessions = SESSIONS.map(({ events }) => events);
  await withBoth(async (page, entry) => {
    const { many, own, same, events } = await page.evaluate(async (sessions) => {
      predictor.observe({ item: "0000003", group: "own" });
      const own = (await predictor.predict()).items;
      const many = await predictor.predictMany(sessions);
      const same = (await predictor.predict()).items;
      return { many, own, same, events: (await predictor.diagnostics()).events };
    }, sessions);
    assert.deepEqual([many.length, events], [sessions.length, 1], entry);
    many.forEach(({ items, backend, milliseconds }, place) => {
      assert.equal(backend, "cpu");
      assert.ok(milliseconds >= 0 && milliseconds < 1000);
      assertSameRanking(items, SESSIONS[place].items, `${entry}, session ${place}`);
    });
    assert.deepEqual(same, own);
    // The comparison must be able to fail.
    assert.throws(() => assertSameRanking(many[0].items, SESSIONS[1].items, "another session"));
  });
});

test("a long session is predicted as if each event had been observed", async () => {
  await withBoth(async (page, entry) => {
    // Past the encoder's sight, and past what is kept of a session.
    for (const length of [300, 10_020]) {
      const { whole, each } = await page.evaluate(async (length) => {
        const number = (place) => String((place * 7919) % 3000).padStart(7, "0");
        const events = Array.from({ length }, (_, place) => ({ item: number(place), time: 1e12 + place * 1e6, group: `g${place >> 2}` }));
        predictor.reset();
        for (const event of events) predictor.observe(event);
        const [whole] = await predictor.predictMany([events]);
        return { whole: whole.items, each: (await predictor.predict()).items };
      }, length);
      assertSameRanking(whole, each, `${entry}, ${length} events`);
    }
  });
});

test("a given list is ranked, with probabilities among its items", async () => {
  await withBoth(async (page, entry) => {
    const { all, ranked, few, none, many } = await page.evaluate(async () => {
      predictor.observe({ item: "0000003", group: "a" });
      const all = (await predictor.predict({ k: 3000 })).items;
      const list = ["0000009", "no such item", "0000700", "0000003", "0000700", "0000012"];
      const ranked = await predictor.rank(list);
      const few = await predictor.rank(list, { k: 2, exclude: ["0000009"] });
      const [many] = await predictor.predictMany([[{ item: "0000003", group: "a" }]], { candidates: list, k: 9 });
      return { all, ranked, few, none: (await predictor.rank([])).items, many };
    });
    const items = ({ items }) => items.map(({ item }) => item);
    // 0000003 is in the open group already.
    const expected = all.filter(({ item }) => ["0000009", "0000700", "0000012"].includes(item));
    assert.equal(expected.length, 3);
    assertSameRanking(ranked.items, expected, entry);
    assertSameRanking(many.items, expected, entry);
    const sum = ranked.items.reduce((sum, { probability }) => sum + probability, 0);
    assert.ok(Math.abs(sum - 1) < 1e-5, `probabilities sum to ${sum}`);
    assert.deepEqual(items(few), items(ranked).filter((item) => item !== "0000009"));
    assert.deepEqual(none, []);
  });
});

test("a batch lets the page work, can be ended, and says which session is wrong", async () => {
  await withBoth(async (page, entry) => {
    const { longest, ticks, reason, codes, after } = await page.evaluate(async () => {
      const session = Array.from({ length: 20 }, (_, place) => ({ item: String(place).padStart(7, "0") }));
      const sessions = Array(3000).fill(session);
      let ticks = 0;
      let longest = 0;
      let last = performance.now();
      const timer = setInterval(() => {
        ticks++;
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
      }, 1);
      await predictor.predictMany(sessions);
      clearInterval(timer);
      const abort = new AbortController();
      setTimeout(() => abort.abort(new RangeError("enough")), 30);
      const fails = (call) => call().then(() => "passed", ({ code, message }) => `${code ?? "none"}: ${message}`);
      const reason = await fails(() => predictor.predictMany(sessions, { signal: abort.signal }));
      const codes = [
        await fails(() => predictor.predictMany([[], [{ itme: "a" }]])),
        await fails(() => predictor.predictMany([[], { item: "a" }])),
        await fails(() => predictor.predictMany([[]], { k: -1 })),
        await fails(() => predictor.predictMany(7)),
        await fails(() => predictor.rank("0000003")),
        await fails(() => predictor.rank()),
        await fails(() => predictor.predictMany([], { signal: AbortSignal.abort(new RangeError("before")) })),
      ];
      return { longest, ticks, reason, codes, after: (await predictor.predict()).items.length };
    });
    assert.ok(ticks > 5 && longest < 500, `${entry}: ${ticks} ticks, the longest pause ${longest} ms`);
    assert.equal(reason, "none: enough");
    assert.match(codes[0], /^event: session 1: .*"itme"/);
    assert.match(codes[1], /^argument: session 1: expected an array/);
    assert.match(codes[2], /^argument: session 0: /);
    assert.match(codes[3], /^argument: /);
    assert.match(codes[4], /^argument: .*array/);
    assert.match(codes[5], /^argument: .*array/);
    assert.equal(codes[6], "none: before");
    assert.equal(after, 10);
  });
});

test("batches leave no memory behind", async () => {
  await onPage(site, async (page) => {
    const sizes = await page.evaluate(async () => {
      const predictor = await foreclick.Predictor.load(MODEL, { backend: "cpu" });
      const sizes = [];
      for (let round = 0; round < 60; round++) {
        await predictor.predictMany([[{ item: "0000001" }], []]);
        await predictor.predictMany([[{ itme: "wrong" }]]).catch(() => {});
        sizes.push(predictor.diagnostics().memoryBytes);
      }
      return sizes;
    });
    assert.equal(sizes.at(-1), sizes[5], String(sizes));
  });
});

test("costs of events and predictions are told apart", async () => {
  await withBoth(async (page, entry) => {
    const [fresh, used] = await page.evaluate(async () => {
      const fresh = await predictor.diagnostics();
      for (let place = 0; place < 80; place++) predictor.observe({ item: String(place).padStart(7, "0") });
      for (let round = 0; round < 3; round++) await predictor.predict();
      await predictor.rank(["0000001"]);
      return [fresh, await predictor.diagnostics()];
    });
    assert.deepEqual([fresh.observe, fresh.predict], [{ count: 0, milliseconds: 0 }, { count: 0, milliseconds: 0 }], entry);
    assert.deepEqual([used.observe.count, used.predict.count], [80, 4]);
    for (const { milliseconds } of [used.observe, used.predict]) assert.ok(milliseconds > 0 && milliseconds < 100);
    assert.equal(used.load.from, "network");
    assert.ok(used.load.milliseconds > 0);
  });
});
