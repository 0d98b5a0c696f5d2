// Replays visits in Chromium, with real input.
import { chance } from "./chance.js";
import { Pointer } from "./pointer.js";

const AT_ONCE = 4; // visitors, each with a browser context

/** What each strategy would have loaded: `[{ path, target, noted, clickedAt }]`, one a page view; the last of a visit has no target. */
export function watch(browser, shop, visits, strategies) {
  return inContexts(browser, visits, { strategies, isWatched: true }, async (page, visit, random) => {
    const views = [];
    const pointer = new Pointer(page, random);
    for (const [place, { path, reading }] of visit.entries()) {
      await page.goto(shop.url + path);
      const target = visit[place + 1]?.path;
      await pointer.follow({ reading, target });
      const seen = await page.evaluate(() => ({ noted, clickedAt: globalThis.clickedAt }));
      if (target !== undefined && seen.clickedAt === undefined) throw new Error(`${path}: ${target} was not clicked`);
      views.push({ path, target, ...seen });
    }
    return views;
  });
}

/** Milliseconds from the click until the next page's document is there, and whether it had been loaded: one a navigation. */
export function time(browser, shop, visits, strategy) {
  return inContexts(browser, visits, { strategies: [strategy], isWatched: false }, async (page, visit, random) => {
    const pointer = new Pointer(page, random);
    await page.goto(shop.url + visit[0].path);
    const found = [];
    for (const [place, { reading }] of visit.slice(0, -1).entries()) {
      await pointer.follow({ reading, target: visit[place + 1].path });
      await page.waitForURL(shop.url + visit[place + 1].path);
      found.push(
        await page.evaluate(() => {
          const [{ domContentLoadedEventStart, deliveryType }] = performance.getEntriesByType("navigation");
          const milliseconds = performance.timeOrigin + domContentLoadedEventStart - Number(sessionStorage.getItem("clicked"));
          return { milliseconds, isServed: deliveryType === "navigational-prefetch" };
        }),
      );
    }
    return found;
  });
}

/** Each visit in a context of its own, with the same random numbers whatever is replayed beside it. */
async function inContexts(browser, visits, replay, work) {
  const results = [];
  const waiting = [...visits.entries()];
  const visitor = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [number, visit] = next;
      const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
      const page = await context.newPage();
      const problems = [];
      page.on("pageerror", (error) => problems.push(error.message));
      await page.addInitScript((replay) => (globalThis.replay = replay), replay);
      results[number] = await work(page, visit, chance(1000 + number));
      await context.close();
      if (problems.length > 0) throw new Error(problems.join("; "));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, visitor));
  return results;
}
