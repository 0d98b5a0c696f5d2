// One stock walked day by day: what the predictor is told, what it answers, and what came.
import { corrections } from "./corrections.js";
import { AHEAD, LOOK_BACK, change, fieldsOf, range, riskMetrics, volatility } from "./features.js";

// As far as the model's encoder sees (max_len in examples/market/market.toml).
const WINDOW = 64;

export class Days {
  /** `prices`: as examples/market/prepare.js writes them. `meters` hears how long each observe and predict took. */
  constructor(predictor, meters, prices) {
    this.predictor = predictor;
    this.meters = meters;
    this.from = prices.from;
    this.stocks = new Map(prices.stocks.map(({ ticker, rows }) => [ticker, rows.map(bar)]));
    this.moves = movesByTime(this.stocks);
  }

  /** Forecasts the year before the model's first unseen day, of every stock, to know what each way to forecast is off by. */
  async calibrate() {
    const rows = [];
    // What came earlier it was trained on.
    const since = new Date(this.from);
    since.setUTCFullYear(since.getUTCFullYear() - 1);
    for (const ticker of this.stocks.keys()) {
      this.#take(ticker);
      for (this.at = LOOK_BACK; this.at + AHEAD <= this.start; this.at++) {
        await this.predictor.observe(this.#event(this.at));
        if (this.bars[this.at].time < since) continue;
        const { tasks } = await this.predictor.predict({ k: 1 });
        rows.push({ vol: volatility(this.bars, this.at + 1, this.at + 1 + AHEAD), forecast: this.#ways(this.at, tasks.vol.value) });
      }
    }
    const { shifts, factors } = corrections(rows);
    this.shifts = shifts;
    // From a mean logarithm to the logarithm of a mean variance's root.
    this.widening = Math.log(factors.model) / 2;
  }

  /** Starts over with a stock, on its last day before the model's first unseen one. Its forecast stands in `forecasts`. */
  async begin(ticker) {
    this.#take(ticker);
    this.at = this.start;
    this.forecasts = new Map(); // by the place of the day that they were made after
    for (const event of this.#latest()) await this.predictor.observe(event);
    await this.#forecast();
  }

  /** Whether a next day is known. */
  get goesOn() {
    return this.at + 1 < this.bars.length;
  }

  /** Goes on by a day: tells the predictor of it and forecasts. */
  async step() {
    this.at += 1;
    const event = this.#event(this.at);
    await this.meters.time("observe", () => this.predictor.observe(event));
    await this.#forecast();
  }

  /** What would be forecast after a next day that closed at this price, all else as usual. The session stays as it is. */
  async ifClosedAt(close) {
    const { close: open, time } = this.bars[this.at];
    const spare = Math.exp(Math.exp(range(this.bars[this.at])) / 4);
    const usual = this.bars.slice(this.at - LOOK_BACK + 1, this.at + 1).reduce((sum, { volume }) => sum + volume, 0) / LOOK_BACK;
    const day = {
      time: this.bars[this.at + 1]?.time ?? time + 24 * 60 * 60 * 1000,
      open,
      close,
      high: Math.max(open, close) * spare,
      low: Math.min(open, close) / spare,
      volume: usual,
    };
    const bars = [...this.bars.slice(0, this.at + 1), day];
    const others = this.#others(time).map((other) => ({ ...other, change: 0 }));
    const event = { time: day.time, fields: fieldsOf(bars, this.at + 1, others) };
    const [{ tasks }] = await this.meters.time("predict", () => this.predictor.predictMany([[...this.#latest(), event]], { k: 1 }));
    return this.#answered(tasks);
  }

  /** What the days since the start say of each way to forecast. */
  score() {
    const known = [...this.forecasts].filter(([at]) => at < this.at);
    const weeks = known.filter(([at]) => at + AHEAD <= this.at);
    const hits = (says) => known.filter(([at, forecast]) => says(at, forecast) === this.rose(at)).length;
    const error = (name) => {
      const squares = weeks.map(([at, { logarithm }]) => (this.#ways(at, logarithm)[name] + this.shifts[name] - volatility(this.bars, at + 1, at + 1 + AHEAD)) ** 2);
      return Math.sqrt(squares.reduce((a, b) => a + b, 0) / squares.length);
    };
    return {
      days: known.length,
      weeks: weeks.length,
      inside: known.filter(([at]) => this.isInside(at)).length,
      hits: { model: hits((_, { up }) => up >= 0.5), up: hits(() => true), last: hits((at) => change(this.bars, at) > 0) },
      error: { model: error("model"), last: error("last"), risk: error("risk") },
    };
  }

  /** Whether the close after this day is higher than its own. */
  rose(at) {
    return change(this.bars, at + 1) > 0;
  }

  /** Whether the close after this day lies within the band that was forecast after it. */
  isInside(at) {
    return Math.abs(change(this.bars, at + 1)) <= Math.exp(this.forecasts.get(at).vol);
  }

  /** The logarithm of the week's realised volatility at a day's close. */
  lastWeek(at) {
    return volatility(this.bars, at - AHEAD + 1, at + 1);
  }

  async #forecast() {
    const { tasks } = await this.meters.time("predict", () => this.predictor.predict({ k: 1 }));
    this.forecasts.set(this.at, this.#answered(tasks));
  }

  // `vol` is the logarithm of what a day moves: its mean logarithm, widened.
  #answered({ up, vol }) {
    return { up: up.probability, logarithm: vol.value, vol: vol.value + this.widening };
  }

  // Each way's logarithm of the volatility of the days after one.
  #ways(at, model) {
    return { model, last: this.lastWeek(at), risk: this.risk[at] };
  }

  #take(ticker) {
    this.ticker = ticker;
    this.bars = this.stocks.get(ticker);
    this.risk = riskMetrics(this.bars);
    const first = this.bars.findIndex(({ time }) => time >= this.from);
    this.start = Math.max(LOOK_BACK, first - 1);
    this.predictor.reset();
  }

  #latest() {
    const first = Math.max(LOOK_BACK, this.at - WINDOW + 1);
    return Array.from({ length: this.at - first + 1 }, (_, place) => this.#event(first + place));
  }

  #event(at) {
    const { time } = this.bars[at];
    return { time, fields: fieldsOf(this.bars, at, this.#others(time)) };
  }

  #others(time) {
    return (this.moves.get(time) ?? []).filter(({ ticker }) => ticker !== this.ticker);
  }
}

function bar([time, open, high, low, close, volume]) {
  return { time, open, high, low, close, volume };
}

function movesByTime(stocks) {
  const moves = new Map();
  for (const [ticker, bars] of stocks) {
    for (let at = 1; at < bars.length; at++) {
      const { time } = bars[at];
      if (!moves.has(time)) moves.set(time, []);
      moves.get(time).push({ ticker, change: change(bars, at), range: range(bars[at]) });
    }
  }
  return moves;
}
