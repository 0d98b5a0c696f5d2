// One visitor with several tabs of a site, for foreclick/state. What a tab asks of a server after its load is a failure.
import assert from "node:assert/strict";
import { nativeSessions, watch } from "./harness.js";

/** Events with groups, times and fields, of several sessions one after the other, so that they outlast the encoder's look back. */
export const EVENTS = nativeSessions()
  .filter(({ events }) => events.length > 15)
  .slice(0, 3)
  .flatMap(({ events }, session) => events.map((event) => ({ ...event, group: `${session} ${event.group}` })))
  // A second one would change nothing.
  .filter(({ item, group }, place, all) => all.findIndex((other) => other.item === item && other.group === group) === place);

/**
 * Runs `work(open, context)` with a browser profile of its own. `open()` opens a tab that has loaded the model and offers
 * what `foreclick/state`, `/cache`, `/collect` and `/prefetch` export, `predictor` and what is below; `before` runs in it before its scripts, with `given`. Fails where
 * a tab had troubles, or asked for anything.
 */
export async function asVisitor({ url, browser }, work) {
  const context = await browser.newContext();
  const troubles = [];
  const open = async ({ entry = "index", before, given, model = "1", path = "" } = {}) => {
    const page = await context.newPage();
    page.on("pageerror", (error) => troubles.push(`error: ${error.message}`));
    page.on("console", (message) => message.type() === "error" && troubles.push(`console: ${message.text()}`));
    if (before) await page.addInitScript(before, given);
    await page.goto(url + path);
    await load(page, entry, model);
    return page;
  };
  try {
    await work(open, context);
    for (const page of context.pages()) {
      // What is sent late would still be seen.
      await page.waitForTimeout(100);
      assert.deepEqual(asked.get(page) ?? [], []);
      troubles.push(...(await page.evaluate(() => violations.map((violation) => `policy: ${violation}`))));
    }
  } finally {
    await context.close();
  }
  assert.deepEqual(troubles, []);
}

const asked = new WeakMap(); // by tab

/** Leaves for another page of the site, or comes back to this one, and loads everything anew. */
export async function visit(page, { entry = "index", model = "1", url = page.url() } = {}) {
  assert.deepEqual(asked.get(page) ?? [], []);
  asked.get(page).length = 0;
  await page.goto(url);
  await load(page, entry, model);
}

/** `model` is "1", or another text of the same length that stands in its file instead: `["\"price\"", "\"prise\""]`. */
export async function load(page, entry = "index", model = "1") {
  await page.waitForSelector("text=ready");
  await page.evaluate(
    async ({ entry, model }) => {
      const modules = await Promise.all([entry, "state", "cache", "collect", "prefetch"].map((name) => import(`/foreclick/${name}.js`)));
      Object.assign(globalThis, ...modules);
      const bytes = new Uint8Array(await (await fetch(MODEL)).arrayBuffer());
      const [text, other] = model === "1" ? [] : model;
      if (text) {
        const at = new TextDecoder("latin1").decode(bytes.subarray(0, 4000)).indexOf(text);
        bytes.set(new TextEncoder().encode(other), at);
      }
      globalThis.bytes = bytes;
      globalThis.refused = [];
      const options = entry === "worker" ? { onError: ({ code }) => refused.push(code) } : {};
      globalThis.predictor = await Predictor.load(bytes, { backend: "cpu", ...options });
      globalThis.best = async () => (await predictor.predict({ k: 10 })).items;
      globalThis.counted = async () => {
        const { events, unknownEvents } = await predictor.diagnostics();
        return events + unknownEvents;
      };
      // All that lies in a database, by key; nothing where there is none, since opening one makes it.
      globalThis.rows = async (name = "foreclick.default") => {
        if (!(await indexedDB.databases()).some((found) => found.name === name)) return undefined;
        const answer = (request) =>
          new Promise((resolve, reject) => {
            request.onsuccess = () => resolve(request.result);
            request.onerror = () => reject(request.error);
          });
        const db = await answer(indexedDB.open(name));
        const store = db.transaction("rows").objectStore("rows");
        const [keys, values] = await Promise.all([answer(store.getAllKeys()), answer(store.getAll())]);
        db.close();
        return Object.fromEntries(keys.map((key, place) => [key, values[place]]));
      };
    },
    { entry, model },
  );
  // A worker's script and file are asked for while it starts, which is before the model is loaded.
  asked.set(page, watch(page));
}

/** Opens the state in a tab, as `state`, and returns its status. */
export const openState = (page, options) =>
  page.evaluate(async (options) => {
    globalThis.state = await openState(predictor, options);
    return state.status;
  }, options);

/** Tells the tab's predictor of events, one after the other, and waits until they are written. */
export const observe = (page, events) =>
  page.evaluate(async (events) => {
    for (const event of events) predictor.observe(event);
    await state.flush();
  }, events);

/** Waits until `check`, which may be a promise, holds in the tab. */
export async function until(page, check) {
  for (let round = 0; round < 400; round++) {
    if (await page.evaluate(check)) return;
    await page.waitForTimeout(25);
  }
  assert.fail(`it never held that ${check}`);
}

/** The items of all events that are stored, in the order that a reload would have. */
export const storedItems = (page) => page.evaluate(async () => (await state.export()).events.map(({ event }) => event.item));

export const best = (page) => page.evaluate(() => best());

/** What a predictor that was never left answers after these events. */
export const uninterrupted = (page, events) =>
  page.evaluate(async (events) => (await predictor.predictMany([events], { k: 10 }))[0].items, events);
