// Which products visitors looked at, one array a session, in the order of time: of a real log, or made up where there is none.
import { existsSync, readFileSync } from "node:fs";
import { chance, weighted } from "./chance.js";

export const PRODUCTS = 180;
const MADE_UP = 14_000; // sessions

/** `{ source, sessions }`: products are numbers from 0 to 179. */
export function productSessions(data) {
  const file = `${data}/diginetica-sessions/train_sessions.txt`;
  if (!existsSync(file)) return { source: "made up: visitors with tastes", sessions: madeUp(chance(1)) };
  const sessions = readFileSync(file, "utf8").trimEnd().split("\n").map((line) => line.split(" "));
  const products = new Map(closest(sessions).map((product, number) => [product, number]));
  const known = sessions.map((session) => session.filter((product) => products.has(product)).map((product) => products.get(product)));
  return { source: `Diginetica, the ${PRODUCTS} products most often seen with each other`, sessions: known.map(withoutRepeats).filter(({ length }) => length > 1) };
}

const withoutRepeats = (session) => session.filter((product, place) => product !== session[place - 1]);

/** The products left after taking away, again and again, the one that follows on the others least often. */
function closest(sessions) {
  const follows = new Map();
  const count = (a, b) => {
    if (!follows.has(a)) follows.set(a, new Map());
    follows.get(a).set(b, (follows.get(a).get(b) ?? 0) + 1);
  };
  for (const session of sessions.map(withoutRepeats)) {
    for (let place = 1; place < session.length; place++) {
      count(session[place - 1], session[place]);
      count(session[place], session[place - 1]);
    }
  }
  const degree = new Map([...follows].map(([product, others]) => [product, [...others.values()].reduce((sum, times) => sum + times)]));
  const buckets = [];
  const put = (product) => (buckets[degree.get(product)] ??= []).push(product);
  for (const product of degree.keys()) put(product);
  for (let least = 0; degree.size > PRODUCTS; ) {
    const product = buckets[least]?.pop();
    if (product === undefined) least++;
    else if (degree.get(product) === least) {
      degree.delete(product);
      for (const [other, times] of follows.get(product)) {
        if (!degree.has(other)) continue;
        degree.set(other, degree.get(other) - times);
        put(other);
        least = Math.min(least, degree.get(other));
      }
    }
  }
  return [...degree.keys()];
}

/**
 * Each visitor has one group of 15 products in mind. The next product is, with 6 in 10, one of the three that go with the last
 * (drawn once for the site), with 3 in 10 one of the group by popularity (1 / place), and otherwise any by popularity.
 */
function madeUp(random) {
  const popularity = Array.from({ length: PRODUCTS }, (_, place) => 1 / (1 + (place % 15)));
  const any = () => weighted(random, popularity);
  const inGroup = (group) => group * 15 + weighted(random, popularity.slice(0, 15));
  const partners = Array.from({ length: PRODUCTS }, (_, product) => Array.from({ length: 3 }, () => inGroup(Math.floor(product / 15))));
  return Array.from({ length: MADE_UP }, () => {
    const group = weighted(random, popularity.slice(0, 12));
    const session = [inGroup(group)];
    const length = 2 + Math.floor(-2 * Math.log(1 - random()));
    while (session.length < length) {
      const draw = random();
      if (draw < 0.6) session.push(partners[session.at(-1)][weighted(random, [3, 2, 1])]);
      else session.push(draw < 0.9 ? inGroup(group) : any());
    }
    return withoutRepeats(session);
  }).filter(({ length }) => length > 1);
}
