// The market page: the days on the left, and beside them what foreclick forecasts after each.
import { byId, el } from "../dom.js";
import { fail, failToLoad, loadPackage, showProgress } from "../loading.js";
import { Meters, showBytes, watchNetwork } from "../meters.js";
import { Chart } from "./chart.js";
import { Days } from "./days.js";
import { change } from "./features.js";

const MODEL = "/model/market/model.safetensors";
const PRICES = "/model/market/prices.json";
const PLAY_EVERY = 250; // milliseconds
const CAME_SHOWN = 12;

class Market {
  constructor(predictor, prices) {
    this.days = new Days(predictor, new Meters(), prices);
    this.chart = new Chart((close) => this.#pull(100 * Math.log(close / this.#close())));
    this.turn = Promise.resolve();
    byId("stock").append(...prices.stocks.map(({ ticker }) => el("option", { value: ticker, text: ticker })));
    byId("stock").addEventListener("change", (event) => this.begin(event.target.value));
    byId("step").addEventListener("click", () => this.step());
    byId("play").addEventListener("click", () => (this.playing ? this.pause() : this.play()));
    byId("tomorrow").addEventListener("input", (event) => this.#pull(event.target.valueAsNumber));
    for (const control of ["stock", "step", "play", "tomorrow"]) byId(control).disabled = false;
  }

  begin(ticker) {
    this.pause();
    return this.#inTurn(async () => {
      await this.days.begin(ticker);
      this.#show();
    });
  }

  step() {
    return this.#inTurn(async () => {
      if (!this.days.goesOn) return this.pause();
      await this.days.step();
      this.#show();
    });
  }

  play() {
    this.playing = setInterval(() => this.step(), PLAY_EVERY);
    this.#showPlaying();
  }

  pause() {
    clearInterval(this.playing);
    this.playing = undefined;
    this.#showPlaying();
  }

  // Live input: what if tomorrow's close moves by so many percent? Only the latest of quick moves is answered.
  #pull(percent) {
    this.pause();
    const slider = byId("tomorrow");
    slider.value = percent;
    this.pulled = slider.valueAsNumber;
    return this.#inTurn(async () => {
      if (this.pulled !== slider.valueAsNumber) return;
      const tomorrow = this.#close() * Math.exp(this.pulled / 100);
      const answer = await this.days.ifClosedAt(tomorrow);
      this.#showPulled(tomorrow);
      showAnswer("if-answer", answer);
      byId("if-answer").hidden = false;
      byId("if-move").textContent = `${signed(100 * Math.log(tomorrow / this.#close()))}%`;
      byId("if-note").textContent = "The other stocks as they stand, volume as usual.";
    });
  }

  // One change at a time, however fast they come.
  #inTurn(change) {
    this.turn = this.turn.then(change).catch(fail);
    return this.turn;
  }

  #close() {
    return this.days.bars[this.days.at].close;
  }

  #show() {
    const { days } = this;
    const forecast = days.forecasts.get(days.at);
    byId("price").textContent = `${days.ticker} ${this.#close().toFixed(2)}`;
    byId("day").textContent = date(days.bars[days.at].time);
    byId("next-day").textContent = date(days.bars[days.at].time);
    byId("last-week").textContent = moves(days.lastWeek(days.at));
    byId("risk-metrics").textContent = moves(days.risk[days.at]);
    showAnswer("answer", forecast);
    byId("tomorrow").value = 0;
    byId("if-answer").hidden = true;
    byId("if-move").textContent = "";
    byId("if-note").textContent = "Pull the open point in the chart, or the slider below it.";
    this.#showPulled(this.#close());
    this.#showScore();
    byId("step").disabled = !days.goesOn;
    if (!this.playing) byId("said").textContent = `${date(days.bars[days.at].time)}: moves of ${moves(forecast.vol)} a day are likely, ${percent(forecast.up)} for a higher close.`;
  }

  #showPulled(tomorrow) {
    byId("tomorrow-price").textContent = tomorrow.toFixed(2);
    this.chart.show(this.days, tomorrow);
  }

  #showScore() {
    const { days, weeks, inside, hits, error } = this.days.score();
    byId("score-days").textContent = `${days} ${days === 1 ? "day" : "days"}`;
    for (const name of ["model", "up", "last"]) byId(`hits-${name}`).textContent = days === 0 ? "–" : hits[name];
    for (const name of ["model", "last", "risk"]) byId(`error-${name}`).textContent = weeks === 0 ? "–" : error[name].toFixed(3);
    byId("inside").textContent = days === 0 ? "Step to the next day to see what came." : `${inside} of ${days} closes inside the day’s band.`;
    byId("came").replaceChildren(...this.#came());
  }

  #came() {
    const { at, start, forecasts, bars } = this.days;
    const made = Array.from({ length: Math.min(CAME_SHOWN, at - start) }, (_, place) => at - 1 - place).reverse();
    return made.map((place) => {
      const move = 100 * change(bars, place + 1);
      return el(
        "li",
        { class: this.days.isInside(place) ? "inside" : "outside", title: `${date(bars[place + 1].time)}: forecast ${moves(forecasts.get(place).vol)}` },
        el("b", { text: signed(move) }),
        el("span", { text: percent(forecasts.get(place).up) }),
      );
    });
  }

  #showPlaying() {
    byId("play").textContent = this.playing ? "Pause" : "Play";
    byId("play").setAttribute("aria-pressed", String(this.playing !== undefined));
  }
}

function showAnswer(id, { up, vol }) {
  byId(id).querySelector('[data-answer="vol"]').textContent = moves(vol);
  byId(id).querySelector('[data-answer="up"]').textContent = percent(up);
}

// From the logarithm of a day's volatility.
function moves(vol) {
  return `±${(100 * Math.exp(vol)).toFixed(2)}%`;
}

function percent(share) {
  return `${(100 * share).toFixed(1)}%`;
}

function signed(value) {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)}`;
}

function date(time) {
  return new Date(time).toLocaleDateString("en", { weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
}

async function fetchPrices() {
  const response = await fetch(PRICES);
  if (!response.ok) throw Object.assign(new Error(`${PRICES} answered ${response.status}`), { code: "fetch" });
  return response.json();
}

try {
  const [prices, predictor] = await Promise.all([
    fetchPrices(),
    loadPackage().then(({ Predictor }) => Predictor.load(MODEL, { backend: "cpu", onProgress: showProgress })),
  ]);
  const market = new Market(predictor, prices);
  await market.days.calibrate();
  await market.begin(prices.stocks[0].ticker);
  if (document.body.dataset.state === "loading") document.body.dataset.state = "ready";
  showBytes();
  watchNetwork();
} catch (error) {
  failToLoad(error);
}
