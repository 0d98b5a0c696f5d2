// The page of posts as a visitor meets it, with the demo's model.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Monitor } from "../../www/social/monitor.js";
import { withoutEach } from "../../www/social/words.js";
import { DESK, ROOT, startDemo } from "./demo-page.js";

let demo;
before(async () => {
  demo = await startDemo({ gpu: "none" });
});
after(() => demo?.stop());

const open = (viewport = DESK) => demo.open("social/", { viewport });

test("what is typed is judged at each key, and told by words, while the network stays silent", async () => {
  const visit = await open();
  const { page } = visit;
  const empty = await bars(page);
  await page.locator("#post").focus();
  const seen = new Set([JSON.stringify(empty)]);
  for (const key of "so happy") {
    await page.keyboard.type(key);
    await judged(page);
    seen.add(JSON.stringify(await bars(page)));
  }
  assert.ok(seen.size > 5, `${seen.size} different answers for eight keys`);
  const happy = await bars(page);
  assert.ok(Math.abs(happy.reduce((a, b) => a + b) - 100) <= 2, `the bars add up to ${happy}`);

  await page.fill("#post", "what a terrible day");
  await judged(page);
  const sad = await bars(page);
  assert.ok(sad[0] > happy[0] && sad[2] < happy[2], `${sad} for a horrible day, ${happy} for a happy one`);
  assert.deepEqual(await page.locator("#words .word span").allInnerTexts(), ["what", "a", "terrible", "day"]);
  assert.ok((await page.locator("#words .word.down").count()) > 0, "a word must pull the rating down");
  assert.match(await page.locator("#predict-ms").innerText(), /^\d/);

  assert.deepEqual(visit.requests, [], "no request may follow the load");
  assert.deepEqual(await visit.troubles(), []);
  await visit.close();
});

test("Chinese is taken while it is composed, and told by words", async () => {
  const visit = await open();
  const { page } = visit;
  await page.locator("#post").focus();
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Input.imeSetComposition", { text: "很高", selectionStart: 2, selectionEnd: 2 });
  await judged(page);
  await devtools.send("Input.insertText", { text: "很高兴😀" });
  await judged(page);
  assert.equal(await page.inputValue("#post"), "很高兴😀");
  const words = await page.locator("#words .word span").allInnerTexts();
  assert.equal(words.join(""), "很高兴😀");
  assert.ok(words.length > 1, "the words of Chinese are told apart");
  assert.deepEqual(await visit.troubles(), []);
  await visit.close();
});

test("the replay raises an alert when its mood turns, and own posts join it", async () => {
  const visit = await open();
  const { page } = visit;
  await page.fill("#post", "hello there");
  await page.click("#send");
  await page.waitForFunction(() => document.getElementById("count").textContent === "one post");
  assert.equal(await page.locator("#posts .own span").innerText(), "hello there");
  assert.ok(await page.locator("#alert").isHidden());

  await page.click("#play");
  await page.waitForFunction(() => document.getElementById("alert").textContent.includes("worse"), null, { timeout: 120_000 });
  const alert = await page.locator("#alert").innerText();
  const at = Number(alert.match(/at post (\d+)/)[1]);
  // One own post, then 80 in the usual mix.
  assert.ok(at > 81 && at <= 161, `the mix is turned from post 82 to 161; the page says: ${alert}`);
  await page.click("#play");
  await page.screenshot({ path: `${ROOT}build/screenshots/social-alert.png` });
  await page.click("#again");
  assert.ok(await page.locator("#alert").isHidden());
  assert.deepEqual(visit.requests, []);
  assert.deepEqual(await visit.troubles(), []);
  await visit.close();
});

test("a visitor's own posts turn the mood too", async () => {
  const visit = await open();
  const { page } = visit;
  await page.fill("#post", "I hate this, horrible, the worst");
  for (let sent = 1; sent <= 30 && (await page.locator("#alert").isHidden()); sent++) {
    await page.click("#send");
    await page.waitForFunction((count) => Number.parseInt(document.getElementById("count").textContent, 10) === count || count === 1, sent);
  }
  assert.match(await page.locator("#alert").innerText(), /turned worse/);
  await visit.close();
});

for (const [name, viewport] of [
  ["desk", DESK],
  ["phone", { width: 360, height: 740 }],
]) {
  test(`the page fits a ${name}`, async () => {
    const visit = await open(viewport);
    await visit.page.fill("#post", `so happy for you, great news :) ${"a".repeat(200)}`);
    await judged(visit.page);
    const width = await visit.page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= viewport.width, `${width} pixels wide, expected at most ${viewport.width}`);
    await visit.page.screenshot({ path: `${ROOT}build/screenshots/social-${name}.png` });
    await visit.close();
  });
}

test("a monitor is quiet in what is usual, and tells a turn and its end once each", () => {
  const usual = [-1, 1, -2, 2, 0, 1, -1, 0];
  const monitor = new Monitor(usual);
  const take = (mood, times) => Array.from({ length: times }, () => monitor.take(mood)).filter(Boolean);
  assert.deepEqual(usual.map((mood) => monitor.take(mood)).filter(Boolean), []);
  assert.deepEqual(take(-2, 40).map(({ direction }) => direction), [-1]);
  assert.deepEqual(take(0, 40).map(({ direction }) => direction), [0]);
  assert.deepEqual(take(2, 40).map(({ direction }) => direction), [1]);
  monitor.reset();
  assert.equal(monitor.direction, 0);
});

test("each word is left out where it stands", () => {
  assert.deepEqual(withoutEach(" good  good\n:)"), [
    { word: "good", without: "   good\n:)" },
    { word: "good", without: " good  \n:)" },
    { word: ":)", without: " good  good\n" },
  ]);
  assert.deepEqual(withoutEach(" \n"), []);
  const chinese = withoutEach("我很高兴");
  assert.equal(chinese.map(({ word }) => word).join(""), "我很高兴");
  assert.ok(chinese.length > 1);
});

/** Waits until what is typed is judged, word by word. */
function judged(page) {
  return page.waitForSelector('#words[aria-busy="false"]');
}

/** The percentages of negative, neutral and positive. */
async function bars(page) {
  return (await page.locator("#bars .percent").allInnerTexts()).map((text) => Number.parseInt(text, 10));
}
