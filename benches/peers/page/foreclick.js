// Our side: an event is a step, and a prediction scores what the steps left.
export async function load(model, { keys, times }, backend) {
  const { Predictor } = await import("/foreclick/index.js");
  const predictor = await Predictor.load(model, { backend });
  keys.forEach((item, place) => predictor.observe({ item, time: times[place] }));
  if (backend === "gpu") {
    const { backend: inUse, reason } = predictor.diagnostics();
    if (inUse !== backend) throw new Error(`${backend} is not in use: ${reason}`);
  }
  const next = keys.length * 60_000;
  return {
    observe: (place) => predictor.observe({ item: keys[place % keys.length], time: next + place * 60_000 }),
    predict: async () => {
      const { items } = await predictor.predict({ k: 10 });
      return { items: items.map(({ item }) => Number(item)), scores: items.map(({ score }) => score) };
    },
  };
}
