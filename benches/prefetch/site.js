// A static shop of 200 pages, laid out by sessions as shops are: categories of what is looked at together, similar products on
// each product's page, the popular ones at home.

import { PRODUCTS } from "./sessions.js";

const CATEGORIES = 12;
const SIMILAR = 8;
const POPULAR = 12;
const OTHERS = ["/", "/popular", "/new", "/help", "/about", "/account", "/cart", "/checkout"];

export const productPath = (product) => `/p/${product}`;
export const categoryPath = (category) => `/c/${category}`;

/** `{ pages, categoryOf, popular }`: `pages` has of each path its title and its links in three parts. */
export function buildSite(sessions) {
  const counts = countTogether(sessions);
  const categoryOf = categorise(counts);
  const byPopularity = Array.from({ length: PRODUCTS }, (_, product) => product).sort((a, b) => counts.popularity[b] - counts.popularity[a]);
  const popular = byPopularity.slice(0, POPULAR);
  const top = ["/", ...Array.from({ length: CATEGORIES }, (_, category) => categoryPath(category)), "/cart"];
  const foot = ["/new", "/popular", "/help", "/about", "/account"];
  const pages = new Map();
  const add = (path, title, main) => pages.set(path, { title, top, main, foot });
  for (const path of OTHERS) add(path, path === "/" ? "Home" : path.slice(1), []);
  pages.get("/").main = popular.map(productPath);
  pages.get("/popular").main = byPopularity.slice(0, 2 * POPULAR).map(productPath);
  pages.get("/new").main = byPopularity.slice(-POPULAR).map(productPath);
  pages.get("/cart").main = ["/checkout", ...popular.slice(0, 4).map(productPath)];
  for (let category = 0; category < CATEGORIES; category++) {
    const own = byPopularity.filter((product) => categoryOf[product] === category);
    add(categoryPath(category), `Category ${category}`, own.map(productPath));
  }
  for (let product = 0; product < PRODUCTS; product++) {
    const similar = mostSimilar(counts.together[product], SIMILAR);
    add(productPath(product), `Product ${product}`, ["/cart", categoryPath(categoryOf[product]), ...similar.map(productPath)]);
  }
  return { pages, categoryOf, popular };
}

/** How often a product was seen, and how often each other one right before or after it. */
function countTogether(sessions) {
  const together = Array.from({ length: PRODUCTS }, () => new Array(PRODUCTS).fill(0));
  const popularity = new Array(PRODUCTS).fill(0);
  for (const session of sessions) {
    session.forEach((product, place) => {
      popularity[product]++;
      if (place === 0) return;
      together[product][session[place - 1]]++;
      together[session[place - 1]][product]++;
    });
  }
  return { together, popularity };
}

const mostSimilar = (others, count) => others.map((times, product) => [times, product]).filter(([times]) => times > 0).sort(([a], [b]) => b - a).slice(0, count).map(([, product]) => product);

/** Equal categories: the most popular product that is left, and what goes with it best, one after the other. */
function categorise({ together, popularity }) {
  const size = PRODUCTS / CATEGORIES;
  const categoryOf = new Array(PRODUCTS).fill(undefined);
  const left = () => [...categoryOf.keys()].filter((product) => categoryOf[product] === undefined);
  for (let category = 0; category < CATEGORIES; category++) {
    const own = [];
    while (own.length < size && left().length > 0) {
      const bond = (product) => own.reduce((sum, other) => sum + together[product][other], 0) || popularity[product] / 1e6;
      const next = left().reduce((a, b) => (bond(b) > bond(a) ? b : a));
      own.push(next);
      categoryOf[next] = category;
    }
  }
  return categoryOf;
}

/** Text enough for a document of 8 to 40 KB, as shops' are. */
export function render(path, { title, top, main, foot }) {
  const link = (href) => `<a href="${href}">${href}</a>`;
  const card = (href) => `<li><a href="${href}"><b>${href}</b><i></i></a></li>`;
  const kilobytes = 8 + ([...path].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 997, 7) % 33);
  const filler = "<!-- " + "markup of a shop ".repeat(kilobytes * 60) + "-->";
  const [actions, cards] = path.startsWith("/p/") ? [main.slice(0, 2), main.slice(2)] : [[], main];
  return `<!doctype html><html lang="en"><title>${title}</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/page/shop.css">
<nav>${top.map(link).join(" ")}</nav><main><h1>${title}</h1><p class="picture">${actions.map(link).join(" ")}</p>
<ul>${cards.map(card).join("")}</ul></main><footer>${foot.map(link).join(" ")}</footer>${filler}<script type="module" src="/page/observe.js"></script></html>`;
}
