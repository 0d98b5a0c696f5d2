// Our side: an event is a step, and a prediction scores what the steps left.
export async function load(model, { keys, times }, backend) {
  const { Predictor } = await import("/foreclick/index.js");
  const predictor = await Predictor.load(model, { backend });
  keys.forEach((item, place) => predictor.observe({ item, time: times[place] }));
  const next = keys.length * 60_000;
  let isTimed = false;
  return {
    // A GPU may be late for the first prediction, while it catches up with the history.
    settle: async () => {
      if (backend === "gpu") await new Promise((resolve) => setTimeout(resolve, 1_000));
      isTimed = true;
    },
    observe: (place) => predictor.observe({ item: keys[place % keys.length], time: next + place * 60_000 }),
    predict: async () => {
      const { items, backend: answered } = await predictor.predict({ k: 10 });
      if (isTimed && answered !== backend) throw new Error(`the ${answered} answered: ${predictor.diagnostics().reason}`);
      return { items: items.map(({ item }) => Number(item)), scores: items.map(({ score }) => score) };
    },
  };
}
