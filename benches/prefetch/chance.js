// A stream of random numbers that is the same on every machine, and what is drawn from it.

/** Numbers from 0 to 1 (mulberry32). */
export function chance(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export const normal = (random) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/** Log-normal with this median; `spread` is the standard deviation of the logarithm. */
export const lognormal = (random, median, spread) => median * Math.exp(spread * normal(random));

export const oneOf = (random, values) => values[Math.floor(random() * values.length)];

/** A place in `weights`, as often as its weight says. */
export function weighted(random, weights) {
  let left = random() * weights.reduce((sum, weight) => sum + weight, 0);
  return Math.max(0, weights.findIndex((weight) => (left -= weight) < 0));
}
