// The bench's tables.
import { NAMES, WAITS } from "./summary.js";

const percent = (value, digits = 0) => (value === null ? "-" : `${(100 * value).toFixed(digits)}%`);
const milliseconds = (value) => (value === undefined ? "-" : `${Math.round(value)} ms`);

export function printThresholds(rows, { source, pages, visits, views }) {
  console.log(`Sessions: ${source}; a shop of ${pages} pages. All ${visits} held-out visits, ${views} page views:`);
  print(["from a probability of", "hit rate", "waste", "loads a view", "the model promised"], rows.map(({ threshold, hitRate, waste, perView, promised }) => [threshold, percent(hitRate, 1), percent(waste, 1), perView.toFixed(2), percent(1 - promised, 1)]));
}

export function printReplay(rows, { visits, delay }) {
  console.log(`\n${visits} visits with real input, ${rows[0].navigations} navigations; measured with real loads, of a server that takes ${delay} ms:`);
  const waits = WAITS.map((wait) => `left of ${wait / 1000} s`);
  const header = ["", "hit rate", "waste", "loads a view", "wasted KB a view", "lead", "of 9 in 10 at least", ...waits, "measured, served"];
  const cells = ({ strategy, hitRate, waste, perView, wastedBytesPerView, lead, waits, timed }) => [
    NAMES[strategy],
    percent(hitRate),
    percent(waste),
    perView.toFixed(1),
    (wastedBytesPerView / 1000).toFixed(0),
    milliseconds(lead?.median),
    milliseconds(lead?.low),
    ...waits.map(milliseconds),
    `${milliseconds(timed.median)}, ${timed.served} of ${timed.navigations}`,
  ];
  print(header, rows.map(cells));
}

function print(header, rows) {
  for (const row of [header, header.map(() => "---"), ...rows]) console.log(`| ${row.join(" | ")} |`);
}
