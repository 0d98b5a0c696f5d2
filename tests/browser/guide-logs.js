// Small made-up logs for the guides' commands: a few hundred visitors of a shop, whose next step follows from the last.

const PRODUCTS = ["oat-milk", "soy-milk", "muesli", "tea", "honey", "bread", "butter", "jam", "soap", "towel"];
const VISITS = 300;

/** Of each log that the guides name, its text. */
export function logs() {
  const shopping = visits((random) => walk(PRODUCTS, random));
  const pages = visits((random) => ["/", ...walk(PRODUCTS.map((product) => `/products/${product}`), random)]);
  // Who looks at soap buys half of the time, others one time in ten.
  const outcomes = visits((random) => {
    const products = walk(PRODUCTS, random);
    const bought = random() < (products.includes("soap") ? 0.5 : 0.1) ? "yes" : "no";
    return products.map((product) => `${product},${bought}`);
  });
  return {
    "clicks.csv": table("visitor,product,time", shopping),
    "pages.csv": table("visitor,page,time", pages.map((visit) => [...visit, "(left)"])),
    "visits.csv": table("visit,product,bought,time", outcomes),
    "decisions.csv": decisions(9),
    "later.csv": decisions(10),
  };
}

/** The product next to the last one, mostly. */
function walk(values, random) {
  const length = 4 + Math.floor(6 * random());
  let place = Math.floor(values.length * random());
  return Array.from({ length }, () => {
    place = random() < 0.7 ? (place + 1) % values.length : Math.floor(values.length * random());
    return values[place];
  });
}

function visits(make) {
  const random = stream(7);
  return Array.from({ length: VISITS }, () => make(random));
}

function table(header, visits) {
  const rows = visits.flatMap((visit, number) => visit.map((value, place) => `v${number},${value},${1_700_000_000 + number * 3600 + place * 20}`));
  return `${header}\n${rows.join("\n")}\n`;
}

/** Three actions, drawn evenly; the second suits those whose x is above 0. */
function decisions(seed) {
  const random = stream(seed);
  const rows = Array.from({ length: 600 }, () => {
    const x = 2 * random() - 1;
    const action = ["none", "discount", "free-shipping"][Math.floor(3 * random())];
    const isTaken = random() < (action === "discount" && x > 0 ? 0.4 : 0.1);
    return `${action},${isTaken ? 1 : 0},0.333333,${x.toFixed(3)}`;
  });
  return `action,reward,propensity,x_1\n${rows.join("\n")}\n`;
}

/** Numbers from 0 to 1, the same on every machine. */
function stream(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
}
