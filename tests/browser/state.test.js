// foreclick/state in one tab: what is kept from one page to the next, for how long, how much, and what never is.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertSameRanking, kept, NOTHING, start } from "./harness.js";
import { asVisitor, best, EVENTS, load, observe, openState, storedItems, uninterrupted, until, visit } from "./visitor.js";

let site;
before(async () => {
  site = await start({ gpu: "none" });
});
after(() => site?.stop());

const visitor = (work) => asVisitor(site, work);
const items = EVENTS.map(({ item }) => item);
const DAY = 86_400_000;
const SEED = ['"seed\\":\\"1', '"seed\\":\\"2'].map((text) => text.slice(1));
const FIELD = ['\\"price\\"', '\\"prise\\"'];

for (const entry of ["index", "worker"]) {
  test(`after a reload it predicts as if the visitor had never left (${entry})`, async () => {
    await visitor(async (open) => {
      const page = await open({ entry });
      const reason = "kept on this device (IndexedDB, foreclick.default)";
      assert.deepEqual(await openState(page), { mode: "stored", reason, restored: 0, refused: 0 });
      const [first, second] = [EVENTS.slice(0, 40), EVENTS.slice(40)];
      await observe(page, first);
      await visit(page, { entry });
      assert.equal((await openState(page)).restored, first.length);
      assertSameRanking(await best(page), await uninterrupted(page, first), "after a reload");
      await observe(page, second);
      await visit(page, { entry });
      await openState(page);
      assert.deepEqual(await storedItems(page), items);
      assert.deepEqual(await best(page), await uninterrupted(page, EVENTS));
      assert.notDeepEqual(await best(page), await uninterrupted(page, first), "the events make a difference");
    });
  });
}

test("an event that leads to the next page at once is kept, and so are those just before it", async () => {
  await visitor(async (open) => {
    const page = await open();
    for (const count of [1, 2, 3, 4]) {
      await openState(page);
      // The first is written at once, the others wait for a second, which they do not get.
      const next = page.waitForURL("**/?next");
      const leaving = page.evaluate(async (events) => {
        predictor.observe(events[0]);
        await new Promise((resolve) => setTimeout(resolve, 20));
        for (const event of events.slice(1)) predictor.observe(event);
        location.href = "/?next";
      }, EVENTS.slice(0, count));
      // The page that was asked may be gone before it has answered.
      leaving.catch(() => {});
      await next;
      await load(page);
      await openState(page);
      assert.deepEqual(await storedItems(page), items.slice(0, count));
      await page.evaluate(() => state.forget());
      await visit(page, { url: site.url });
    }
  });
});

test("an event is written at once, and only those that follow soon after it wait", async () => {
  await visitor(async (open) => {
    const page = await open();
    await openState(page);
    const written = await page.evaluate(async () => {
      const lying = async () => Object.values(await rows()).flat().map(({ item }) => item);
      const soon = () => new Promise((resolve) => setTimeout(resolve, 100));
      for (const item of ["0000001", "0000002"]) predictor.observe({ item });
      await soon();
      const first = await lying();
      predictor.observe({ item: "0000003" });
      await soon();
      return [first, await lying()];
    });
    assert.deepEqual(written, Array(2).fill(["0000001", "0000002"]));
    await until(page, async () => Object.values(await rows()).flat().length === 3);
  });
});

test("it writes once a second at most, however many events there are", async () => {
  await visitor(async (open) => {
    const page = await open();
    await openState(page);
    const [writes, seconds] = await page.evaluate(async () => {
      const start = performance.now();
      const { transaction } = IDBDatabase.prototype;
      let count = 0;
      IDBDatabase.prototype.transaction = function (names, mode, options) {
        if (mode === "readwrite") count++;
        return transaction.call(this, names, mode, options);
      };
      for (let round = 0; round < 240; round++) {
        predictor.observe({ item: String(round).padStart(7, "0") });
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      await state.flush();
      return [count, (performance.now() - start) / 1000];
    });
    // The first, one a second, and that of flush().
    assert.ok(writes >= 3 && writes <= seconds + 2, `${writes} writes in ${seconds} s`);
    assert.equal((await storedItems(page)).length, 240);
  });
});

test("with another model the events are replayed, and what was learned with the old one is dropped", async () => {
  await visitor(async (open) => {
    const page = await open();
    await openState(page);
    await observe(page, EVENTS);
    assert.equal(await page.evaluate(() => state.update("personal", () => ({ rate: 0.5 }))), true);
    const read = () => page.evaluate(async () => (await state.read("personal")) ?? null);
    await visit(page);
    await openState(page);
    assert.deepEqual(await read(), { rate: 0.5 }, "the same model finds it");

    await visit(page, { model: SEED });
    assert.deepEqual((({ restored, refused }) => [restored, refused])(await openState(page)), [EVENTS.length, 0]);
    assert.equal(await read(), null);
    assert.deepEqual(await storedItems(page), items);
    assert.deepEqual(await best(page), await uninterrupted(page, EVENTS), "its weights are the same");
    assert.equal((await page.evaluate(() => rows()))["1/sections/personal"], undefined, "it is erased");

    await visit(page);
    await openState(page);
    assert.equal(await read(), null, "nor does it come back with the old model");
  });
});

test("events that another model refuses change nothing", async () => {
  for (const entry of ["index", "worker"]) {
    await visitor(async (open) => {
      const page = await open({ entry });
      await openState(page);
      const plain = EVENTS.slice(0, 10).map(({ item, time, group }) => ({ item, time, group }));
      await observe(page, [...plain, { item: "0000001", fields: { price: 3 } }, { item: "0000002" }]);
      await visit(page, { entry, model: FIELD });
      const { restored, refused } = await openState(page);
      assert.deepEqual([restored, refused], entry === "index" ? [11, 1] : [12, 0]);
      assert.deepEqual(await best(page), await uninterrupted(page, [...plain, { item: "0000002" }]));
      assert.deepEqual(await page.evaluate(() => refused), entry === "index" ? [] : ["event"]);
    });
  }
});

test("what is too old is given to nobody, and erased", async () => {
  await visitor(async (open) => {
    const later = (days) => ({ before: (shift) => { const { now } = Date; Date.now = () => now() + shift; }, given: days * DAY });
    const first = await open();
    await openState(first);
    await observe(first, EVENTS.slice(0, 5));
    await first.evaluate(() => state.update("personal", () => 1));
    await first.close();
    const soon = await open(later(29));
    assert.equal((await openState(soon)).restored, 5);
    assert.equal(await soon.evaluate(() => state.read("personal")), 1);
    await observe(soon, EVENTS.slice(5, 7));
    await soon.close();
    // Five are too old now, and two are not.
    const then = await open(later(31));
    assert.equal((await openState(then)).restored, 2);
    assert.deepEqual(await storedItems(then), items.slice(5, 7));
    assert.equal(await then.evaluate(async () => (await state.read("personal")) ?? null), null);
    const left = Object.values(await then.evaluate(() => rows())).flat().map(({ item }) => item);
    assert.deepEqual(left, items.slice(5, 7));
    await then.close();
    const sooner = await open();
    assert.equal((await openState(sooner, { maxAgeDays: 20 })).restored, 0, "of a clock that was wrong nothing stays forever");
    assert.deepEqual(await sooner.evaluate(() => rows()), {});
  });
});

test("it never takes more than 64 KB, and the latest events stay", async () => {
  await visitor(async (open) => {
    const page = await open();
    await openState(page, { maxEvents: 2000 });
    // For d=64: a bandit's matrix and a vector and an update of rank 4.
    const learned = await page.evaluate(() => {
      const sizes = { bandit: 64 * 64 * 4, personal: 64 * 4 * 9 };
      return Promise.all(Object.entries(sizes).map(([name, size]) => state.update(name, () => new Uint8Array(size))));
    });
    assert.deepEqual(learned, [true, true]);
    const long = Array.from({ length: 1500 }, (_, place) => {
      return { item: String(place).padStart(7, "0"), group: `basket-${place}`, time: 1.7e12 + place, fields: { price: place } };
    });
    await observe(page, long);
    await observe(page, [{ item: "x".repeat(2000) }]);
    const size = async () => (await page.evaluate(() => state.stored())).reduce((sum, { bytes }) => sum + bytes, 0);
    assert.ok((await size()) <= 65_536 && (await size()) > 60_000, String(await size()));
    const raw = await page.evaluate(async () => {
      const sizes = Object.entries(await rows()).map(([key, row]) => key.length + (row.value ?? JSON.stringify(row)).length);
      return sizes.reduce((sum, size) => sum + size);
    });
    assert.ok(raw <= 65_536, String(raw));
    const stored = await storedItems(page);
    assert.deepEqual(stored, long.slice(-stored.length).map(({ item }) => item));
    assert.ok(stored.length > 400, String(stored.length));
    await visit(page);
    assert.equal((await openState(page, { maxEvents: 100 })).restored, 100);
    assert.deepEqual(await best(page), await uninterrupted(page, long.slice(-100)));
    const left = await storedItems(page);
    assert.ok(left.length >= 100 && left.length < 120, String(left.length));
  });
});

test("a section takes what fits, and one that is wrong changes nothing", async () => {
  await visitor(async (open) => {
    const page = await open();
    await openState(page);
    const update = (name, value) =>
      page.evaluate(
        async ([name, value]) => {
          const next = Number.isInteger(value) ? new Uint8Array(value) : value;
          return state.update(name, () => next).catch(({ code, message }) => `${code}: ${message}`);
        },
        [name, value],
      );
    assert.equal(await update("a", 30_000), true);
    assert.match(await update("b", 3000), /^argument: section b: all sections would be 33024 bytes, expected at most 32768/);
    assert.equal(await update("b", { count: 1 }), true);
    const wrong = await page.evaluate(() =>
      Promise.all([
        state.update("b", () => new Float32Array(2)).catch(({ code }) => code),
        state.update("b", () => { throw new Error("mine"); }).catch(({ message }) => message),
        state.update("b", (value) => ({ count: value.count + 1 })),
        ...[() => state.update("", () => 1), () => state.update("c")].map(async (work) => work()).map((done) => done.catch(({ code }) => code)),
      ]),
    );
    assert.deepEqual(wrong, ["argument", "mine", true, "argument", "argument"]);
    assert.equal((await page.evaluate(() => state.status)).mode, "stored");
    assert.deepEqual(await page.evaluate(() => state.read("b")), { count: 2 });
    await visit(page);
    await openState(page);
    const read = await page.evaluate(async () => [(await state.read("a")).constructor.name, (await state.read("a")).length, await state.read("b")]);
    assert.deepEqual(read, ["Uint8Array", 30_000, { count: 2 }]);
    assert.equal(await page.evaluate(() => state.update("a", () => undefined)), true);
    assert.deepEqual(Object.keys(await page.evaluate(() => rows())), ["1/sections/b"]);
  });
});

test("paused, nothing new is kept, on later pages too", async () => {
  await visitor(async (open) => {
    const page = await open();
    await openState(page);
    await observe(page, EVENTS.slice(0, 3));
    await page.evaluate(() => state.pause());
    await observe(page, EVENTS.slice(3, 6));
    assert.equal(await page.evaluate(() => counted()), 6, "the predictor goes on");
    assert.equal(await page.evaluate(() => state.update("a", () => 1)), false);
    await visit(page);
    const { mode, restored } = await openState(page);
    assert.deepEqual([mode, restored], ["paused", 3]);
    await observe(page, EVENTS.slice(6, 8));
    assert.deepEqual((await page.evaluate(() => state.stored())).map(({ name }) => name), ["Session events", "That it is paused"]);
    await page.evaluate(() => state.resume());
    await observe(page, EVENTS.slice(8, 10));
    assert.deepEqual(await storedItems(page), [...items.slice(0, 3), ...items.slice(8, 10)]);
    assert.equal((await page.evaluate(() => state.status)).mode, "stored");
  });
});

test("where the browser sends the Global Privacy Control nothing is kept, and what was is erased", async () => {
  await visitor(async (open) => {
    const before = () => Object.defineProperty(Navigator.prototype, "globalPrivacyControl", { get: () => true });
    const earlier = await open();
    await openState(earlier);
    await observe(earlier, EVENTS.slice(0, 5));
    await earlier.close();
    const page = await open({ before });
    assert.equal((await openState(page)).mode, "refused");
    await observe(page, EVENTS.slice(5, 9));
    assert.equal(await page.evaluate(() => counted()), 4);
    assert.equal(await page.evaluate(() => state.update("a", () => 1)), false);
    await page.waitForTimeout(1200);
    assert.deepEqual(await kept(page), NOTHING);
    assert.deepEqual(await page.evaluate(() => state.stored()), []);
    await visit(page);
    assert.equal((await openState(page, { honorPrivacyControl: false })).mode, "stored");
  });
});

test("reset() is the next visitor, and free() closes the state", async () => {
  await visitor(async (open) => {
    const page = await open();
    await openState(page);
    await observe(page, EVENTS.slice(0, 5));
    await page.evaluate((events) => {
      for (const event of events) predictor.observe(event);
      predictor.reset();
      predictor.observe({ item: "0000001" });
    }, EVENTS.slice(5, 8));
    assert.deepEqual(await storedItems(page), ["0000001"]);
    assert.equal(await page.evaluate(() => counted()), 1);
    const end = await page.evaluate(async () => {
      predictor.observe({ item: "0000002" });
      predictor.free();
      try {
        predictor.observe({ item: "0000003" });
      } catch ({ code }) {
        return [code, state.status.mode, await state.update("a", () => 1), await openState(predictor).catch(({ code }) => code)];
      }
    });
    assert.deepEqual(end, ["freed", "closed", false, "freed"]);
    await visit(page);
    await openState(page);
    assert.deepEqual(await storedItems(page), ["0000001", "0000002"]);
    // Closed, it is out of the way; another may be opened.
    const again = await page.evaluate(async () => {
      await state.close();
      const second = await openState(predictor, { name: "second" });
      predictor.reset();
      predictor.observe({ item: "0000003" });
      await Promise.all([state.pause(), state.resume(), state.flush(), second.flush()]);
      return [(await state.export()).events.length, (await second.export()).events.map(({ event }) => event.item)];
    });
    assert.deepEqual(again, [2, ["0000003"]]);
  });
});

test("events and a reset while the state opens find their place", async () => {
  await visitor(async (open) => {
    const page = await open();
    await openState(page);
    await observe(page, EVENTS.slice(0, 20));
    await visit(page);
    await page.evaluate(async (events) => {
      const opening = openState(predictor);
      for (const event of events) predictor.observe(event);
      globalThis.state = await opening;
    }, EVENTS.slice(20, 25));
    assert.deepEqual(await best(page), await uninterrupted(page, EVENTS.slice(0, 25)));
    await page.evaluate(() => state.flush());
    assert.deepEqual(await storedItems(page), items.slice(0, 25));
    // Whatever is under way at that moment.
    for (const milliseconds of [0, 1, 3, 6, 12, 30]) {
      await observe(page, EVENTS.slice(0, 20));
      await visit(page);
      await page.evaluate(
        async ({ events, milliseconds }) => {
          const opening = openState(predictor);
          await new Promise((resolve) => setTimeout(resolve, milliseconds));
          predictor.reset();
          for (const event of events) predictor.observe(event);
          globalThis.state = await opening;
          await state.flush();
        },
        { events: EVENTS.slice(25, 30), milliseconds },
      );
      assert.deepEqual(await storedItems(page), items.slice(25, 30), `${milliseconds} ms`);
      assert.equal((await page.evaluate(() => state.status)).mode, "stored");
      assert.deepEqual(await best(page), await uninterrupted(page, EVENTS.slice(25, 30)));
    }
  });
});

test("a collector's events are kept without a word, and two names are two states", async () => {
  await visitor(async (open) => {
    const page = await open();
    await openState(page, { name: "shop" });
    const stored = await page.evaluate(async () => {
      const other = await Predictor.load(bytes, { backend: "cpu" });
      const second = await openState(other, { name: "articles" });
      const collector = new Collector({ to: predictor });
      const product = document.body.appendChild(Object.assign(document.createElement("p"), { textContent: "tea" }));
      product.dataset.fcItem = "0000005";
      product.click();
      collector.stop();
      other.observe({ item: "0000006" });
      const events = async (state) => (await state.export()).events.map(({ event }) => event.item);
      return [await events(state), await events(second)];
    });
    assert.deepEqual(stored, [["0000005"], ["0000006"]]);
    assert.deepEqual((await kept(page)).indexedDB.toSorted(), ["foreclick.articles", "foreclick.shop"]);
    await page.evaluate(() => state.forget());
    assert.deepEqual(await kept(page), NOTHING);
  });
});

test("wrong options are errors", async () => {
  await visitor(async (open) => {
    const page = await open();
    const wrong = await page.evaluate(() => {
      const options = [{ nam: "a" }, { name: "a/b" }, { store: {} }, { maxEvents: 0 }, { maxAgeDays: -1 }, { also: [{}] }, { onStatus: 1 }];
      const given = [[{}], [undefined], ...options.map((options) => [predictor, options])];
      const done = [...given.map((given) => openState(...given)), forget({ maxEvents: 1 })];
      return Promise.all(done.map((done) => done.then(() => "none", ({ code }) => code)));
    });
    assert.deepEqual(wrong, Array(10).fill("argument"));
  });
});
