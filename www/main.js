// The demo: a shop on the left, and beside it what foreclick makes of each click.
import { loadCatalogue } from "./catalogue.js";
import { byId, el } from "./dom.js";
import { fail, failToLoad, loadPackage, request, showProgress } from "./loading.js";
import { Meters, milliseconds, showBytes, watchNetwork } from "./meters.js";
import { percent, Ranking } from "./ranking.js";
import { Visit } from "./session.js";
import { Shop } from "./shop.js";
import { Trip } from "./trip.js";
import { showWhy } from "./why.js";

const MODEL = "/model/model.safetensors";
const ITEMS = "/model/items.json";
// What the model of the trip after differs in from the other, and what it was measured to.
const TRIPS = "/model/trips.delta";
const FIGURES = "/model/trips.json";
// So many ranks are known, so that a pick below the ten still has one.
const K = 100;
const SHOWN = 10;
const EVENTS = 12;
const PICKS_SHOWN = 6;
// So long a pause, and a screen reader is told; quick clicks are told once.
const SAY_AFTER = 900;

class Demo {
  constructor(catalogue, predictor, trip) {
    this.catalogue = catalogue;
    this.trip = trip;
    this.visit = new Visit(predictor, [trip.predictor], new Meters());
    this.shop = new Shop(catalogue, (product) => this.toggle(product));
    this.ranking = new Ranking({ add: (product) => this.toggle(product), choose: (product) => this.choose(product) });
    this.predictor = predictor;
    this.entries = []; // the K best
    this.chosen = null;
    this.picks = [];
    this.turn = Promise.resolve();
    this.#fillShoppers();
    predictor.settled.then(() => this.#showBackend());
    byId("checkout").addEventListener("click", () => this.checkOut());
    byId("play").addEventListener("click", () => this.play());
  }

  /** Starts over as the shopper of this index; none is a new visitor. */
  begin(shopper) {
    return this.#inTurn(async () => {
      const { events, milliseconds: took } = await this.visit.begin(shopper);
      this.picks = [];
      this.chosen = null;
      this.shop.setBefore(
        this.visit.bought().map((id) => this.catalogue.get(id)),
        true,
      );
      byId("lede").textContent = shopper
        ? `${shopper.name}: ${events} real purchases, replayed here in ${milliseconds(took)} ms. Their next basket is held back; play it and compare.`
        : `Put real groceries into the basket. Each one re-ranks ${this.catalogue.products.size.toLocaleString("en")} products, on this device.`;
      return shopper ? `${shopper.name}, with a history.` : "New visitor.";
    });
  }

  /** Puts a product into the open basket, or takes it out again. */
  toggle(product) {
    return this.#inTurn(async () => {
      if (!this.visit.basket.includes(product.id)) return this.#add(product);
      await this.visit.remove(product.id);
      return `${product.name} taken out.`;
    });
  }

  /** Puts into the basket what the shopper of the sample really bought next. */
  play() {
    return this.#inTurn(() => this.#add(this.catalogue.get(this.visit.toCome[0])));
  }

  async #add(product) {
    const place = this.entries.findIndex((entry) => entry.product.id === product.id);
    this.picks = [...this.picks, place < 0 ? Infinity : place + 1];
    await this.visit.add(product.id);
    return `${product.name} added.`;
  }

  /** Closes the basket; the next product opens a new one. */
  checkOut() {
    return this.#inTurn(async () => {
      const bought = this.visit.basket.length;
      this.visit.checkOut();
      this.shop.setBefore(
        this.visit.bought().map((id) => this.catalogue.get(id)),
        false,
      );
      return `Checked out ${bought} ${bought === 1 ? "product" : "products"}. A new basket is open.`;
    });
  }

  /** Explains this product from now on, for as long as it is ranked. */
  choose(product) {
    return this.#inTurn(async () => {
      this.chosen = product.id;
      return `Explaining ${product.name}.`;
    });
  }

  // One change at a time, each followed by its prediction, however fast the clicks come.
  #inTurn(change) {
    this.turn = this.turn
      .then(async () => {
        const said = await change();
        await this.#predict();
        this.#say(said);
      })
      .catch(fail);
    return this.turn;
  }

  async #predict() {
    const { items } = await this.visit.predict(K);
    this.entries = items.map(({ item, probability }) => ({ product: this.catalogue.get(item), probability }));
    const shown = this.entries.slice(0, SHOWN);
    const explained = (shown.find(({ product }) => product.id === this.chosen) ?? shown[0]).product;
    this.ranking.show(shown, explained.id);
    this.shop.mark(this.visit.basket, new Map(shown.map(({ product }, index) => [product.id, index + 1])));
    byId("sum").textContent = percent(shown.reduce((sum, { probability }) => sum + probability, 0));
    byId("peek").textContent = `${shown[0].product.name} ${percent(shown[0].probability)}`;
    this.#showBackend();
    this.#showBasket();
    this.#showScore();
    await this.trip.show();
    await this.#explain(explained);
  }

  // Explaining replays the session many times, so the ranking is painted first.
  async #explain(product) {
    byId("why").setAttribute("aria-busy", "true");
    await new Promise((resolve) => setTimeout(resolve));
    showWhy(product, await this.visit.explain(product.id, EVENTS), {
      catalogue: this.catalogue,
      past: this.#past(product.id),
      when: (place) => ago(this.visit.basketsAgo(this.visit.events[place])),
    });
    byId("why").setAttribute("aria-busy", "false");
  }

  #past(id) {
    const times = this.visit.timesBought(id);
    if (times.length === 0) return "not bought before";
    const last = ago(Math.min(...times));
    return times.length === 1 ? `bought once, ${last}` : `bought ${times.length} times, ${last}`;
  }

  #showBackend() {
    const { backend, reason, cpuMilliseconds, gpuMilliseconds } = this.predictor.diagnostics();
    byId("backend").textContent = { cpu: "CPU", gpu: "GPU" }[backend];
    const compared =
      gpuMilliseconds &&
      `: ${milliseconds(cpuMilliseconds)} ms on the CPU, ${milliseconds(gpuMilliseconds)} ms on the GPU`;
    byId("reason").textContent = reason + (compared ?? "");
  }

  #showBasket() {
    const { basket, toCome } = this.visit;
    byId("basket").replaceChildren(
      ...basket
        .map((id) => this.catalogue.get(id))
        .map((product) =>
          el(
            "li",
            { class: `aisle-${product.aisle.id}` },
            el("button", {
              type: "button",
              class: "chip",
              text: product.name,
              "aria-label": `Take out ${product.name}`,
              onclick: () => this.toggle(product),
            }),
          ),
        ),
    );
    byId("basket").lastElementChild?.scrollIntoView({ block: "nearest", inline: "end" });
    byId("basket-note").textContent =
      basket.length === 0 ? "Empty" : `${basket.length} ${basket.length === 1 ? "product" : "products"}`;
    byId("checkout").disabled = basket.length === 0;
    byId("play").hidden = toCome.length === 0;
    byId("play").textContent = `Add their real next (${toCome.length} left)`;
  }

  #showScore() {
    const within = (depth) => this.picks.filter((rank) => rank <= depth).length;
    byId("score").hidden = this.picks.length === 0;
    byId("score-text").textContent = `${within(SHOWN)} of ${this.picks.length} in the ten, ${within(K)} in the hundred`;
    byId("picks").replaceChildren(
      ...this.picks
        .slice(-PICKS_SHOWN)
        .map((rank) => el("li", { class: rank <= SHOWN ? "hit" : "miss", text: rank <= K ? rank : `${K}+` })),
    );
  }

  #say(said) {
    clearTimeout(this.saying);
    const { product, probability } = this.entries[0];
    this.saying = setTimeout(() => {
      byId("said").textContent = `${said} Most likely next: ${product.name}, ${percent(probability)}.`;
    }, SAY_AFTER);
  }

  #fillShoppers() {
    const { shoppers } = this.catalogue;
    byId("shopper").append(
      ...shoppers.map(({ name, past, next }, index) =>
        el("option", { value: index, text: `${name}: ${past.length} bought, ${next.length} to come` }),
      ),
    );
    byId("shopper").disabled = false;
    byId("shopper").addEventListener("change", (event) => this.begin(shoppers[event.target.value]));
  }
}

function ago(baskets) {
  if (baskets === 0) return "this basket";
  return baskets === 1 ? "last basket" : `${baskets} baskets ago`;
}

async function load() {
  const [catalogue, figures, { Predictor }] = await Promise.all([loadCatalogue(ITEMS), request(FIGURES).then((response) => response.json()), loadPackage()]);
  // One transfer for both.
  const response = await request(MODEL);
  const [predictor, trips] = await Promise.all([
    Predictor.load(response.clone(), { backend: "auto", onProgress: showProgress }),
    Predictor.load(response, { backend: "cpu", delta: TRIPS }),
  ]);
  return new Demo(catalogue, predictor, new Trip(trips, figures));
}

try {
  const demo = await load();
  await demo.begin(null);
  if (document.body.dataset.state === "loading") document.body.dataset.state = "ready";
  showBytes();
  watchNetwork();
} catch (error) {
  failToLoad(error);
}
