// The demo page as a visitor meets it: served with its strict policy, in Chromium, with the demo's model.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { colours, DESK, PHONE, ROOT, shoot, startDemo } from "./demo-page.js";

let demo;

before(async () => {
  demo = await startDemo();
});

after(() => demo?.stop());

test("clicks re-rank and are explained, while the network stays silent", async () => {
  const visit = await open();
  const { page } = visit;
  const first = await ranking(page);
  assert.equal(first.length, 10);
  for (let clicked = 1; clicked <= 3; clicked++) await add(page, clicked);
  assert.notDeepEqual(await ranking(page), first, "three products must change the ranking");

  await explained(page);
  assert.equal(await page.locator("#terms .term").count(), 5);
  assert.ok((await page.locator("#events .event").count()) > 0, "an event must count");
  const sum = percentOf(await page.locator("#sum").innerText());
  const listed = (await page.locator("#ranking .percent").allInnerTexts()).map(percentOf).reduce((a, b) => a + b);
  assert.ok(Math.abs(sum - listed) <= 1, `the ten add up to ${listed}%, the page says ${sum}%`);
  for (const meter of ["predict", "observe"]) assert.ok(Number(await page.locator(`#${meter}-ms`).innerText()) >= 0);
  assert.match(await page.locator("#backend").innerText(), /^(CPU|GPU)$/);
  await page.waitForFunction(() => !document.getElementById("reason").textContent.includes("being tried"), null, {
    timeout: 60_000,
  });
  assert.match(await page.locator("#model-bytes").innerText(), /^\d/);

  assert.deepEqual(visit.requests, [], "no request may follow the load");
  assert.equal(await page.locator("#requests").innerText(), "0");
  assert.deepEqual(await visit.troubles(), []);
  await visit.close();
});

test("a request, a violation of the policy and a console error would be noticed", async () => {
  const visit = await open();
  await visit.page.evaluate(async () => {
    await fetch("/favicon.svg");
    document.body.setAttribute("style", "color: red");
  });
  await visit.page.waitForFunction(() => document.getElementById("requests").textContent === "1");
  assert.equal(visit.requests.length, 1);
  const troubles = await visit.troubles();
  assert.ok(
    troubles.some((trouble) => trouble.startsWith("policy: style-src")),
    troubles.join("\n"),
  );
  assert.ok(
    troubles.some((trouble) => trouble.startsWith("console: ")),
    troubles.join("\n"),
  );
  await visit.close();
});

test("checking out opens a new basket, and what was bought comes back", async () => {
  const visit = await open();
  const { page } = visit;
  const bought = await add(page, 1);
  await add(page, 2);
  assert.ok(!(await ranking(page)).includes(bought), "what is in the basket is no candidate");
  await page.click("#checkout");
  await page.waitForFunction(() => document.getElementById("basket-note").textContent === "Empty");
  assert.equal(await page.locator("#basket li").count(), 0);
  assert.ok(await page.locator("#checkout").isDisabled());
  await page.click('[data-aisle="before"]');
  assert.equal(await page.locator("#shelf .tile").count(), 2);
  assert.deepEqual(await visit.troubles(), []);
  await visit.close();
});

test("each product changes what is told of the trip after, and its worth is told", async () => {
  const visit = await open();
  const { page } = visit;
  const told = () => Promise.all(["#trip-coupon", "#trip-spend"].map((id) => page.locator(id).innerText()));
  const first = await told();
  for (let clicked = 1; clicked <= 3; clicked++) await add(page, clicked);
  await explained(page);
  const [coupon, spend] = await told();
  assert.match(coupon, /^\d+(\.\d)?%$/);
  assert.ok(percentOf(coupon) > 0.5 && percentOf(coupon) < 50, `a coupon in ${coupon} of trips`);
  assert.match(spend, /^\$\d+$/);
  assert.notDeepEqual([coupon, spend], first);
  await page.click("#basket .chip");
  await page.click("#basket .chip");
  await page.click("#basket .chip");
  await page.waitForFunction(() => document.getElementById("basket-note").textContent === "Empty");
  await explained(page);
  assert.deepEqual(await told(), first, "what is taken out leaves no trace here either");
  const worth = await page.locator("#trip-worth").innerText();
  const [pairs, own, mean] = worth.match(/in (\d+)% of all pairs.*off by \$(\d+\.\d\d) on average, the mean by \$(\d+\.\d\d)/).slice(1).map(Number);
  assert.ok(pairs > 50 && own < mean, worth);
  assert.deepEqual(visit.requests, []);
  assert.deepEqual(await visit.troubles(), []);
  await visit.close();
});

test("a product taken out again leaves no trace", async () => {
  const visit = await open();
  const { page } = visit;
  const first = await ranking(page);
  await add(page, 1);
  await page.click("#basket .chip");
  await page.waitForFunction(() => document.getElementById("basket-note").textContent === "Empty");
  assert.deepEqual(await ranking(page), first);
  await visit.close();
});

test("a shopper of the sample brings a history, and their real next basket can be played", async () => {
  const visit = await open();
  const { page } = visit;
  const stranger = await ranking(page);
  await page.selectOption("#shopper", { index: 1 });
  await page.waitForFunction(() => document.getElementById("lede").textContent.includes("replayed"));
  await page.waitForSelector("#play:not([hidden])");
  assert.notDeepEqual(await ranking(page), stranger);
  await explained(page);
  const repetition = await page.locator("#terms .term").nth(1).innerText();
  assert.match(repetition, /bought (once|\d+ times), /, "what is most likely was bought before");
  for (let played = 1; played <= 3; played++) {
    await page.click("#play");
    await page.waitForFunction((count) => document.querySelectorAll("#picks li").length === count, played);
  }
  assert.equal(await page.locator("#basket li").count(), 3);
  assert.deepEqual(visit.requests, []);
  assert.deepEqual(await visit.troubles(), []);
  await visit.close();
});

test("work that is done within one tick of the clock is drawn as 0", async () => {
  const visit = await open();
  const { page } = visit;
  await page.evaluate(() => (performance.now = () => 1));
  await add(page, 1);
  assert.match(await page.locator("#observe-line").getAttribute("points"), /^[\d. ,]+$/);
  assert.deepEqual(await visit.troubles(), []);
  await visit.close();
});

test("the keyboard alone reaches the predictions, adds one and searches", async () => {
  const visit = await open();
  const { page } = visit;
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await focused(page), "next", "the skip link leads to the predictions");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  const [best] = await ranking(page);
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll("#basket li").length === 1);
  assert.ok(!(await ranking(page)).includes(best));
  assert.ok(
    await page.evaluate(() => document.activeElement.closest("#ranking") !== null),
    "the focus stays in the list",
  );
  await page.waitForFunction(() => /Most likely next: .+, [\d.]+%/.test(document.getElementById("said").textContent));

  await page.locator("#search").focus();
  await page.keyboard.type("bread");
  const names = await page.locator("#shelf .tile").allInnerTexts();
  assert.ok(names.length > 0);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Space");
  await page.waitForFunction(() => document.querySelectorAll("#basket li").length === 2);
  assert.deepEqual(await visit.troubles(), []);
  await visit.close();
});

for (const [name, viewport, colorScheme] of [
  ["desk", DESK, "light"],
  ["desk", DESK, "dark"],
  ["phone", PHONE, "light"],
  ["phone", PHONE, "dark"],
]) {
  test(`the page fits a ${name} and is not blank (${colorScheme})`, async () => {
    const visit = await open({ viewport, colorScheme });
    const width = await visit.page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= viewport.width, `${width} pixels wide, expected at most ${viewport.width}`);
    const blank = await demo.browser.newPage();
    assert.equal(await colours(blank, await shoot(blank)), 1, "the measure itself must see a blank page");
    const screenshot = await shoot(visit.page, `${ROOT}build/screenshots/demo-${name}-${colorScheme}.png`);
    assert.ok((await colours(blank, screenshot)) > 40);
    await blank.close();
    await visit.close();
  });
}

test("without a model the page says which command makes one", async () => {
  const context = await demo.browser.newContext({ viewport: DESK });
  const page = await context.newPage();
  await page.route("**/model/model.safetensors", (route) => route.fulfill({ status: 404, body: "" }));
  await page.goto(demo.url);
  await page.waitForSelector('body[data-state="failed"]');
  assert.match(await page.locator("#failed").innerText(), /\.\/build\.sh demo/);
  await context.close();
});

test("a browser that can't run it is told so, and not to train a model", async () => {
  const context = await demo.browser.newContext({ viewport: DESK });
  const page = await context.newPage();
  await page.addInitScript(() => {
    const refuse = async () => {
      throw new WebAssembly.CompileError("invalid opcode");
    };
    WebAssembly.instantiateStreaming = refuse;
    WebAssembly.instantiate = refuse;
  });
  await page.goto(demo.url);
  await page.waitForSelector('body[data-state="failed"]');
  const text = await page.locator("#failed").innerText();
  assert.match(text, /can't start here/);
  assert.match(text, /SIMD/);
  assert.doesNotMatch(text, /build\.sh/);
  await context.close();
});

/** The shop, loaded. */
function open(options) {
  return demo.open("", options);
}

/** The ids of the ranked products, best first. */
function ranking(page) {
  return page.evaluate(() => [...document.querySelectorAll("#ranking .row")].map((row) => row.dataset.id));
}

/** Puts the first product of the shelf that is not in the basket into it, as the `count`th; gives its id. */
async function add(page, count) {
  const tile = page.locator('#shelf .tile[aria-pressed="false"]').first();
  const id = await tile.getAttribute("data-id");
  await tile.click();
  await page.waitForFunction((expected) => document.querySelectorAll("#basket li").length === expected, count);
  return id;
}

/** Waits for the explanation that follows the ranking. */
function explained(page) {
  return page.waitForSelector('#why[aria-busy="false"]');
}

function focused(page) {
  return page.evaluate(() => document.activeElement.id);
}

function percentOf(text) {
  return Number(text.replace("%", ""));
}
