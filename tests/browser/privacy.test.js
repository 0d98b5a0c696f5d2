// What the package promises of a visitor's data: nothing is sent after the load, and nothing is stored.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { kept, MODEL, nativeSessions, NOTHING, onPage, start, watch } from "./harness.js";

let site;
before(async () => {
  site = await start();
});
after(() => site?.stop());

const SESSION = nativeSessions().find(({ events }) => events.length > 5);

for (const backend of ["cpu", "gpu"]) {
  test(`nothing is sent or stored (${backend})`, async () => {
    await onPage(site, async (page) => {
      await page.evaluate(async (backend) => {
        globalThis.predictor = await foreclick.Predictor.load(MODEL, { backend });
      }, backend);
      const sent = watch(page);
      const used = await page.evaluate(async ({ events }) => {
        for (const event of events) predictor.observe(event);
        const prediction = await predictor.predict();
        await predictor.explain(prediction.items[0].item);
        predictor.reset();
        await predictor.predict();
        await predictor.settled;
        predictor.diagnostics();
        predictor.free();
        return prediction.backend;
      }, SESSION);
      assert.equal(used, backend);
      // What is sent late would still be seen.
      await page.waitForTimeout(300);
      assert.deepEqual(sent, []);
      assert.deepEqual(await kept(page), NOTHING);
    });
  });
}

test("a worker sends and stores nothing either, and a cache keeps the model alone", async () => {
  await onPage(site, async (page) => {
    const load = (integrity) =>
      page.evaluate(async (integrity) => {
        const [{ Predictor }, { ModelCache }] = await Promise.all([import("/foreclick/worker.js"), import("/foreclick/cache.js")]);
        globalThis.predictor = await Predictor.load(MODEL, { backend: "cpu", ...(integrity && { integrity, cache: new ModelCache() }) });
      }, integrity);
    const use = () =>
      page.evaluate(async ({ events }) => {
        for (const event of events) predictor.observe(event);
        const { items } = await predictor.predict();
        await predictor.rank([items[0].item]);
        await predictor.predictMany([events]);
        await predictor.explain(items[0].item);
        await predictor.diagnostics();
        predictor.free();
      }, SESSION);
    await load();
    const sent = watch(page);
    await use();
    await page.waitForTimeout(300);
    assert.deepEqual(sent, []);
    assert.deepEqual(await kept(page), NOTHING);

    const integrity = `sha256-${createHash("sha256").update(readFileSync(MODEL)).digest("base64")}`;
    await load(integrity);
    sent.length = 0;
    await use();
    await page.waitForTimeout(300);
    assert.deepEqual(sent, []);
    assert.deepEqual(await kept(page), { ...NOTHING, caches: ["foreclick"] });
    const urls = await page.evaluate(async () => (await (await caches.open("foreclick")).keys()).map(({ url }) => url));
    assert.deepEqual(urls.map((url) => new URL(url).pathname), ["/model/model.safetensors"]);
    await page.evaluate(() => caches.delete("foreclick"));
  });
});

test("what is sent or stored would be noticed", async () => {
  await onPage(site, async (page) => {
    const sent = watch(page);
    await page.evaluate(async () => {
      await fetch(MODEL);
      navigator.sendBeacon("/index.html", "a visitor's event");
      new Worker("/worker.js", { type: "module" });
      await new Promise((resolve) => setTimeout(resolve, 300));
      localStorage.setItem("a", "1");
      sessionStorage.setItem("b", "1");
      const { target } = await new Promise((resolve) => (indexedDB.open("c").onsuccess = resolve));
      target.result.close(); // an open one can't be deleted below
      await caches.open("d");
      await (await navigator.storage.getDirectory()).getFileHandle("e", { create: true });
      document.cookie = "f=1";
    });
    await page.waitForTimeout(300);
    const paths = sent.map((url) => new URL(url).pathname);
    for (const path of ["/model/model.safetensors", "/index.html", "/foreclick/index.js"]) assert.ok(paths.includes(path), String(paths));
    const expected = { localStorage: ["a"], sessionStorage: ["b"], indexedDB: ["c"], caches: ["d"], files: ["e"], cookies: ["f"] };
    assert.deepEqual(await kept(page), { ...NOTHING, ...expected });
    await page.evaluate(async () => {
      await (await navigator.storage.getDirectory()).removeEntry("e");
      await caches.delete("d");
      await new Promise((resolve) => (indexedDB.deleteDatabase("c").onsuccess = resolve));
    });
  });
});
