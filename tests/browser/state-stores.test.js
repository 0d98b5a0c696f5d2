// foreclick/state where the store is another, missing, full, damaged or silent: never an error in the page.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { start } from "./harness.js";
import { asVisitor, best, EVENTS, observe, openState, storedItems, uninterrupted, visit } from "./visitor.js";

let site;
before(async () => {
  site = await start({ gpu: "none" });
});
after(() => site?.stop());

const visitor = (work) => asVisitor(site, work);
const items = EVENTS.map(({ item }) => item);

/** The session goes on without the store, and nothing is thrown. */
async function expectMemory(page, reason) {
  const before = await page.evaluate(() => counted());
  await observe(page, EVENTS.slice(10, 20));
  const { mode, reason: told } = await page.evaluate(() => state.status);
  assert.equal(mode, "memory");
  assert.match(told, reason);
  assert.equal(await page.evaluate(() => counted()), before + 10);
  assert.equal(await page.evaluate(() => state.update("a", () => 5)), false);
  assert.equal(await page.evaluate(() => state.read("a")), 5);
  assert.deepEqual(await page.evaluate(() => state.stored()), []);
  assert.deepEqual((await storedItems(page)).slice(-10), items.slice(10, 20), "the export has what is in memory");
}

for (const [name, before, reason] of [
  ["missing", () => Object.defineProperty(globalThis, "indexedDB", { value: undefined }), /no IndexedDB/],
  ["forbidden", () => Object.defineProperty(globalThis, "indexedDB", { get: () => { throw new DOMException("blocked", "SecurityError"); } }), /blocked/],
  ["refused", () => (IDBFactory.prototype.open = () => { throw new DOMException("private mode", "InvalidStateError"); }), /private mode/],
  ["silent", () => (IDBFactory.prototype.open = () => ({})), /no answer in 5 s/],
  ["damaged", () => (IDBObjectStore.prototype.getAllKeys = () => { throw new DOMException("internal error", "UnknownError"); }), /internal error/],
]) {
  test(`where IndexedDB is ${name} the session lives in memory`, async () => {
    await visitor(async (open) => {
      const page = await open({ before });
      assert.deepEqual(await openState(page), { ...(await page.evaluate(() => state.status)), mode: "memory", restored: 0 });
      await expectMemory(page, reason);
      assert.deepEqual(await best(page), await uninterrupted(page, EVENTS.slice(10, 20)));
    });
  });
}

/** Opens the state on a Map whose next writes may fail; `before` fills it. */
async function openMap(page, { before } = {}) {
  await page.evaluate(async (before) => {
    globalThis.map = new Map(before);
    globalThis.fail = () => undefined;
    const set = map.set.bind(map);
    map.set = async (key, value) => {
      const error = fail(key, value);
      if (error) throw error;
      set(key, value);
    };
    globalThis.told = [];
    globalThis.state = await openState(predictor, { store: map, onStatus: ({ mode }) => told.push(mode) });
  }, before);
}

test("a write that came too late is taken back, so that forget() is true", async () => {
  await visitor(async (open) => {
    const page = await open();
    const left = await page.evaluate(async () => {
      const { openState } = await import("/foreclick/state.js");
      const rows = new Map();
      const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
      const slow = {
        get: async (key) => rows.get(key),
        keys: async () => rows.keys(),
        delete: async (key) => rows.delete(key),
        set: async (key, value) => {
          await pause(7000);
          rows.set(key, value);
        },
      };
      const told = { observe() {}, reset() {}, free() {}, diagnostics: () => ({ model: "a" }) };
      const late = await openState(told, { name: "late", store: slow });
      told.observe({ item: "a", time: 0 });
      await late.flush();
      const { mode } = late.status;
      await late.forget();
      await pause(4000);
      return { mode, rows: [...rows.keys()] };
    });
    assert.deepEqual(left, { mode: "memory", rows: [] });
  });
});

test("a store of the page's own keeps the rows", async () => {
  await visitor(async (open) => {
    const page = await open();
    await openMap(page);
    await observe(page, EVENTS.slice(0, 30));
    await page.evaluate(() => state.update("personal", () => new Uint8Array([1, 2, 3])));
    const entries = await page.evaluate(() => [...map]);
    assert.ok(entries.every(([key]) => /^foreclick\/default\/1\//.test(key)), JSON.stringify(entries.map(([key]) => key)));
    const stored = await page.evaluate(() => state.stored());
    assert.deepEqual(
      stored.map(({ name, where, count }) => [name, where, count]),
      [["Session events", "the page's own store", 30], ["personal", "the page's own store", 1]],
    );
    await visit(page);
    await openMap(page, { before: entries });
    assert.deepEqual(await best(page), await uninterrupted(page, EVENTS.slice(0, 30)));
    const { events, sections, model } = await page.evaluate(() => state.export());
    assert.deepEqual(events.map(({ event }) => event), EVENTS.slice(0, 30));
    assert.deepEqual(sections.personal.value, { base64: "AQID" });
    assert.match(model, /^[0-9a-f]{16}$/);
    assert.ok(events.every(({ kept }) => Math.abs(Date.parse(kept) - Date.now()) < 60_000));
    await page.evaluate(() => map.delete("others") || map.set("others", 1));
    await page.evaluate(() => state.forget());
    assert.deepEqual(await page.evaluate(() => [...map]), [["others", 1]]);
    assert.equal(await page.evaluate(() => indexedDB.databases().then(({ length }) => length)), 0);
  });
});

/** From here on the map's functions take so many milliseconds. */
const slow = (page, milliseconds) =>
  page.evaluate((milliseconds) => {
    for (const [name, wait] of Object.entries(milliseconds)) {
      const work = map[name].bind(map);
      // What is read is as it was at the call.
      map[name] = async (...values) => {
        const read = name === "set" ? undefined : work(...values);
        await new Promise((resolve) => setTimeout(resolve, wait));
        return name === "set" ? work(...values) : read;
      };
    }
  }, milliseconds);

test("a slow store's rows are the tab's own, also while they are on their way", async () => {
  await visitor(async (open) => {
    const page = await open();
    await openMap(page);
    await slow(page, { keys: 100, set: 500 });
    const restored = await page.evaluate(async (events) => {
      const look = () => document.dispatchEvent(new Event("visibilitychange"));
      look();
      look();
      await new Promise((resolve) => setTimeout(resolve, 50));
      for (const event of events) predictor.observe(event);
      // Begins to write; the second look is yet to come.
      await Promise.resolve();
      look();
      await state.flush();
      await new Promise((resolve) => setTimeout(resolve, 500));
      return state.status.restored;
    }, EVENTS.slice(0, 5));
    assert.equal(restored, 0);
    assert.deepEqual(await storedItems(page), items.slice(0, 5));
  });
});

test("what is being read when it is erased comes to nobody", async () => {
  await visitor(async (open) => {
    const page = await open();
    await openMap(page);
    await observe(page, EVENTS.slice(0, 10));
    await slow(page, { get: 200 });
    const told = await page.evaluate(async (events) => {
      const other = await Predictor.load(bytes, { backend: "cpu" });
      const opening = openState(other, { store: map });
      await new Promise((resolve) => setTimeout(resolve, 100));
      other.reset();
      for (const event of events) other.observe(event);
      const { status } = await opening;
      return [status.restored, other.diagnostics().events + other.diagnostics().unknownEvents];
    }, EVENTS.slice(10, 13));
    assert.deepEqual(told, [0, 3]);
  });
});

test("a full store gives up older events first, and then is left", async () => {
  await visitor(async (open) => {
    const page = await open();
    await openMap(page);
    for (let round = 0; round < 4; round++) await observe(page, EVENTS.slice(round, round + 1));
    await page.evaluate(() => {
      const failures = [new DOMException("full", "QuotaExceededError")];
      globalThis.fail = () => failures.pop();
    });
    await observe(page, EVENTS.slice(4, 5));
    assert.deepEqual(await storedItems(page), items.slice(2, 5));
    assert.equal((await page.evaluate(() => state.status)).mode, "stored");
    await page.evaluate(() => (globalThis.fail = () => new DOMException("full", "QuotaExceededError")));
    await expectMemory(page, /full/);
    assert.deepEqual(await page.evaluate(() => told), ["stored", "memory"]);
    // What lies there still can be erased.
    await page.evaluate(() => predictor.reset());
    await page.evaluate(() => state.flush());
    assert.equal(await page.evaluate(() => map.size), 0);
    await page.evaluate(() => state.forget());
    assert.equal(await page.evaluate(() => map.size), 0);
  });
});

test("a full IndexedDB too", async () => {
  await visitor(async (open) => {
    const page = await open();
    await openState(page);
    await observe(page, EVENTS.slice(0, 3));
    await page.evaluate(() => {
      IDBObjectStore.prototype.put = () => {
        throw new DOMException("the disk is full", "QuotaExceededError");
      };
    });
    await expectMemory(page, /disk is full/);
  });
});

test("a store that fails in the middle, or holds what it should not, is no error", async () => {
  await visitor(async (open) => {
    const page = await open();
    const strange = [
      ["1/events/", 5],
      ["1/events/0000000000000-abc", []],
      [`1/events/${Date.now()}-abc`, { not: "a list" }],
      ["0/events/1", [{ item: "old" }]],
      ["1/sections/personal", "text"],
      ["nonsense", 1],
    ];
    await openMap(page, { before: [...strange.map(([key, value]) => [`foreclick/default/${key}`, value]), ["other/key", 1], [5, 5]] });
    assert.deepEqual(await page.evaluate(() => [...map]), [["other/key", 1], [5, 5]], "of an older format, damaged or expired");
    await observe(page, EVENTS.slice(0, 3));
    await page.evaluate(() => {
      for (const name of ["get", "set", "delete", "keys"]) map[name] = () => { throw new Error("gone"); };
    });
    await expectMemory(page, /gone/);
    assert.match(await page.evaluate(() => state.forget().catch(({ code, message }) => `${code}: ${message}`)), /^storage: not all could be erased \(gone\)/);
  });
});

test("what a newer version has written is left alone", async () => {
  await visitor(async (open) => {
    const page = await open();
    const newer = [["foreclick/default/2/events/1", { packed: true }], ["foreclick/default/1/paused", true]];
    await openMap(page, { before: newer });
    await expectMemory(page, /newer version/);
    assert.deepEqual(await page.evaluate(() => [...map]), newer);
  });
});
