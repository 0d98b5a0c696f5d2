// A model of the visitor's own in the page: learned, kept, paused, erased, and the same as the native one.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { kept, NOTHING, start } from "./harness.js";
import { asVisitor, EVENTS, observe, openState, visit } from "./visitor.js";

let site;
before(async () => {
  site = await start({ gpu: "none" });
});
after(() => site?.stop());

const visitor = (work) => asVisitor(site, work);
const learned = (page) => page.evaluate(async () => [...(await predictor.learned())]);
const section = (page) => page.evaluate(() => state.read("personal"));

for (const entry of ["index", "worker"]) {
  test(`what is learned goes on after a reload, and forget() erases it (${entry})`, async () => {
    await visitor(async (open) => {
      const page = await open({ entry });
      await openState(page, { personal: true });
      const begun = await learned(page);
      await observe(page, EVENTS);
      const before = await learned(page);
      assert.ok(before.length > begun.length, `${before.length} bytes`);
      const value = await section(page);
      assert.ok(Object.keys(value.items).every((key) => EVENTS.some(({ item }) => item === key)), "items go by their keys");
      await visit(page, { entry });
      await openState(page, { personal: true });
      const after = await learned(page);
      assert.equal(after.length, before.length);
      assert.deepEqual(await section(page), value, "nothing was learned twice");
      await page.evaluate(() => state.forget());
      assert.deepEqual(await learned(page), begun);
      assert.deepEqual(await kept(page), NOTHING);
    });
  });
}

test("nothing is learned while it is paused", async () => {
  await visitor(async (open) => {
    const page = await open();
    await openState(page, { personal: true });
    await observe(page, EVENTS.slice(0, 5));
    await page.evaluate(() => state.pause());
    const before = await learned(page);
    await observe(page, EVENTS.slice(5, 20));
    assert.deepEqual(await learned(page), before);
  });
});

test("what is damaged is dropped, and the status says why", async () => {
  await visitor(async (open) => {
    const page = await open();
    await openState(page, { personal: true });
    const begun = await learned(page);
    await observe(page, EVENTS.slice(0, 5));
    await page.evaluate(() => state.update("personal", (value) => ({ ...value, numbers: value.numbers.map(() => 1e9) })));
    await visit(page);
    const { mode, dropped } = await openState(page, { personal: true });
    assert.equal(mode, "stored");
    assert.match(dropped, /did not learn/);
    assert.deepEqual(await learned(page), begun);
    assert.equal(await section(page), undefined);
  });
});

test("two tabs add up what they have learned", async () => {
  await visitor(async (open) => {
    const [one, two] = [await open(), await open()];
    for (const page of [one, two]) await openState(page, { personal: true });
    await observe(one, EVENTS.slice(0, 6));
    await observe(two, EVENTS.slice(6, 12));
    const { items } = await section(two);
    const known = EVENTS.slice(0, 12).filter(({ item }) => !item.startsWith("unknown"));
    const keys = new Set(known.map(({ item }) => item));
    assert.deepEqual(new Set(Object.keys(items)), keys);
  });
});

test("the page learns what the native CPU learns, within a thousandth", async () => {
  const native = JSON.parse(readFileSync(new URL("../../build/test/personal.json", import.meta.url), "utf8"));
  await visitor(async (open) => {
    const page = await open();
    const bytes = await page.evaluate((events) => {
      for (const event of events) {
        predictor.learn(event);
        predictor.observe(event);
      }
      return [...predictor.learned()];
    }, native.events);
    const words = (bytes) => new DataView(Uint8Array.from(bytes).buffer);
    const [got, expected] = [words(bytes), words(native.learned)];
    assert.equal(got.byteLength, expected.byteLength);
    const numbers = expected.getUint32(0, true);
    for (let word = 0; word < expected.byteLength / 4; word++) {
      const isWhole = word === 0 || (word > numbers && (word - numbers) % 2 === 1);
      if (isWhole) assert.equal(got.getUint32(4 * word, true), expected.getUint32(4 * word, true));
      else assert.ok(Math.abs(got.getFloat32(4 * word, true) - expected.getFloat32(4 * word, true)) < 1e-3, `word ${word}`);
    }
    assert.ok(Math.abs(expected.getFloat32(4, true)) > 0.1, "it has learned something");
  });
});

test("memory does not grow with a thousand updates", async () => {
  await visitor(async (open) => {
    const page = await open();
    const bytes = await page.evaluate((events) => {
      const learn = (times) => {
        for (let time = 0; time < times; time++) predictor.learn(events[time % events.length]);
        return predictor.diagnostics().memoryBytes;
      };
      return [learn(50), learn(1000)];
    }, EVENTS.slice(0, 12));
    assert.equal(bytes[0], bytes[1]);
  });
});
