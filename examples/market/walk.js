// node examples/market/walk.js STOCKS OUT FORECLICK [options of train]: trains and tests every fold, beside what needs no model.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { corrections } from "../../www/market/corrections.js";
import { fitDirection, fitHar, riskMetricsByDay } from "./baselines.js";
import { eventsOf, readPrices, writeLog } from "./days.js";
import { FOLDS } from "./folds.js";
import { report } from "./report.js";

// As far as the encoder sees; earlier days change nothing.
const WINDOW = 64;
const CONFIG = readFileSync(new URL("market.toml", import.meta.url), "utf8");

const [stocksFile, out, foreclick, ...options] = process.argv.slice(2);
if (!foreclick) throw new Error("usage: node examples/market/walk.js STOCKS OUT FORECLICK [options of foreclick train]");
mkdirSync(out, { recursive: true });
const stocks = readPrices(stocksFile);
const events = eventsOf(stocks);
const byTicker = new Map([...stocks.keys()].map((ticker) => [ticker, events.filter((event) => event.ticker === ticker)]));
const riskMetrics = riskMetricsByDay(stocks);

const folds = FOLDS.map((fold) => {
  const rows = walk(fold);
  console.error(`fold ${fold.name}: ${rows.length} answers of ${new Set(rows.map(({ ticker }) => ticker)).size} stocks`);
  return { name: fold.name, rows };
});
const { text, figures } = report(folds);
console.log(text);
writeFileSync(join(out, "walk.json"), `${JSON.stringify(figures, null, 1)}\n`);

/** The test days of a fold, each with what everyone forecast of it: `{ time, ticker, up, vol, p: {by model}, forecast: {}, variance: {} }`. */
function walk(fold) {
  const run = train(fold);
  const { validationFrom, testFrom, until } = fold;
  // Whose answers had come when the test began.
  const known = events.filter(({ volKnown }) => volKnown && volKnown < testFrom);
  const [validation, test] = [
    known.filter(({ date }) => date >= validationFrom),
    events.filter(({ date, vol }) => date >= testFrom && date < until && vol !== null),
  ];
  const har = fitHar(known);
  const direction = fitDirection(known);
  const forecasts = (some) => {
    const answers = predict(run, some);
    return some.map((event, place) => ({
      time: event.time,
      ticker: event.ticker,
      up: event.up,
      vol: event.vol,
      p: { foreclick: answers[place].up.probability, "always up": direction.always, "as the last day": direction.after(event) },
      last: event.fields.change > 0,
      forecast: {
        foreclick: answers[place].vol.value,
        "last value": event.fields.vol_week,
        EWMA: riskMetrics.get(`${event.ticker} ${event.date}`),
        HAR: har(event),
      },
    }));
  };
  const { shifts, factors } = corrections(forecasts(validation));
  const each = (make) => Object.fromEntries(Object.keys(shifts).map((name) => [name, make(name)]));
  return forecasts(test).map((row) => ({
    ...row,
    forecast: each((name) => row.forecast[name] + shifts[name]),
    variance: each((name) => factors[name] * Math.exp(2 * row.forecast[name])),
  }));
}

function train(fold) {
  const name = `market-${fold.name}`;
  writeLog(join(out, `${name}.csv`), events, fold);
  const replaced = [
    [/^path = .*$/m, `path = "${name}.csv"`],
    [/^validation_from = .*$/m, `validation_from = "${fold.validationFrom}"`],
    [/^test_from = .*$/m, `test_from = "${fold.testFrom}"`],
  ].reduce((text, [line, value]) => text.replace(line, value), CONFIG);
  writeFileSync(join(out, `${name}.toml`), replaced);
  run(["train", `${name}.toml`, "--name", name, "--replace", ...options], 2);
  return join("runs", name, "model.safetensors");
}

/** The model's answers after each of these events, from the days that the encoder sees. */
function predict(model, some) {
  const lines = some.map((event) => {
    const all = byTicker.get(event.ticker);
    const end = all.indexOf(event) + 1;
    const session = all.slice(Math.max(0, end - WINDOW), end).map(({ time, fields }) => ({ time, fields }));
    return JSON.stringify({ events: session });
  });
  writeFileSync(join(out, "sessions.jsonl"), lines.join("\n"));
  const answers = run(["predict", model, "sessions.jsonl"], "pipe");
  return answers
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).tasks);
}

// In OUT, so that logs and runs lie there.
function run(args, stdout) {
  const program = foreclick.includes("/") ? resolve(foreclick) : foreclick;
  const done = spawnSync(program, args, { cwd: out, stdio: ["ignore", stdout, "inherit"], maxBuffer: 1 << 28 });
  if (done.status !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${done.status ?? done.error}, see above`);
  return done.stdout?.toString("utf8");
}
