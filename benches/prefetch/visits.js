// Sessions of products as visits of pages: how a visitor gets from one product to the next by the site's links.
import { chance, lognormal } from "./chance.js";
import { categoryPath, productPath } from "./site.js";

/**
 * One array of `{ path, reading }` a session, `reading` in milliseconds: half of the visitors begin at home, the others come to
 * the first product from elsewhere. To the next product they take its link if the page has one, otherwise the way by its
 * category. One in eight ends in the cart, and half of those in the checkout. Reading takes a log-normal time with a median of
 * 1.5 s, from .3 to 6 s: short, so that a replay takes minutes.
 */
export function visitsOf(sessions, { pages, categoryOf }, seed) {
  const random = chance(seed);
  return sessions.map((session) => {
    const paths = random() < 0.5 ? ["/"] : [productPath(session[0])];
    const links = () => [pages.get(paths.at(-1))].flatMap(({ top, main, foot }) => [...top, ...main, ...foot]);
    for (const product of session) {
      const path = productPath(product);
      if (paths.at(-1) === path) continue;
      if (!links().includes(path)) paths.push(categoryPath(categoryOf[product]));
      paths.push(path);
    }
    const buys = random();
    if (buys < 1 / 8) paths.push("/cart");
    if (buys < 1 / 16) paths.push("/checkout");
    // Already in the category that has the product.
    const steps = paths.filter((path, place) => path !== paths[place - 1]);
    return steps.map((path) => ({ path, reading: Math.min(6000, Math.max(300, lognormal(random, 1500, 0.7))) }));
  });
}

/** What the log has after the last page: a model that never saw visitors leave is sure of a next page. */
export const LEFT = "(left)";

/** A visit's events, `{ item, time }`. Visits begin an hour apart; a page's time is what was read before it, and a second more. */
export function eventsOf(visit, number, start) {
  let time = start + number * 3_600_000;
  return visit.map(({ path, reading }) => {
    const event = { item: path, time: Math.round(time) };
    time += reading + 1200; // and what moving and clicking takes
    return event;
  });
}

/** The log that the companion reads. */
export function logOf(visits, start) {
  const rows = visits.flatMap((visit, number) => eventsOf([...visit, { path: LEFT }], number, start).map(({ item, time }) => `${number},${item},${time}`));
  return `session,page,time\n${rows.join("\n")}\n`;
}
