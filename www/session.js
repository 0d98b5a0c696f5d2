// One visitor: a history, an open basket, and the predictors that are told of both.

const DAY = 24 * 60 * 60 * 1000;

export class Visit {
  /** `meters` hears how long each observe and predict of `predictor` took; the others are told the same events. */
  constructor(predictor, others, meters) {
    this.predictor = predictor;
    this.others = others;
    this.meters = meters;
    this.baskets = 0;
    this.#empty();
  }

  #empty() {
    this.events = [];
    this.basket = [];
    this.toCome = [];
    this.group = null;
    this.clockAhead = 0;
  }

  /**
   * Starts over as a new visitor, or as a shopper of the sample, whose next basket waits in `toCome`. Returns the events replayed and the milliseconds that took.
   */
  async begin(shopper) {
    this.#empty();
    if (shopper) {
      this.events = [...shopper.past];
      this.toCome = [...shopper.next];
      this.clockAhead = shopper.past.at(-1).time + usualGap(shopper.past) - Date.now();
    }
    this.#openBasket();
    return { events: this.events.length, milliseconds: await this.#replay() };
  }

  async add(item) {
    const event = { item, time: Date.now() + this.clockAhead, group: this.group };
    this.events.push(event);
    this.basket.push(item);
    this.toCome = this.toCome.filter((other) => other !== item);
    await this.meters.time("observe", () => this.predictor.observe(event));
    for (const other of this.others) other.observe(event);
  }

  /** Takes an item out of the open basket. What was observed cannot be unobserved, so everything else is replayed. */
  async remove(item) {
    this.basket = this.basket.filter((other) => other !== item);
    this.events = this.events.filter((event) => event.group !== this.group || event.item !== item);
    await this.#replay();
  }

  checkOut() {
    this.basket = [];
    this.toCome = [];
    this.clockAhead += 3 * DAY;
    this.#openBasket();
  }

  predict(k) {
    return this.meters.time("predict", () => this.predictor.predict({ k, group: this.group }));
  }

  explain(item, events) {
    return this.predictor.explain(item, { events, group: this.group });
  }

  /** For each time that an item was bought, how many baskets ago that was. */
  timesBought(item) {
    return this.events.filter((event) => event.item === item).map((event) => this.basketsAgo(event));
  }

  /** How many baskets lie between an event and the open one; 0 for an event of the open one. */
  basketsAgo(event) {
    const groups = [...new Set([...this.events.map((one) => one.group), this.group])];
    return groups.length - 1 - groups.indexOf(event.group);
  }

  /** What was bought in closed baskets, the most often bought first. */
  bought() {
    const counts = new Map();
    for (const { item, group } of this.events) {
      if (group !== this.group) counts.set(item, (counts.get(item) ?? 0) + 1);
    }
    return [...counts].sort((a, b) => b[1] - a[1]).map(([item]) => item);
  }

  #openBasket() {
    this.baskets += 1;
    this.group = `basket ${this.baskets} of this page`;
  }

  async #replay() {
    const start = performance.now();
    this.predictor.reset();
    for (const event of this.events) await this.predictor.observe(event);
    const took = performance.now() - start;
    for (const other of this.others) {
      other.reset();
      for (const event of this.events) other.observe(event);
    }
    return took;
  }
}

// The middle of the gaps between baskets, so that a shopper of 2017 comes back when they would have.
function usualGap(events) {
  const times = [...new Set(events.map((event) => event.time))];
  const gaps = times
    .slice(1)
    .map((time, index) => time - times[index])
    .sort((a, b) => a - b);
  return gaps[gaps.length >> 1] ?? DAY;
}
