// node examples/market/prepare.js STOCKS OUT: the log of the last fold, as market.toml names its dates, and the prices for the demo's page.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventsOf, readPrices, writeLog } from "./days.js";
import { FOLDS } from "./folds.js";

// What the page shows before the first day that it predicts: the encoder's window and a year to look at.
const SHOWN_BEFORE = 252 + 64;

const [stocksFile, out] = process.argv.slice(2);
if (!out) throw new Error("usage: node examples/market/prepare.js STOCKS OUT");
mkdirSync(out, { recursive: true });
const stocks = readPrices(stocksFile);
const fold = FOLDS.at(-1);
writeLog(join(out, "days.csv"), eventsOf(stocks), fold);

const shown = [...stocks].map(([ticker, bars]) => {
  const first = bars.findIndex(({ date }) => date >= fold.testFrom);
  const rows = bars.slice(Math.max(0, first - SHOWN_BEFORE)).map(({ time, open, high, low, close, volume }) =>
    [time, ...[open, high, low, close].map((price) => Number(price.toPrecision(7))), volume],
  );
  return { ticker, rows };
});
writeFileSync(join(out, "prices.json"), JSON.stringify({ from: Date.parse(fold.testFrom), stocks: shown }));
