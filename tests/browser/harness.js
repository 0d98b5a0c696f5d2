// A page with the package on it, watched: a request after loading, a policy violation or a console error is noticed.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { launchChromium } from "./chromium.js";
import { serve } from "../../www/serve.js";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

export const PACKAGE = at("../../pkg/");
export const MODEL = at("../../build/test/model.safetensors");

/** The sessions that the native CPU predicted: `{ events, items, tasks }`. `cargo test` writes them. */
export function nativeSessions() {
  return JSON.parse(readFileSync(at("../../build/test/sessions.json"), "utf8"));
}

/**
 * Starts a server and a Chromium; `gpu: "none"` gives one that offers WebGPU but has no adapter. `folders` are served
 * too, by the beginning of the path.
 */
export async function start({ gpu = "software", folders: others } = {}) {
  const folders = { "/": at("page"), "/foreclick/": PACKAGE, "/model/": at("../../build/test"), ...others };
  const [server, browser] = await Promise.all([serve(folders, 0), launchChromium({ gpu })]);
  return {
    url: server.url,
    browser,
    stop: async () => {
      await browser.close();
      server.close();
    },
  };
}

/**
 * Opens the tests' page, runs `work(page)`, and fails where the page had troubles that `work` did not expect.
 * `before` runs in the page before its scripts. `expected` is a pattern of console texts that are no trouble.
 */
export async function onPage({ url, browser }, work, { before, expected } = {}) {
  const page = await browser.newPage();
  const troubles = [];
  page.on("pageerror", (error) => troubles.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !expected?.test(message.text())) troubles.push(`console: ${message.text()}`);
  });
  if (before) await page.addInitScript(before);
  try {
    await page.goto(url);
    await page.waitForSelector("text=ready");
    await work(page);
    troubles.push(...(await page.evaluate(() => violations.map((violation) => `policy: ${violation}`))));
  } finally {
    await page.close();
  }
  assert.deepEqual(troubles, []);
}

/** Everything that a page can keep, by name. */
export async function kept(page) {
  const inPage = await page.evaluate(async () => {
    const files = await navigator.storage.getDirectory();
    return {
      localStorage: Object.keys(localStorage),
      sessionStorage: Object.keys(sessionStorage),
      indexedDB: (await indexedDB.databases()).map(({ name }) => name),
      caches: await caches.keys(),
      files: await Array.fromAsync(files.keys()),
      workers: (await navigator.serviceWorker.getRegistrations()).map(({ scope }) => scope),
    };
  });
  return { ...inPage, cookies: (await page.context().cookies()).map(({ name }) => name) };
}

export const NOTHING = { localStorage: [], sessionStorage: [], indexedDB: [], caches: [], files: [], workers: [], cookies: [] };

/** Counts what leaves the page from now on. */
export function watch(page) {
  const sent = [];
  page.on("request", (request) => sent.push(request.url()));
  page.on("websocket", (socket) => sent.push(socket.url()));
  return sent;
}

/** How far apart two scores may be: a thousandth, relative where they are above 1. */
const TOLERANCE = 1e-3;
/** Items whose scores differ by no more than this may have changed places: another order of adding floats does it. */
const TIE = 1e-4;

/** Fails unless two rankings hold the same items with the same scores. */
export function assertSameRanking(got, expected, what) {
  assert.equal(got.length, expected.length, what);
  expected.forEach(({ item, score }, rank) => {
    const other = got[rank];
    const close = Math.abs(other.score - score) <= TOLERANCE * Math.max(1, Math.abs(score));
    assert.ok(close, `${what}: score ${other.score} at rank ${rank + 1}, expected ${score}`);
    if (other.item === item) return;
    const own = expected.find((candidate) => candidate.item === other.item) ?? expected.at(-1);
    const tied = Math.abs(own.score - score) <= TIE;
    assert.ok(tied, `${what}: ${other.item} at rank ${rank + 1}, expected ${item}`);
  });
}

/** Fails unless the answers to the test models' tasks are the same: one of each kind, or none of a model that only counts. */
export function assertSameAnswers(answers = {}, expected, what) {
  assert.deepEqual(Object.keys(answers), Object.keys(expected), what);
  if (!expected.buys) return;
  const near = (a, b) => assert.ok(Math.abs(a - b) < 1e-3 * (1 + Math.abs(b)), `${what}: ${a}, expected ${b}`);
  near(answers.buys.probability, expected.buys.probability);
  assert.equal(answers.buys.threshold, expected.buys.threshold);
  assert.equal(answers.buys.yes, answers.buys.probability >= answers.buys.threshold);
  assert.deepEqual(answers.mood.classes.map((one) => one.class), ["calm", "glad", "sad"]);
  answers.mood.classes.forEach((one, place) => near(one.probability, expected.mood.classes[place].probability));
  // The test models name what is likeliest against these shares.
  const [calm, glad, sad] = answers.mood.classes.map(({ probability }) => probability);
  const most = Math.max(calm / 0.5, glad / 0.2, sad / 0.3);
  const named = { calm: calm / 0.5, glad: glad / 0.2, sad: sad / 0.3 }[answers.mood.class];
  assert.ok(named > 0.999 * most, `${what}: ${answers.mood.class} of ${[calm, glad, sad]}`);
  near(answers.spend.value, expected.spend.value);
}
