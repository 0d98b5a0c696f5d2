// The thread of foreclick/worker: one predictor, which answers messages in their order.
import { Decisions } from "./decisions.js";
import { init, Predictor } from "./index.js";
import { Knowledge } from "./knowledge.js";

let predictor;
const aborts = new Map(); // of calls under way that can be ended, by number

// Compiled here, where the model is.
const known = (source) => source && new Knowledge(source);

const special = {
  async load(number, bytes, delta, knowledge, backend, wasm, parts) {
    if (wasm) await init({ wasm });
    // The page's side has read the file.
    const cache = { read: async () => ({ bytes, decisions: parts && new Decisions(parts) }) };
    predictor = await Predictor.load(undefined, { backend, cache, delta, knowledge: known(knowledge) });
    predictor.settled.then(() => postMessage([0]));
  },
  setKnowledge: (number, source) => predictor.setKnowledge(known(source)),
  async predictMany(number, sessions, options) {
    const abort = new AbortController();
    aborts.set(number, abort);
    try {
      return await predictor.predictMany(sessions, { ...options, signal: abort.signal });
    } finally {
      aborts.delete(number);
    }
  },
};

onmessage = async ({ data: [number, name, ...values] }) => {
  if (name === "abort") return aborts.get(number)?.abort();
  try {
    const value = await (special[name] ? special[name](number, ...values) : predictor[name](...values));
    // Number 0 is a call that nobody waits for.
    if (number) postMessage([number, value]);
  } catch ({ code, message }) {
    postMessage([number, undefined, { code, message }]);
  }
};
