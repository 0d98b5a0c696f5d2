// Forecasts that need no neural network, each made of what is known at a day's close.
import { riskMetrics } from "../../www/market/features.js";

/** RiskMetrics' volatility after each event, by its ticker and date. */
export function riskMetricsByDay(stocks) {
  const forecasts = new Map();
  for (const [ticker, bars] of stocks) riskMetrics(bars).forEach((value, at) => forecasts.set(`${ticker} ${bars[at].date}`, value));
  return forecasts;
}

/**
 * A linear regression of volatility on the day's, the week's and the month's, as Corsi's HAR (2009) with logarithms and the day's range;
 * fitted by least squares to `events`, whose answers must be known. Returns a forecast of an event.
 */
export function fitHar(events) {
  const inputs = ({ fields }) => [1, fields.range, fields.vol_week, fields.vol_month];
  const size = inputs(events[0]).length;
  const system = Array.from({ length: size }, () => new Array(size + 1).fill(0));
  for (const event of events) {
    const row = [...inputs(event), event.vol];
    for (let i = 0; i < size; i++) for (let j = 0; j <= size; j++) system[i][j] += row[i] * row[j];
  }
  const weights = solve(system);
  return (event) => inputs(event).reduce((total, input, place) => total + input * weights[place], 0);
}

/** How often an up day followed an up day, a down day, and any day, in `events`, each as a probability. */
export function fitDirection(events) {
  const share = (some) => some.filter(({ up }) => up).length / some.length;
  const [afterUp, afterDown] = [true, false].map((up) => share(events.filter(({ fields }) => fields.change > 0 === up)));
  return { always: share(events), after: ({ fields }) => (fields.change > 0 ? afterUp : afterDown) };
}

// Gauss's elimination of `[n, n + 1]`, rows exchanged for the largest pivot.
function solve(system) {
  const size = system.length;
  for (let pivot = 0; pivot < size; pivot++) {
    const best = system.reduce((best, row, at) => (at >= pivot && Math.abs(row[pivot]) > Math.abs(system[best][pivot]) ? at : best), pivot);
    [system[pivot], system[best]] = [system[best], system[pivot]];
    for (let row = pivot + 1; row < size; row++) {
      const factor = system[row][pivot] / system[pivot][pivot];
      system[row] = system[row].map((value, column) => value - factor * system[pivot][column]);
    }
  }
  const solution = new Array(size).fill(0);
  for (let row = size - 1; row >= 0; row--) {
    const known = solution.reduce((total, value, column) => total + value * (column > row ? system[row][column] : 0), 0);
    solution[row] = (system[row][size] - known) / system[row][row];
  }
  return solution;
}
