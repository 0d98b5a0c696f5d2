// The market page as a visitor meets it, and that what it learned from knows nothing of later days.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fitDirection, fitHar } from "../../examples/market/baselines.js";
import { eventsOf, writeLog } from "../../examples/market/days.js";
import { judge } from "../../examples/market/report.js";
import { accuracy, auroc, interval, qlike } from "../../examples/market/score.js";
import { corrections } from "../../www/market/corrections.js";
import { AHEAD, LOOK_BACK, RISK_METRICS, change, riskMetrics } from "../../www/market/features.js";
import { colours, DESK, PHONE, ROOT, shoot, startDemo } from "./demo-page.js";

let demo;

before(async () => {
  demo = await startDemo();
});

after(() => demo?.stop());

test("a pulled price is answered at once, and nothing of it stays", async () => {
  const visit = await demo.open("market/");
  const { page } = visit;
  const before = await answer(page, "answer");
  await pull(page, 0);
  const calm = await answer(page, "if-answer");
  await pull(page, -12);
  const crash = await answer(page, "if-answer");
  assert.ok(crash.vol > 1.2 * calm.vol, `after a crash ±${crash.vol}%, after a day without a move ±${calm.vol}%`);
  assert.match(await page.locator("#if-move").innerText(), /^−12\.0%$/);
  assert.deepEqual(await answer(page, "answer"), before, "what was only asked is not observed");

  const handle = await page.locator("#handle").boundingBox();
  await page.mouse.move(handle.x + 8, handle.y + 8);
  await page.mouse.down();
  await page.mouse.move(handle.x + 8, handle.y - 60, { steps: 4 });
  await page.mouse.up();
  await page.waitForFunction(() => Number(document.getElementById("tomorrow").value) > -12);
  await page.waitForFunction((shown) => document.querySelector('#if-answer [data-answer="vol"]').textContent !== shown, `±${crash.vol.toFixed(2)}%`);
  assert.deepEqual(visit.requests, [], "no request may follow the load");
  assert.deepEqual(await visit.troubles(), []);
  await visit.close();
});

test("days come one by one, each scored beside what needs no model", async () => {
  const visit = await demo.open("market/");
  const { page } = visit;
  const first = await answer(page, "answer");
  for (let day = 1; day <= AHEAD + 1; day++) {
    await page.click("#step");
    await page.waitForFunction((days) => document.getElementById("score-days").textContent.startsWith(`${days} day`), day);
  }
  assert.notDeepEqual(await answer(page, "answer"), first);
  assert.equal(await page.locator("#came li").count(), AHEAD + 1);
  const hits = await Promise.all(["model", "up", "last"].map((name) => page.locator(`#hits-${name}`).innerText()));
  assert.ok(hits.every((count) => Number(count) >= 0 && Number(count) <= AHEAD + 1), hits.join());
  for (const name of ["model", "last", "risk"]) assert.ok(Number(await page.locator(`#error-${name}`).innerText()) > 0);
  await page.click("#play");
  await page.waitForFunction((days) => Number.parseInt(document.getElementById("score-days").textContent) > days, AHEAD + 2);
  await page.click("#play");
  await page.selectOption("#stock", "IBM");
  await page.waitForFunction(() => document.getElementById("price").textContent.startsWith("IBM"));
  assert.equal(await page.locator("#score-days").innerText(), "0 days");
  assert.deepEqual(visit.requests, []);
  assert.deepEqual(await visit.troubles(), []);
  await visit.close();
});

for (const [name, viewport, colorScheme] of [
  ["desk", DESK, "light"],
  ["desk", DESK, "dark"],
  ["phone", PHONE, "light"],
]) {
  test(`the page fits a ${name} and is not blank (${colorScheme})`, async () => {
    const visit = await demo.open("market/", { viewport, colorScheme });
    const width = await visit.page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= viewport.width, `${width} pixels wide, expected at most ${viewport.width}`);
    for (let day = 1; day <= 30; day++) await visit.page.click("#step");
    await visit.page.waitForFunction(() => document.getElementById("score-days").textContent === "30 days");
    const screenshot = await shoot(visit.page, `${ROOT}build/screenshots/market-${name}-${colorScheme}.png`);
    assert.ok((await colours(visit.page, screenshot)) > 40);
    await visit.close();
  });
}

test("events know nothing of later days, and answers of a part nothing of the next part", () => {
  const days = 80;
  const truth = eventsOf(made(days));
  const at = LOOK_BACK + 20;
  const date = truth[20].date;
  // Everything after that day is another world.
  const other = eventsOf(made(days, at));
  const upTo = (events) => events.filter((event) => event.date <= date).map(({ date, ticker, fields }) => ({ date, ticker, fields }));
  assert.equal(upTo(truth).length, 2 * 21);
  assert.deepEqual(upTo(other), upTo(truth));
  assert.notDeepEqual(other[21].fields, truth[21].fields, "the measure itself must see a later day that differs");

  const folder = mkdtempSync(join(tmpdir(), "foreclick-market-"));
  try {
    const fold = { validationFrom: truth[21].date, testFrom: truth[41].date, until: "2100-01-01" };
    const written = (events) => {
      const path = join(folder, "days.csv");
      writeLog(path, events, fold);
      return readFileSync(path, "utf8").trim().split("\n");
    };
    const training = (lines) => lines.filter((line) => line.split(",")[1] < fold.validationFrom);
    const rows = training(written(truth));
    assert.equal(rows.length, 2 * 21);
    assert.deepEqual(training(written(other)), rows, "later days change nothing that is learned from");
    const answered = rows.filter((line) => line.startsWith("A,")).map((line) => line.split(",").slice(-2));
    assert.equal(answered.filter(([up]) => up !== "").length, 20);
    assert.equal(answered.filter(([, vol]) => vol !== "").length, 21 - AHEAD);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("figures and verdicts are what they are said to be", () => {
  const rows = [0.9, 0.6, 0.6, 0.2].map((p, place) => ({ p, up: [true, true, false, false][place] }));
  assert.equal(accuracy(rows), 0.75);
  assert.equal(auroc(rows), 0.875);
  assert.equal(qlike([{ variance: 4, vol: Math.log(2) }]), 0);
  assert.ok(qlike([{ variance: 2, vol: Math.log(2) }]) > qlike([{ variance: 6, vol: Math.log(2) }]), "too little risk costs more");
  const many = Array.from({ length: 400 }, (_, time) => ({ time, value: time % 3 }));
  const [low, high] = interval(many, (some) => some.reduce((sum, { value }) => sum + value, 0) / some.length);
  assert.ok(low < 0.9975 && high > 0.9975 && high - low < 0.2, `${low} to ${high}`);
  assert.deepEqual([{ low: 0.1, high: 0.2 }, { low: -0.2, high: -0.1 }, { low: -0.1, high: 0.1 }].map(judge), ["better than", "worse than", "not distinguishable from"]);
});

test("what needs no model is what it is said to be", () => {
  const events = eventsOf(made(80)).filter(({ vol }) => vol !== null);
  const straight = events.map((event) => ({ ...event, vol: 0.1 + 0.2 * event.fields.range + 0.3 * event.fields.vol_week + 0.4 * event.fields.vol_month }));
  const har = fitHar(straight);
  for (const event of straight) assert.ok(Math.abs(har(event) - event.vol) < 1e-6, `${har(event)} instead of ${event.vol}`);

  const day = (before, up) => ({ fields: { change: before }, up });
  const { always, after } = fitDirection([day(1, true), day(1, true), day(1, false), day(-1, false)]);
  assert.deepEqual([always, after(day(1)), after(day(-1))], [0.5, 2 / 3, 0]);

  const bars = made(80).get("A");
  const [before, now] = [60, 61].map((at) => Math.exp(2 * riskMetrics(bars)[at]));
  assert.ok(Math.abs(now - (RISK_METRICS * before + (1 - RISK_METRICS) * change(bars, 61) ** 2)) < 1e-12);
  assert.deepEqual(riskMetrics(made(80, 60).get("A")).slice(0, 61), riskMetrics(bars).slice(0, 61), "later days change nothing");

  const { shifts, factors } = corrections([{ vol: Math.log(2), forecast: { low: 0 } }, { vol: Math.log(4), forecast: { low: 0 } }]);
  assert.ok(Math.abs(shifts.low - Math.log(8) / 2) < 1e-12 && Math.abs(factors.low - 10) < 1e-12);
});

/** Two stocks of made-up prices, so many days; after day `other`, if given, all is different. */
function made(days, other = Infinity) {
  const one = (ticker, seed) => {
    let close = 50;
    return Array.from({ length: days }, (_, day) => {
      const open = close;
      close *= Math.exp(0.02 * Math.sin(seed * day * day) + (day > other ? 0.05 : 0));
      const time = Date.UTC(2020, 0, 1 + day);
      return { ticker, date: new Date(time).toISOString().slice(0, 10), time, open, close, high: 1.01 * Math.max(open, close), low: 0.99 * Math.min(open, close), volume: 1000 + day };
    });
  };
  return new Map([["A", one("A", 1)], ["B", one("B", 2)]]);
}

async function pull(page, percent) {
  await page.locator("#tomorrow").fill(String(percent));
  await page.waitForFunction((moved) => Number.parseFloat(document.getElementById("if-move").textContent.replace("−", "-")) === moved, percent);
}

/** `{ vol, up }` in percent, as shown. */
async function answer(page, id) {
  const figure = async (name) => Number((await page.locator(`#${id} [data-answer="${name}"]`).innerText()).replace(/[±%]/g, ""));
  return { vol: await figure("vol"), up: await figure("up") };
}
