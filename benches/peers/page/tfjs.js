// TensorFlow.js: the same operators as in the ONNX file, by hand, with the file's constants.
import { readFloats } from "./onnx.js";

const SCRIPTS = ["/tfjs/tf.min.js", "/tfjs-wasm/tf-backend-wasm.min.js"];
const EPSILON = 1e-6;

export async function load(model, { items, gaps, candidates, features }) {
  for (const address of SCRIPTS) await script(address);
  const { tf } = globalThis;
  tf.wasm.setWasmPaths("/tfjs-wasm/");
  if (!(await tf.setBackend("wasm"))) throw new Error("its WebAssembly backend can't be used here");
  await tf.ready();
  const buffer = await (await fetch(model)).arrayBuffer();
  const weights = {};
  for (const [name, { shape, values }] of Object.entries(readFloats(buffer))) {
    weights[name] = tf.tensor(values, shape, "float32");
  }
  const inputs = {
    items: tf.tensor1d(items, "int32"),
    gaps: tf.tensor1d(gaps, "int32"),
    candidates: tf.tensor2d(candidates, [candidates.length, 1], "int32"),
    features: tf.tensor2d(features),
  };
  return {
    predict: async () => {
      const { values, indices } = tf.tidy(() => tf.topk(score(tf, weights, inputs), 10));
      const answer = { items: Array.from(await indices.data()), scores: Array.from(await values.data()) };
      tf.dispose([values, indices]);
      return answer;
    },
  };
}

function script(src) {
  return new Promise((resolve, reject) => {
    document.head.append(Object.assign(document.createElement("script"), { src, onload: resolve, onerror: reject }));
  });
}

function score(tf, weights, { items, gaps, candidates, features }) {
  const { item_rows, item_bias, gaps_rows, start, gate_open, gate_rows, gate_bias, final_norm, scale, root } = weights;
  const rows = tf.gather(item_rows, items).mul(root);
  let state = tf.concat([start, rows.add(tf.gather(gaps_rows, gaps))]);
  const blocks = Object.keys(weights).filter((name) => name.startsWith("query_")).length;
  for (let place = 0; place < blocks; place++) state = block(tf, weights, place, state, place === blocks - 1);
  const normed = norm(state, final_norm);
  const gates = normed.matMul(gate_rows).add(gate_bias).add(gate_open.slice([0, 0], [1, -1]));
  const query = normed.div(normed.norm("euclidean", -1, true)).mul(scale);
  const popularity = item_bias.mul(gates.slice([0, 0], [1, 1]).reshape([]));
  const scores = item_rows.matMul(query, false, true).reshape([-1]).add(popularity);
  const factors = tf.concat([gates.slice([0, 1], [1, -1]), tf.ones([1, 1])], 1);
  const added = features.matMul(factors, false, true).reshape([-1]);
  return scores.add(tf.scatterND(candidates, added, [scores.shape[0]]));
}

function block(tf, weights, place, state, isLast) {
  const [count, hidden] = state.shape;
  const { frequencies } = weights;
  const size = 2 * frequencies.shape[2];
  const heads = hidden / size;
  const normed = norm(state, weights[`attention_norm_${place}`]);
  const places = tf.range(0, count);
  const angles = places.reshape([-1, 1, 1]).mul(frequencies);
  const last = (x) => (isLast ? x.slice([count - 1]) : x);
  const asking = last(normed);
  const project = (name, x) => x.matMul(weights[`${name}_${place}`]).reshape([-1, heads, size]);
  const query = rotate(tf, project("query", asking), last(angles)).transpose([1, 0, 2]);
  const key = rotate(tf, project("key", normed), angles).transpose([1, 0, 2]);
  const value = project("value", normed).transpose([1, 0, 2]);
  const seen = last(places.reshape([-1, 1])).greaterEqual(places);
  const mask = tf.where(seen, tf.scalar(0), tf.scalar(-1e30));
  const attention = query.matMul(key, false, true).mul(1 / Math.sqrt(size)).add(mask).softmax();
  const context = attention.matMul(value).transpose([1, 0, 2]).reshape([-1, hidden]);
  const middle = last(state).add(context.matMul(weights[`attention_out_${place}`]));
  const inner = norm(middle, weights[`feed_forward_norm_${place}`]);
  const gate = inner.matMul(weights[`gate_${place}`]);
  const up = inner.matMul(weights[`up_${place}`]);
  return middle.add(gate.mul(gate.sigmoid()).mul(up).matMul(weights[`down_${place}`]));
}

function norm(x, weight) {
  return x.div(x.square().mean(-1, true).add(EPSILON).sqrt()).mul(weight);
}

function rotate(tf, heads, angles) {
  const [a, b] = tf.split(heads, 2, 2);
  const [cosine, sine] = [angles.cos(), angles.sin()];
  return tf.concat([a.mul(cosine).sub(b.mul(sine)), a.mul(sine).add(b.mul(cosine))], 2);
}
