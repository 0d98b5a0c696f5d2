// What a bandit sees of a context; the twin of src/companion/policy/features.rs.
import { dot } from "./linear.js";
import { failure } from "../shared.js";

export class Features {
  // `center` and `scale` may be missing, and `projection` ([rank, dimension]) where all values are kept.
  constructor({ dimension, rank, center, scale, projection }) {
    this.dimension = dimension;
    this.rank = rank;
    this.size = rank + 1;
    this.center = center;
    this.scale = scale;
    this.projection = projection;
  }

  // Evidence of differently seen contexts can't be added up.
  get name() {
    const { dimension, rank, center = [], scale = [], projection = [] } = this;
    return `${dimension}/${rank}/${hash(String([...center, ...scale, ...projection]))}`;
  }

  // A context with a 1 before it: [rank + 1].
  encode(context) {
    const { dimension, rank, center, scale, projection } = this;
    if (context?.length !== dimension) {
      throw failure("argument", `the context has ${context?.length ?? "no"} values, expected ${dimension}`);
    }
    const scaled = new Float64Array(dimension);
    for (let place = 0; place < dimension; place++) {
      if (!Number.isFinite(context[place])) throw failure("argument", `value ${place} of the context is ${context[place]}, expected a finite number`);
      scaled[place] = center ? (context[place] - center[place]) * scale[place] : context[place];
    }
    const encoded = new Float64Array(this.size);
    encoded[0] = 1;
    for (let row = 0; row < rank; row++) {
      encoded[row + 1] = projection ? dot(projection.subarray(row * dimension, (row + 1) * dimension), scaled) : scaled[row];
    }
    return encoded;
  }
}

// Where nothing is known of contexts: value i goes to place i mod rank, with a sign of its own. That keeps scalar products
// right on average (a count sketch; Weinberger et al. 2009, arXiv 0902.2206).
export function folding(dimension, rank) {
  const projection = new Float64Array(rank * dimension);
  for (let place = 0; place < dimension; place++) projection[(place % rank) * dimension + place] = sign(place);
  return projection;
}

// 1 or -1, as if by a coin (the finaliser of MurmurHash3).
function sign(place) {
  let code = Math.imul(place + 1, 0x9e3779b1);
  code = Math.imul(code ^ (code >>> 16), 0x85ebca6b);
  code = Math.imul(code ^ (code >>> 13), 0xc2b2ae35);
  return ((code ^ (code >>> 16)) & 1) === 0 ? 1 : -1;
}

// A prediction's items as numbers: the place of each is a hash of its key.
export function hashed(items, dimension) {
  const context = new Float64Array(dimension);
  for (const { item, probability } of items) {
    const code = hash(item);
    context[(code >>> 1) % dimension] += (code & 1) === 0 ? probability : -probability;
  }
  const length = Math.hypot(...context);
  return length > 0 ? context.map((value) => value / length) : context;
}

// FNV-1a of a text's UTF-8.
function hash(text) {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
