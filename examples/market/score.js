// Figures of forecasts, and how sure they are.

// A month: longer than forecasts overlap, and than calm and storm last from one day to the next.
const BLOCK_DAYS = 22;
const RESAMPLES = 1000;

/** The share of answers that are the probability's likelier side; a half says yes. */
export const accuracy = (rows) => mean(rows.map(({ p, up }) => Number(p >= 0.5 === up)));

/** In nats. */
export const logLoss = (rows) => -mean(rows.map(({ p, up }) => Math.log(Math.max(1e-9, up ? p : 1 - p))));

/** The chance that an up day has a higher probability than a down day, ties counted as halves (Mann and Whitney 1947). */
export function auroc(rows) {
  const sorted = [...rows].sort((a, b) => a.p - b.p);
  let [ranks, ups] = [0, 0];
  for (let start = 0; start < sorted.length; ) {
    let end = start;
    while (end < sorted.length && sorted[end].p === sorted[start].p) end++;
    for (let at = start; at < end; at++) {
      if (!sorted[at].up) continue;
      ranks += (start + end + 1) / 2;
      ups += 1;
    }
    start = end;
  }
  return (ranks - (ups * (ups + 1)) / 2) / (ups * (sorted.length - ups));
}

/** Errors of the logarithm of volatility. */
export const rmse = (rows) => Math.sqrt(mean(rows.map(({ forecast, vol }) => (forecast - vol) ** 2)));
export const mae = (rows) => mean(rows.map(({ forecast, vol }) => Math.abs(forecast - vol)));

/** The loss of a variance that a forecast of too little risk costs more than one of too much (Patton 2011): 0 is perfect. */
export function qlike(rows) {
  return mean(rows.map(({ variance, vol }) => Math.exp(2 * vol) / variance - Math.log(Math.exp(2 * vol) / variance) - 1));
}

/**
 * `[low, high]` of `figure(rows of a resample)`, 95% by percentiles of a moving-block bootstrap (Künsch 1989): months of days drawn
 * anew, all stocks of a day together, since they move together. `figure` compares forecasts on the same rows, so that it is paired.
 */
export function interval(rows, figure) {
  const days = [...byDay(rows).values()];
  const draw = random(1);
  const figures = Array.from({ length: RESAMPLES }, () => {
    const drawn = [];
    for (let count = 0; count < days.length; count += BLOCK_DAYS) {
      const start = Math.floor(draw() * (days.length - BLOCK_DAYS + 1));
      drawn.push(...days.slice(start, start + BLOCK_DAYS).flat());
    }
    return figure(drawn);
  }).sort((a, b) => a - b);
  return [figures[Math.floor(0.025 * RESAMPLES)], figures[Math.ceil(0.975 * RESAMPLES) - 1]];
}

function byDay(rows) {
  const days = new Map();
  for (const row of [...rows].sort((a, b) => a.time - b.time)) {
    if (!days.has(row.time)) days.set(row.time, []);
    days.get(row.time).push(row);
  }
  return days;
}

function mean(values) {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

// Mulberry32: the same resamples each time.
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}
