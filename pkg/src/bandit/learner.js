// Linear Thompson sampling and LinUCB with one ridge regression an action; the twin of src/companion/policy/learner.rs.
import { addOuter, diagonal, dot, factorise, forward, solve, triangle } from "./linear.js";
import { failure } from "../shared.js";

// LinUCB's bound lies so many standard deviations above the mean: about one in forty lies higher.
const BOUND = 2;
// So many models are drawn for a slate of Thompson's; the pick is among their answers.
const DRAWS = 64;

// What is believed of one action: its prior, { precision, moment }, and what was observed since.
export class Arm {
  #prior;
  #factor;
  #mean;

  constructor(prior, evidence) {
    const size = prior.moment.length;
    this.#prior = prior;
    this.gram = evidence?.gram ?? new Float64Array(triangle(size));
    this.moment = evidence?.moment ?? new Float64Array(size);
    this.rewards = evidence?.rewards ?? 0;
    this.#believe();
  }

  learn(x, reward, keep) {
    const { gram, moment, rewards } = this;
    this.gram = gram.map((value) => value * keep);
    this.moment = moment.map((value, place) => value * keep + reward * x[place]);
    this.rewards = rewards * keep + 1;
    addOuter(this.gram, x);
    try {
      this.#believe();
    } catch (error) {
      Object.assign(this, { gram, moment, rewards });
      throw error;
    }
  }

  expected(x) {
    return dot(this.#mean, x);
  }

  deviation(x) {
    const half = forward(this.#factor, x);
    return Math.sqrt(dot(half, half));
  }

  #believe() {
    const { precision, moment } = this.#prior;
    const factor = factorise(precision.map((value, place) => value + this.gram[place]), moment.length);
    if (!factor) throw failure("argument", "the contexts are too large to be computed with; expected values of about 1");
    this.#factor = factor;
    this.#mean = solve(factor, moment.map((value, place) => value + this.moment[place]));
  }
}

// Weights around `mean` (of the constant, 0 for the rest), as sure as after `ridge` rewards.
export function ridgePrior(size, ridge, mean) {
  const moment = new Float64Array(size);
  moment[0] = ridge * mean;
  return { precision: diagonal(size, ridge), moment };
}

// A slate of k of the arms (an array): for each position the arm's number, its probability there given those before it,
// what is expected of it, and whether that is the most.
export function choose(arms, x, k, { kind, scale, floor, ceiling, random }) {
  const means = arms.map((arm) => arm.expected(x));
  const deviations = arms.map((arm) => scale * arm.deviation(x));
  const draw =
    kind === "thompson"
      ? () => means.map((mean, place) => mean + deviations[place] * normal(random))
      : () => means.map((mean, place) => mean + BOUND * deviations[place]);
  const draws = Array.from({ length: kind === "thompson" ? DRAWS : 1 }, draw);
  const left = arms.map((_, place) => place);
  const slate = [];
  while (slate.length < k && left.length > 0) {
    const greedy = best(means, left);
    const probabilities = shares(draws, left, greedy, floor, ceiling);
    const pick = pickFrom(probabilities, random());
    const arm = left[pick];
    slate.push({ arm, probability: probabilities[pick], expected: means[arm], isBest: pick === greedy });
    left.splice(pick, 1);
  }
  return slate;
}

// How likely each of those left is at this position: in how many draws it is the best, within the bounds.
function shares(draws, left, greedy, floor, ceiling) {
  const shares = new Float64Array(left.length);
  for (const scores of draws) shares[best(scores, left)] += 1 / draws.length;
  const explored = 1 - shares[greedy];
  // What is left to share out by the draws when each has the floor.
  const spread = Math.max(0, Math.min(explored, ceiling) - floor * (left.length - 1));
  let sum = 0;
  for (let place = 0; place < left.length; place++) {
    if (place === greedy) continue;
    shares[place] = floor + (explored > 0 ? (shares[place] / explored) * spread : 0);
    sum += shares[place];
  }
  shares[greedy] = 1 - sum;
  return shares;
}

// Where in `left` the largest score is; of equal ones the first.
function best(scores, left) {
  let best = 0;
  for (let place = 1; place < left.length; place++) if (scores[left[place]] > scores[left[best]]) best = place;
  return best;
}

function pickFrom(probabilities, number) {
  let sum = 0;
  for (let place = 0; place < probabilities.length; place++) {
    sum += probabilities[place];
    if (number < sum) return place;
  }
  // The probabilities' sum may be a rounding error below 1.
  let last = probabilities.length - 1;
  while (last > 0 && probabilities[last] === 0) last--;
  return last;
}

// A standard normal number (Box and Muller).
function normal(random) {
  const length = Math.sqrt(-2 * Math.log(1 - random()));
  return length * Math.cos(2 * Math.PI * random());
}
