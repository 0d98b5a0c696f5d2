// What the page and `check.js` share: a session as ONNX's inputs, and whether an answer is the engine's.

/** The inputs by name; `ort` is ONNX Runtime. */
export function feeds(ort, { items, gaps, fields, open_size, candidates, features, columns, best }) {
  const ints = (values, shape) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), shape);
  const floats = (values, shape) => new ort.Tensor("float32", Float32Array.from(values), shape);
  const inputs = {
    items: ints(items, [items.length]),
    gaps: ints(gaps, [gaps.length]),
    open_size: ints([open_size], [1]),
    candidates: ints(candidates, [candidates.length, 1]),
    features: floats(features.flat(), [features.length, columns]),
    k: ints([best.length], [1]),
  };
  for (const [name, { whole, values, columns }] of Object.entries(fields)) {
    const shape = columns ? [values.length, columns] : [values.length];
    const flat = values.flat();
    inputs[name] = whole ? ints(flat, shape) : floats(flat.map((value) => value ?? NaN), shape);
  }
  return inputs;
}

/** Undefined for the same items, or others of the same scores; else what differs. */
export function difference({ best, scores }, answer) {
  const allowed = 1e-3 * Math.max(1, Math.abs(scores[0] - scores.at(-1)));
  for (let place = 0; place < best.length; place++) {
    const score = answer.scores[place];
    if (!(Math.abs(score - scores[place]) < allowed)) return `score ${place} is ${score}, expected ${scores[place]}`;
    // Among equals any may come first, and at the end another may have come in.
    const known = best.indexOf(answer.items[place]);
    const isTie = Math.abs(scores[known] - scores[place]) < allowed;
    const isLast = Math.abs(scores[place] - scores.at(-1)) < allowed;
    if (!isTie && !(known < 0 && isLast)) return `item ${place} is ${answer.items[place]}, expected ${best[place]}`;
  }
  return undefined;
}
