// The tables and the verdict, which follows from the intervals alone.
import { accuracy, auroc, interval, logLoss, mae, qlike, rmse } from "./score.js";

const MODEL = "foreclick";

/** `folds`: `[{ name, rows }]` as walk.js makes them. Returns `{ text, figures }`. */
export function report(folds) {
  const all = folds.flatMap(({ rows }) => rows);
  const named = [...folds, { name: "all", rows: all }];
  const direction = named.map(({ name, rows }) => ({ name, days: rows.length, ...directionOf(rows) }));
  const volatility = named.map(({ name, rows }) => ({ name, days: rows.length, ...volatilityOf(rows) }));
  const compared = { direction: compareDirection(all), volatility: compareVolatility(all) };
  const verdict = [directionVerdict(compared.direction), volatilityVerdict(compared.volatility)];
  const text = [
    "direction of the next day: accuracy (AUROC, log loss in nats)",
    table(direction, Object.keys(all[0].p), ({ accuracy, auroc, logLoss }) => `${digits(accuracy)} (${digits(auroc)}, ${digits(logLoss, 4)})`),
    "",
    "volatility of the next five days: RMSE of its logarithm (MAE, QLIKE of the variance)",
    table(volatility, Object.keys(all[0].forecast), ({ rmse, mae, qlike }) => `${digits(rmse)} (${digits(mae)}, ${digits(qlike)})`),
    "",
    "foreclick beside the others, all folds [95%, months of days drawn anew, paired]",
    ...Object.values(compared).flatMap((rows) => rows.map(({ what, value, low, high }) => `  ${what.padEnd(52)} ${signed(value)} [${signed(low)}, ${signed(high)}]`)),
    "",
    ...verdict,
  ].join("\n");
  return { text, figures: { protocol: "walk-forward, each fold trained on all years before", direction, volatility, compared, verdict } };
}

const always = (rows) => rows.map(({ up }) => ({ p: 1, up }));
const probabilities = (rows, name) => rows.map(({ p, up }) => ({ p: p[name], up }));
const forecasts = (rows, name) => rows.map(({ forecast, variance, vol }) => ({ forecast: forecast[name], variance: variance[name], vol }));

// What is told without a probability: up, or the day's own direction; the probabilities are for AUROC and log loss.
function sides(rows, name) {
  if (name === "always up") return always(rows);
  if (name === "as the last day") return rows.map(({ last, up }) => ({ p: Number(last), up }));
  return probabilities(rows, name);
}

function directionOf(rows) {
  const of = (name) => ({ accuracy: accuracy(sides(rows, name)), auroc: auroc(probabilities(rows, name)), logLoss: logLoss(probabilities(rows, name)) });
  return Object.fromEntries(Object.keys(rows[0].p).map((name) => [name, of(name)]));
}

function volatilityOf(rows) {
  const of = (name) => ({ rmse: rmse(forecasts(rows, name)), mae: mae(forecasts(rows, name)), qlike: qlike(forecasts(rows, name)) });
  return Object.fromEntries(Object.keys(rows[0].forecast).map((name) => [name, of(name)]));
}

function compareDirection(rows) {
  const others = Object.keys(rows[0].p).filter((name) => name !== MODEL);
  const accuracyOver = (name) => (some) => accuracy(sides(some, MODEL)) - accuracy(sides(some, name));
  return [
    ...others.map((name) => compared(rows, `accuracy minus ${name}'s`, accuracyOver(name), { beside: name })),
    compared(rows, "AUROC minus a guess's", (some) => auroc(probabilities(some, MODEL)) - 0.5, { beside: "a guess" }),
    compared(rows, "log loss that is gone, beside always up's", (some) => logLoss(probabilities(some, "always up")) - logLoss(probabilities(some, MODEL)), { beside: "log loss" }),
  ];
}

function compareVolatility(rows) {
  const others = Object.keys(rows[0].forecast).filter((name) => name !== MODEL);
  const gone = (figure, name) => (some) => 1 - figure(forecasts(some, MODEL)) / figure(forecasts(some, name));
  return others.flatMap((name) => [
    compared(rows, `share of ${name}'s RMSE that is gone`, gone(rmse, name), { beside: name, figure: "RMSE" }),
    compared(rows, `share of ${name}'s QLIKE that is gone`, gone(qlike, name), { beside: name, figure: "QLIKE" }),
  ]);
}

function compared(rows, what, figure, about) {
  const [low, high] = interval(rows, figure);
  return { what, ...about, value: figure(rows), low, high };
}

/** Where an interval lies: above 0 better, below it worse, around it nobody knows. */
export function judge({ low, high }) {
  if (low > 0) return "better than";
  return high < 0 ? "worse than" : "not distinguishable from";
}

function directionVerdict(rows) {
  const [alwaysUp, , guess, loss] = rows;
  return (
    `verdict, direction: ${judge(alwaysUp)} always up by accuracy (${points(alwaysUp)}); ` +
    `${judge(guess)} a guess by AUROC (${points(guess)}); ${judge(loss)} the base rate by log loss.`
  );
}

function volatilityVerdict(rows) {
  const told = rows
    .filter(({ figure }) => figure === "RMSE")
    .map((row) => `${judge(row)} ${row.beside} by ${percent(row.value)} [${percent(row.low)}, ${percent(row.high)}]`);
  const qlikes = rows.filter(({ figure }) => figure === "QLIKE").map((row) => `${judge(row)} ${row.beside}`);
  return `verdict, volatility: by RMSE ${told.join(", ")}; by QLIKE ${qlikes.join(", ")}.`;
}

function table(rows, names, cell) {
  const head = ["fold", "days", ...names];
  const body = rows.map((row) => [row.name, String(row.days), ...names.map((name) => cell(row[name]))]);
  const widths = head.map((_, column) => Math.max(...[head, ...body].map((row) => row[column].length)));
  return [head, ...body].map((row) => row.map((text, column) => text.padEnd(widths[column])).join("  ").trimEnd()).join("\n");
}

const digits = (value, count = 3) => value.toFixed(count).replace(/^(-?)0\./, "$1.");
const signed = (value) => `${value < 0 ? "" : "+"}${digits(value, 4)}`;
const percent = (value) => `${(100 * value).toFixed(1)}%`;
const points = ({ value, low, high }) => `${signed(value)} [${signed(low)}, ${signed(high)}]`;
