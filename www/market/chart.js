// The chart: closes, the band that was forecast for each day, the days to come, and a point that the visitor can pull.
import { byId, svg } from "../dom.js";
import { AHEAD } from "./features.js";

const [WIDTH, HEIGHT] = [760, 380];
const [RIGHT, TOP, BOTTOM] = [64, 14, 26];
const SHOWN = 80; // days
const ROOM = 3; // for prices: so many of the forecast's bands above and below
const LINES = 4;

export class Chart {
  /** `pull(close)` is called while the visitor pulls tomorrow's close. */
  constructor(pull) {
    this.root = byId("chart");
    this.root.addEventListener("pointerdown", (event) => {
      this.root.setPointerCapture(event.pointerId);
      this.#pulled(event, pull);
    });
    this.root.addEventListener("pointermove", (event) => {
      if (this.root.hasPointerCapture(event.pointerId)) this.#pulled(event, pull);
    });
  }

  /** Draws `days` as they stand, and tomorrow's close at this price. */
  show(days, tomorrow) {
    const { bars, at, forecasts } = days;
    const first = Math.max(0, at - SHOWN + 1);
    const closes = bars.slice(first, at + 1).map(({ close }) => close);
    const { close } = bars[at];
    const move = Math.exp(forecasts.get(at).vol);
    const reach = Math.exp(ROOM * move * Math.sqrt(AHEAD));
    this.#scale(first, [...closes, close * reach, close / reach, tomorrow]);
    this.root.replaceChildren(
      ...this.#grid(bars, first, at),
      svg("path", { class: "fan", d: this.#fan(at, close, move) }),
      ...this.#bands(days, first),
      svg("polyline", { class: "closes", points: closes.map((price, place) => this.#point(first + place, price)).join(" ") }),
      ...this.#misses(days, first),
      svg("line", { class: "pulled", x1: this.#x(at), y1: this.#y(close), x2: this.#x(at + 1), y2: this.#y(tomorrow) }),
      svg("circle", { class: "now", cx: this.#x(at), cy: this.#y(close), r: 4 }),
      svg("circle", { class: "handle", id: "handle", cx: this.#x(at + 1), cy: this.#y(tomorrow), r: 8 }),
    );
  }

  #scale(first, prices) {
    this.first = first;
    this.low = Math.min(...prices);
    this.high = Math.max(...prices);
  }

  #x(at) {
    return ((at - this.first + 0.5) / (SHOWN + AHEAD + 1)) * (WIDTH - RIGHT);
  }

  #y(price) {
    return TOP + ((this.high - price) / (this.high - this.low)) * (HEIGHT - TOP - BOTTOM);
  }

  #point(at, price) {
    return `${this.#x(at).toFixed(1)},${this.#y(price).toFixed(1)}`;
  }

  #grid(bars, first, at) {
    const prices = Array.from({ length: LINES }, (_, place) => this.low + ((place + 0.5) / LINES) * (this.high - this.low));
    const month = (place) => new Date(bars[place].time).getUTCMonth();
    const begins = Array.from({ length: at - first }, (_, place) => first + 1 + place).filter((place) => month(place) !== month(place - 1));
    return [
      ...prices.map((price) => svg("line", { class: "grid", x1: 0, x2: WIDTH - RIGHT, y1: this.#y(price), y2: this.#y(price) })),
      ...prices.map((price) => svg("text", { class: "tick", x: WIDTH - RIGHT + 8, y: this.#y(price) + 4, text: price.toFixed(price < 100 ? 2 : 1) })),
      ...begins.map((place) => svg("text", { class: "tick", x: this.#x(place), y: HEIGHT - 6, text: new Date(bars[place].time).toLocaleString("en", { month: "short", timeZone: "UTC" }) })),
    ];
  }

  #fan(at, close, move) {
    const edge = (sign) => Array.from({ length: AHEAD + 1 }, (_, days) => this.#point(at + days, close * Math.exp(sign * move * Math.sqrt(days))));
    return `M${[...edge(1), ...edge(-1).reverse()].join("L")}Z`;
  }

  // The band of a day was forecast after the day before.
  #bands({ bars, at, forecasts }, first) {
    return [...forecasts]
      .filter(([made]) => made + 1 <= at && made + 1 >= first)
      .map(([made, { vol }]) => {
        const [high, low] = [1, -1].map((sign) => this.#y(bars[made].close * Math.exp(sign * Math.exp(vol))));
        return svg("rect", { class: "band", x: this.#x(made + 1) - 2.5, y: high, width: 5, height: low - high });
      });
  }

  #misses(days, first) {
    return [...days.forecasts.keys()]
      .filter((made) => made + 1 <= days.at && made + 1 >= first && !days.isInside(made))
      .map((made) => svg("circle", { class: "missed", cx: this.#x(made + 1), cy: this.#y(days.bars[made + 1].close), r: 3.5 }));
  }

  #pulled(event, pull) {
    const { top, height } = this.root.getBoundingClientRect();
    const y = ((event.clientY - top) / height) * HEIGHT;
    pull(this.high - ((y - TOP) / (HEIGHT - TOP - BOTTOM)) * (this.high - this.low));
  }
}
