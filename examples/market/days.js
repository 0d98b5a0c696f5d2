// From daily prices to events, and to the log of one fold in time.
import { readFileSync, writeFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { AHEAD, LOOK_BACK, answers, change, fieldsOf, range } from "../../www/market/features.js";

const COLUMNS = "Ticker,Date,Open,High,Low,Close,Volume,Adj Close";

/** Each stock's days by its ticker, prices adjusted for splits and dividends. `path`: stocks.csv of bokeh-sampledata, perhaps with .gz. */
export function readPrices(path) {
  const bytes = readFileSync(path);
  const [head, ...lines] = (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8").trim().split(/\r?\n/);
  if (head !== COLUMNS) throw new Error(`${path} begins with ${head}, expected ${COLUMNS}: take stocks.csv of bokeh-sampledata 2026.1`);
  const stocks = new Map();
  for (const day of lines.map(bar)) stocks.set(day.ticker, [...(stocks.get(day.ticker) ?? []), day]);
  for (const bars of stocks.values()) bars.sort((a, b) => a.time - b.time);
  return stocks;
}

function bar(line) {
  const [ticker, date, ...numbers] = line.split(",");
  const [open, high, low, close, volume, adjusted] = numbers.map(Number);
  const factor = adjusted / close;
  return { ticker, date, time: Date.parse(date), open: open * factor, high: high * factor, low: low * factor, close: adjusted, volume };
}

/** All stocks' events, `{ ticker, date, time, fields, up, vol, upKnown, volKnown }`: `upKnown` and `volKnown` are the dates when the answers came. */
export function eventsOf(stocks) {
  const byDate = new Map();
  for (const [ticker, bars] of stocks) {
    for (let at = 1; at < bars.length; at++) {
      const day = byDate.get(bars[at].date) ?? [];
      byDate.set(bars[at].date, [...day, { ticker, change: change(bars, at), range: range(bars[at]) }]);
    }
  }
  return [...stocks].flatMap(([ticker, bars]) =>
    bars.slice(LOOK_BACK).map(({ date, time }, place) => {
      const at = place + LOOK_BACK;
      const others = byDate.get(date).filter((other) => other.ticker !== ticker);
      const { up, vol } = answers(bars, at);
      return { ticker, date, time, fields: fieldsOf(bars, at, others), up, vol, upKnown: bars[at + 1]?.date, volKnown: bars[at + AHEAD]?.date };
    }),
  );
}

/**
 * The events before `until` as a CSV. An answer that came only in a later part of the fold is left blank: it would tell training of the
 * days that it is judged on (purging, Lopez de Prado 2018, chapter 7).
 */
export function writeLog(path, events, { validationFrom, testFrom, until }) {
  const part = (date) => (date === undefined || date >= until ? 3 : Number(date >= validationFrom) + Number(date >= testFrom));
  const fields = Object.keys(events[0].fields);
  const short = (value) => (typeof value === "number" ? Number(value.toPrecision(6)) : (value ?? ""));
  const rows = events
    .filter(({ date }) => date < until)
    .map(({ ticker, date, fields: values, up, vol, upKnown, volKnown }) => {
      const told = (answer, known) => (part(known) === part(date) || (date >= testFrom && answer !== null) ? answer : "");
      return [ticker, date, ...fields.map((name) => short(values[name])), told(up, upKnown), short(told(vol, volKnown))].join(",");
    });
  writeFileSync(path, [`ticker,date,${fields.join(",")},up,vol`, ...rows, ""].join("\n"));
}
