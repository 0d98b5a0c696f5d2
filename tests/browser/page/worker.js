// Predicts in a worker, once on each backend, and answers with the backends.
import { Predictor } from "/foreclick/index.js";

onmessage = async ({ data: model }) => {
  const backends = [];
  for (const backend of ["cpu", "gpu"]) {
    const predictor = await Predictor.load(model, { backend });
    predictor.observe({ item: "0000001" });
    backends.push((await predictor.predict()).backend);
    predictor.free();
  }
  postMessage(backends);
};
