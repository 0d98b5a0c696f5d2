// What the Prefetcher would load after each page of all held-out visits, which needs no pointer: by threshold.
import { eventsOf, LEFT } from "./visits.js";

const LIMIT = 2; // the Prefetcher's
const AT_ONCE = 500; // sessions in one call

/** `[{ path, target, likely }]`, one a page view, `likely` the model's `[path, probability]` without the page itself. */
export async function predictAll(browser, shop, visits, start) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.addInitScript(() => (globalThis.replay = { strategies: [], isWatched: true }));
  await page.goto(`${shop.url}/about`);
  await page.evaluate(async () => {
    const { Predictor } = await import("/foreclick/index.js");
    globalThis.predictor = await Predictor.load("/model.safetensors", { backend: "cpu" });
  });
  const views = visits.flatMap((visit, number) => {
    const events = eventsOf(visit, number, start);
    return events.map(({ item }, place) => ({ path: item, target: visit[place + 1]?.path, events: events.slice(0, place + 1) }));
  });
  const found = [];
  for (let first = 0; first < views.length; first += AT_ONCE) {
    const some = views.slice(first, first + AT_ONCE);
    const predictions = await page.evaluate((sessions) => predictor.predictMany(sessions, { k: 20 }), some.map(({ events }) => events));
    predictions.forEach(({ items }, place) => {
      const { path, target } = some[place];
      found.push({ path, target, likely: items.filter(({ item }) => item !== path && item !== LEFT).map(({ item, probability }) => [item, probability]) });
    });
  }
  await context.close();
  return found;
}

/** `{ threshold, hitRate, waste, perView, promised }` of the views of predictAll. */
export function atThreshold(views, threshold) {
  let [loads, hits, expected] = [0, 0, 0];
  for (const { target, likely } of views) {
    const loaded = likely.slice(0, LIMIT).filter(([, probability]) => probability >= threshold);
    loads += loaded.length;
    hits += loaded.filter(([path]) => path === target).length;
    expected += loaded.reduce((sum, [, probability]) => sum + probability, 0);
  }
  const navigations = views.filter(({ target }) => target !== undefined).length;
  return { threshold, hitRate: hits / navigations, waste: 1 - hits / loads, perView: loads / views.length, promised: expected / loads };
}
