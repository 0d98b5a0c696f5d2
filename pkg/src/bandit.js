// foreclick/bandit: learns from rewards which of some actions to take. Every member is documented in bandit.d.ts.
import { Features, folding, hashed } from "./bandit/features.js";
import { Arm, choose, ridgePrior } from "./bandit/learner.js";
import { times, triangle } from "./bandit/linear.js";
import { check, checkPolicy, decode, encode, isCount, isObject, stateBytes } from "./bandit/state.js";
import { isFunction, isText, optional, readOptions } from "./options.js";
import { failure } from "./shared.js";

const STATE_LIMIT = 65536;
const VERSION = 1;

const isShare = (value) => typeof value === "number" && value >= 0 && value <= 1;
const isAbove0 = (value) => Number.isFinite(value) && value > 0;
const isWhole = (least) => (value) => Number.isInteger(value) && value >= least;
const areActions = (value) => Array.isArray(value) && value.length > 0 && value.every(isText) && new Set(value).size === value.length;

const OPTIONS = {
  actions: [undefined, areActions, "an array of different strings"],
  dimension: [undefined, optional(isWhole(0)), "how many numbers a context has"],
  kind: ["thompson", (value) => value === "thompson" || value === "linucb", '"thompson" or "linucb"'],
  start: [undefined, optional(isObject), "a policy's file, parsed"],
  rank: [undefined, optional(isWhole(1)), "a whole number from 1 on"],
  ridge: [undefined, optional(isAbove0), "a number above 0"],
  scale: [undefined, optional(isAbove0), "a number above 0"],
  floor: [0, isShare, "a probability"],
  ceiling: [0.3, isShare, "a probability"],
  forgetting: [1, (value) => isShare(value) && value > 0, "above 0 and up to 1"],
  pending: [32, isWhole(1), "a whole number from 1 on"],
  expiry: [30 * 60_000, isAbove0, "milliseconds"],
  expired: [0, (value) => value === "drop" || Number.isFinite(value), 'a reward, or "drop"'],
  random: [Math.random, isFunction, "a function like Math.random"],
  now: [Date.now, isFunction, "a function like Date.now"],
};

export class Bandit {
  #options;
  #features;
  #arms; // by action
  #waiting = new Map(); // by decision: when, the encoded context, and the actions without a reward
  #numbered = 0;
  #decisions = 0;
  #explored = 0;

  constructor(options) {
    this.#options = readOptions(options, OPTIONS);
    const { actions, start, floor, ceiling, pending } = this.#options;
    if (floor * (actions.length - 1) > ceiling) {
      throw failure("argument", `floor is ${floor} for each of ${actions.length} actions, expected together at most the ceiling, ${ceiling}`);
    }
    if (start) checkPolicy(start);
    this.#features = featuresOf(this.#options);
    const bytes = stateBytes(actions, this.#features.size, pending);
    if (bytes > STATE_LIMIT) {
      throw failure("argument", `the state would have ${bytes} bytes, expected at most ${STATE_LIMIT}; lower rank or pending`);
    }
    this.#options.scale ??= start ? start.deviation || 0.5 : 0.5;
    this.#begin();
  }

  static fromJSON(state, options) {
    const bandit = new Bandit(options);
    bandit.#restore(state);
    return bandit;
  }

  static contextOf(prediction, dimension) {
    const items = Array.isArray(prediction) ? prediction : prediction?.items;
    if (!Array.isArray(items)) throw failure("argument", "contextOf() takes a prediction, or its items");
    if (!isWhole(1)(dimension)) throw failure("argument", `dimension is ${dimension}, expected a whole number from 1 on`);
    return hashed(items, dimension);
  }

  choose(context = [], { slate = 1, candidates = this.#options.actions } = {}) {
    if (!isWhole(1)(slate)) throw failure("argument", `slate is ${slate}, expected a whole number from 1 on`);
    if (!areActions(candidates)) throw failure("argument", "candidates must be an array of different actions");
    const arms = candidates.map((action) => this.#arm(action));
    const x = this.#features.encode(context);
    this.#expire();
    const chosen = choose(arms, x, slate, this.#options);
    const time = this.#options.now();
    const id = `${time.toString(36)}.${(++this.#numbered).toString(36)}`;
    this.#waiting.set(id, { time, x, open: chosen.map(({ arm }) => candidates[arm]) });
    this.#decisions += chosen.length;
    this.#explored += chosen.filter(({ isBest }) => !isBest).length;
    this.#makeRoom();
    return { id, slate: chosen.map(({ arm, probability, expected }) => ({ action: candidates[arm], probability, expected })) };
  }

  reward(id, value, action) {
    if (!Number.isFinite(value)) throw failure("argument", `the reward is ${value}, expected a finite number`);
    this.#expire();
    const decision = this.#waiting.get(id);
    if (!decision) return false;
    const { open } = decision;
    if (action === undefined && open.length !== 1) {
      throw failure("argument", `the decision shows ${open.join(", ")}; name the action that is rewarded`);
    }
    const place = action === undefined ? 0 : open.indexOf(action);
    if (place < 0) return false;
    this.#arm(open[place]).learn(decision.x, value, this.#options.forgetting);
    open.splice(place, 1);
    if (open.length === 0) this.#waiting.delete(id);
    return true;
  }

  settle(id) {
    const decision = this.#waiting.get(id);
    if (!decision) return false;
    this.#waiting.delete(id);
    const { expired, forgetting } = this.#options;
    if (expired !== "drop") for (const action of decision.open) this.#arms.get(action).learn(decision.x, expired, forgetting);
    return true;
  }

  forget() {
    this.#waiting.clear();
    this.#numbered = this.#decisions = this.#explored = 0;
    this.#begin();
  }

  report() {
    this.#expire();
    const actions = [...this.#arms].map(([action, { rewards }]) => ({ action, rewards }));
    return { decisions: this.#decisions, explored: this.#explored, pending: this.#open(), actions };
  }

  toJSON() {
    this.#expire();
    const learned = [...this.#arms].filter(([, { rewards }]) => rewards > 0);
    return {
      foreclick: "bandit",
      version: VERSION,
      features: this.#features.name,
      numbered: this.#numbered,
      decisions: this.#decisions,
      explored: this.#explored,
      actions: learned.map(([id, { rewards, gram, moment }]) => ({ id, rewards, gram: encode(gram), moment: encode(moment) })),
      pending: [...this.#waiting].map(([id, { time, x, open }]) => ({ id, time, context: encode(x), open: [...open] })),
    };
  }

  #begin() {
    const priors = priorsOf(this.#options, this.#features.size);
    const arm = (action) => armOf(priors(action), undefined, `policy: precision of "${action}" is not positive definite`);
    this.#arms = new Map(this.#options.actions.map((action) => [action, arm(action)]));
  }

  #arm(action) {
    const arm = this.#arms.get(action);
    if (!arm) throw failure("argument", `there is no action "${action}", expected one of ${this.#options.actions.join(", ")}`);
    return arm;
  }

  // How many shown actions wait for a reward.
  #open() {
    let count = 0;
    for (const { open } of this.#waiting.values()) count += open.length;
    return count;
  }

  // The oldest decisions stand first.
  #expire() {
    const { expiry, now } = this.#options;
    const oldest = now() - expiry;
    for (const [id, { time }] of this.#waiting) if (time <= oldest) this.settle(id);
  }

  #makeRoom() {
    for (const id of this.#waiting.keys()) {
      if (this.#open() <= this.#options.pending || this.#waiting.size === 1) return;
      this.settle(id);
    }
  }

  #restore(state) {
    check(isObject(state) && state.foreclick === "bandit", "the state is none of foreclick/bandit");
    const { version, features, numbered, decisions, explored, actions, pending } = state;
    if (version !== VERSION) throw failure("version", `state: version ${version}, expected ${VERSION}; begin anew`);
    if (features !== this.#features.name) {
      throw failure("version", `state: its contexts are seen as ${features}, expected ${this.#features.name}: another dimension, rank or start; begin anew`);
    }
    check([numbered, decisions, explored].every(isCount), "state: numbered, decisions or explored is no count");
    check(Array.isArray(actions) && Array.isArray(pending), "state: actions or pending is no array");
    const { size } = this.#features;
    const priors = priorsOf(this.#options, size);
    // What is no action any more is dropped.
    for (const { id, rewards, gram, moment } of actions.filter((action) => this.#arms.has(action?.id))) {
      check(isCount(rewards), `state: rewards of "${id}" is no count`);
      const evidence = {
        rewards,
        gram: decode(gram, triangle(size), `state: gram of "${id}"`),
        moment: decode(moment, size, `state: moment of "${id}"`),
      };
      this.#arms.set(id, armOf(priors(id), evidence, `state: gram of "${id}" can't have been learned`));
    }
    check(pending.every(isObject), "state: a pending decision is none");
    for (const { id, time, context, open } of pending.slice(-this.#options.pending)) {
      check(isText(id) && Number.isFinite(time) && Array.isArray(open), "state: a pending decision is damaged");
      const known = [...new Set(open)].filter((action) => this.#arms.has(action));
      if (known.length > 0) this.#waiting.set(id, { time, x: decode(context, size, "state: a pending context"), open: known });
    }
    this.#numbered = numbered;
    this.#decisions = decisions;
    this.#explored = explored;
  }
}

function armOf(prior, evidence, what) {
  try {
    return new Arm(prior, evidence);
  } catch (error) {
    throw failure("format", what, error);
  }
}

function featuresOf({ dimension, rank, start }) {
  if (!start) return plainFeatures(dimension ?? 0, rank ?? 16);
  const { columns, center, scale, projection } = start;
  if ((dimension ?? columns.length) !== columns.length || (rank ?? start.rank) !== start.rank) {
    throw failure("argument", `start has contexts of ${columns.length} values and a rank of ${start.rank}; leave dimension and rank out, or give these`);
  }
  const isWhole = start.rank === columns.length;
  const directions = isWhole ? undefined : decode(projection, start.rank * columns.length, "policy: projection");
  return new Features({ dimension: columns.length, rank: start.rank, center, scale, projection: directions });
}

function plainFeatures(dimension, rank) {
  if (dimension <= rank) return new Features({ dimension, rank: dimension });
  return new Features({ dimension, rank, projection: folding(dimension, rank) });
}

// What is believed of an action before its first reward.
function priorsOf({ start, ridge = start?.ridge ?? 1 }, size) {
  const known = new Map(start?.actions.map((action) => [action.id, action]));
  return (action) => {
    const { precision, mean } = known.get(action) ?? {};
    if (precision === undefined) return ridgePrior(size, ridge, start?.base ?? 0);
    const values = decode(precision, triangle(size), `policy: precision of "${action}"`);
    return { precision: values, moment: times(values, decode(mean, size, `policy: mean of "${action}"`)) };
  };
}
