// Our side: an event is a step, and a prediction scores what the steps left.
import { Predictor } from "/foreclick/index.js";

export async function load(model, { keys, times }, backend) {
  const predictor = await Predictor.load(model, { backend });
  keys.forEach((item, place) => predictor.observe({ item, time: times[place] }));
  const next = keys.length * 60_000;
  return {
    observe: (place) => predictor.observe({ item: keys[place % keys.length], time: next + place * 60_000 }),
    predict: async () => {
      const { items, backend: inUse } = await predictor.predict({ k: 10 });
      if (inUse !== backend) throw new Error(`${backend} is not in use: ${predictor.diagnostics().reason}`);
      return { items: items.map(({ item }) => Number(item)), scores: items.map(({ score }) => score) };
    },
  };
}
