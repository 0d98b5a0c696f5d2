// run.js FORECLICK: trains a model on visits of a made shop of 200 pages, replays held-out visits in Chromium with real input,
// and tells what each way of prefetching would have loaded. Prints tables; writes build/prefetch.json and build/prefetch.svg.
//
// VISITS (60): how many visits are replayed. TIMED (4): how many of them with real loads too, for each strategy.
import { execFileSync } from "node:child_process";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { launchChromium } from "../../tests/browser/chromium.js";
import { atThreshold, predictAll } from "./choose.js";
import { draw } from "./draw.js";
import { time, watch } from "./replay.js";
import { productSessions } from "./sessions.js";
import { openShop } from "./shop.js";
import { buildSite } from "./site.js";
import { NAMES, quantile, summarise } from "./summary.js";
import { printReplay, printThresholds } from "./table.js";
import { logOf, visitsOf } from "./visits.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const OUT = `${root}build/bench/prefetch`;
// Sessions in the order of time: by the first the shop was laid out, on the next a model is trained, the last are held out. A
// model that was trained on the sessions that made the links would expect too much of them.
const LAID_OUT = 4_000;
const TRAINED = 6_000;
const HELD_OUT = 2_000;
const START = Date.UTC(2024, 0, 1) - 5_000 * 3_600_000; // of the log: what prefetch.toml's dates count on
const DELAY = 200; // milliseconds until the server sends a page
const THRESHOLDS = [0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5];
const [foreclick] = process.argv.slice(2);
const count = (name, fallback) => Number(process.env[name] ?? fallback);

const { source, sessions } = productSessions(process.env.FORECLICK_SHARED ? `${process.env.FORECLICK_SHARED}/data` : `${root}../shared/data`);
const site = buildSite(sessions.slice(0, LAID_OUT));
const visits = visitsOf(sessions.slice(LAID_OUT, LAID_OUT + TRAINED + HELD_OUT), site, 2);
const heldOut = visits.slice(TRAINED);
const model = train();

const browser = await launchChromium({ gpu: "none" });
const MODULES = `${root}benches/prefetch/node_modules/`;
const shop = (delay) =>
  openShop({
    pages: site.pages,
    folders: { "/foreclick/": `${root}pkg/`, "/modules/": MODULES, "/page/": `${root}benches/prefetch/page/` },
    model,
    modules: {
      "js.foresight": "/modules/js.foresight/dist/index.mjs",
      "position-observer": "/modules/position-observer/dist/index.js",
      tabbable: "/modules/tabbable/dist/index.esm.js",
    },
    delay,
  });
try {
  const [fast, slow] = [await shop(0), await shop(DELAY)];
  const predicted = await predictAll(browser, fast, heldOut, START + TRAINED * 3_600_000);
  const thresholds = THRESHOLDS.map((threshold) => atThreshold(predicted, threshold));
  printThresholds(thresholds, { source, pages: site.pages.size, visits: heldOut.length, views: predicted.length });

  const sample = heldOut.slice(0, count("VISITS", 60));
  console.error(`replaying ${sample.length} visits with real input`);
  const watched = await watch(browser, fast, sample, Object.keys(NAMES));
  const rows = [];
  for (const strategy of Object.keys(NAMES)) {
    console.error(`timing ${NAMES[strategy]}`);
    const found = (await time(browser, slow, sample.slice(0, count("TIMED", 4)), strategy)).flat();
    const median = quantile(found.map(({ milliseconds }) => milliseconds), 0.5);
    const timed = { navigations: found.length, median, served: found.filter(({ isServed }) => isServed).length };
    rows.push({ ...summarise(watched, strategy, fast.bytesOf), timed });
  }
  printReplay(rows, { visits: sample.length, delay: DELAY });
  const report = { source, chromium: browser.version(), delay: DELAY, model_bytes: statSync(model).size, thresholds, rows };
  writeFileSync(`${root}build/prefetch.json`, `${JSON.stringify(report, null, 1)}\n`);
  writeFileSync(`${root}build/prefetch.svg`, draw(report));
  fast.close();
  slow.close();
} finally {
  await browser.close();
}

/** The model's file, trained on all but the held-out visits. */
function train() {
  mkdirSync(OUT, { recursive: true });
  writeFileSync(`${OUT}/log.csv`, logOf(visits, START));
  const run = (...args) => execFileSync(foreclick, args, { cwd: root, stdio: ["ignore", 2, 2] });
  run("train", "benches/prefetch/prefetch.toml", "--name", "bench-prefetch", "--replace");
  run("export", "runs/bench-prefetch", "--out", `${OUT}/model.safetensors`);
  return `${OUT}/model.safetensors`;
}
