// What the model is told of a day, and what is asked of it. The page and examples/market share this file, so that a
// day means the same in training and here. Everything of a day is known at its close; only `answers` looks ahead.

/** Trading days of the longest look back: a month. Earlier days are no events. */
export const LOOK_BACK = 22;
/** Trading days ahead that volatility is asked of: a week. */
export const AHEAD = 5;
// A price that stands still has a volatility of this, not of zero, whose logarithm nobody can use.
const LEAST = 1e-4;
/** What a day leaves of the past in RiskMetrics' exponentially weighted variance (J.P. Morgan 1996). */
export const RISK_METRICS = 0.94;

/**
 * What a day's event tells, by the fields of examples/market/market.toml.
 *
 * @param bars One stock's days in their order, `{ time, open, high, low, close, volume }`, prices adjusted.
 * @param at The day's place; from `LOOK_BACK` on.
 * @param others The other stocks' `{ change, range }` of the same day, perhaps none.
 */
export function fieldsOf(bars, at, others) {
  const { open, close, volume } = bars[at];
  const mean = (name) => (others.length === 0 ? null : sum(others.map((other) => other[name])) / others.length);
  return {
    change: change(bars, at),
    since_open: Math.log(close / open),
    range: range(bars[at]),
    vol_week: volatility(bars, at - AHEAD + 1, at + 1),
    vol_month: volatility(bars, at - LOOK_BACK + 1, at + 1),
    volume: Math.log(volume / (sum(bars.slice(at - LOOK_BACK, at).map((bar) => bar.volume)) / LOOK_BACK)),
    others_change: mean("change"),
    others_range: mean("range"),
  };
}

/** What the log answers after a day: null where its future is not known yet. */
export function answers(bars, at) {
  return {
    up: at + 1 < bars.length ? change(bars, at + 1) > 0 : null,
    vol: at + AHEAD < bars.length ? volatility(bars, at + 1, at + 1 + AHEAD) : null,
  };
}

/** The logarithm of a day's close over the close before. */
export function change(bars, at) {
  return Math.log(bars[at].close / bars[at - 1].close);
}

/** The logarithm of how far a day's high lies above its low, itself a logarithm (Parkinson 1980). */
export function range({ high, low }) {
  return Math.log(Math.max(LEAST, Math.log(high / low)));
}

/** The logarithm of the realised volatility a day, of the days from `from` to before `to`: the root of the mean squared change. */
export function volatility(bars, from, to) {
  let squares = 0;
  for (let at = from; at < to; at++) squares += change(bars, at) ** 2;
  return Math.log(Math.max(LEAST, Math.sqrt(squares / (to - from))));
}

/** The logarithm of RiskMetrics' volatility after each day, `[days]`; it begins with the first month's. */
export function riskMetrics(bars) {
  let variance = Math.exp(2 * volatility(bars, 1, LOOK_BACK + 1));
  return bars.map((_, at) => {
    if (at > LOOK_BACK) variance = RISK_METRICS * variance + (1 - RISK_METRICS) * change(bars, at) ** 2;
    return Math.log(Math.max(LEAST, Math.sqrt(variance)));
  });
}

function sum(values) {
  return values.reduce((a, b) => a + b, 0);
}
