// Times the npm package in Chromium: loading, events and predictions, on the CPU and on the GPU.
import { fileURLToPath } from "node:url";
import { launchChromium } from "../tests/browser/chromium.js";
import { serve } from "../www/serve.js";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const FOLDERS = {
  "/": at("../tests/browser/page"),
  "/foreclick/": at("../pkg"),
  "/model/": at("../build/bench"),
};

const LOADS = 20;
// Events of the session: the first fill the encoder's ring and warm the browser's compiler up, the others count.
const UNTIMED = 100;
const TIMED = 300;
// A bandit's: banners for the encoder's 64 values of context.
const BANDIT = { count: 20, dimension: 64 };

/** What was measured, times in milliseconds; `{ skipped }` says why nothing was. */
export async function measureBrowser() {
  if (!process.env.CHROMIUM) return { skipped: "no Chromium found; install it, or name one in CHROMIUM" };
  const server = await serve(FOLDERS, 0);
  const browser = await launchChromium({ gpu: "any" });
  try {
    const loads = [];
    for (let round = 0; round < LOADS; round++) loads.push(await timeLoad(browser, server.url));
    return {
      unit: "ms",
      version: browser.version(),
      load_to_first_prediction: percentiles(loads),
      cpu: await timeSession(browser, server.url, "cpu"),
      gpu: await timeSession(browser, server.url, "gpu"),
      bandit: await timeBandit(browser, server.url),
    };
  } finally {
    await browser.close();
    server.close();
  }
}

/** With nothing cached: the .wasm file and the model come from a server on this machine. */
async function timeLoad(browser, url) {
  const context = await browser.newContext();
  const page = await openPage(context, url);
  const milliseconds = await page.evaluate(async () => {
    const start = performance.now();
    const predictor = await foreclick.Predictor.load(MODEL, { backend: "cpu" });
    await predictor.predict();
    return performance.now() - start;
  });
  await context.close();
  return milliseconds;
}

async function timeSession(browser, url, backend) {
  const context = await browser.newContext();
  await isolate(context, url);
  const page = await openPage(context, url);
  const { diagnostics, observe, predict } = await page.evaluate(playSession, { backend, UNTIMED, TIMED });
  await context.close();
  if (diagnostics.backend !== backend) return { skipped: diagnostics.reason };
  const { adapter, items } = diagnostics;
  return { adapter, items, observe: percentiles(observe), predict: percentiles(predict) };
}

async function timeBandit(browser, url) {
  const context = await browser.newContext();
  await isolate(context, url);
  const page = await openPage(context, url);
  const { choose, reward, bytes } = await page.evaluate(playBandit, { ...BANDIT, UNTIMED, TIMED });
  await context.close();
  return { ...BANDIT, choose: percentiles(choose), reward: percentiles(reward), state_bytes: bytes };
}

/** An isolated page's clock is exact to 5 µs, any other's to 100 µs. */
async function isolate(context, url) {
  await context.route(url, async (route) => {
    const response = await route.fetch();
    const headers = {
      ...response.headers(),
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
    };
    await route.fulfill({ response, headers });
  });
}

async function openPage(context, url) {
  const page = await context.newPage();
  await page.goto(url);
  await page.waitForSelector("text=ready");
  return page;
}

/** Runs in the page: a prediction after each event. */
async function playSession({ backend, UNTIMED, TIMED }) {
  if (!crossOriginIsolated) throw new Error("the page is not isolated, so its clock is too coarse");
  const predictor = await foreclick.Predictor.load(MODEL, { backend });
  const { items } = predictor.diagnostics();
  const observe = [];
  const predict = [];
  for (let place = 0; place < UNTIMED + TIMED; place++) {
    const item = String((place * 7919) % items).padStart(7, "0");
    const event = { item, time: place * 60_000, group: `basket-${Math.floor(place / 8)}` };
    const start = performance.now();
    predictor.observe(event);
    const observed = performance.now();
    await predictor.predict();
    const predicted = performance.now();
    if (place < UNTIMED) continue;
    observe.push(observed - start);
    predict.push(predicted - observed);
  }
  return { diagnostics: predictor.diagnostics(), observe, predict };
}

/** Runs in the page: decisions by Thompson sampling and their rewards, then so many decisions that wait as may. */
async function playBandit({ count, dimension, UNTIMED, TIMED }) {
  const { Bandit } = await import("/foreclick/bandit.js");
  const actions = Array.from({ length: count }, (_, place) => `banner-${place}`);
  const bandit = new Bandit({ actions, dimension });
  const context = () => Float64Array.from({ length: dimension }, () => (Math.random() - 0.5) / 2);
  const choose = [];
  const reward = [];
  for (let place = 0; place < UNTIMED + TIMED; place++) {
    const seen = context();
    const start = performance.now();
    const { id } = bandit.choose(seen);
    const chosen = performance.now();
    bandit.reward(id, Math.random());
    const rewarded = performance.now();
    if (place < UNTIMED) continue;
    choose.push(chosen - start);
    reward.push(rewarded - chosen);
  }
  for (let place = 0; place < UNTIMED; place++) bandit.choose(context());
  return { choose, reward, bytes: new Blob([JSON.stringify(bandit)]).size };
}

function percentiles(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const percentile = (share) => sorted[Math.ceil(share * sorted.length) - 1];
  return { p50: percentile(0.5), p95: percentile(0.95), count: sorted.length };
}
