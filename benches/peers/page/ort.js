// ONNX Runtime Web: each prediction runs the encoder over the whole history, scores and ranks.
import { feeds } from "./session.js";

const ENTRIES = { cpu: "/ort/ort.wasm.min.mjs", gpu: "/ort/ort.webgpu.min.mjs" };
const PROVIDERS = { cpu: "wasm", gpu: "webgpu" };

export async function load(model, history, backend) {
  const ort = await import(ENTRIES[backend]);
  // Without cross-origin isolation, which few sites have, there are no threads.
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = "/ort/";
  ort.env.logLevel = "error";
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [PROVIDERS[backend]],
    graphOptimizationLevel: "all",
  });
  const inputs = feeds(ort, history);
  return {
    predict: async () => {
      const { best_items, best_scores } = await session.run(inputs);
      return { items: Array.from(best_items.data, Number), scores: Array.from(best_scores.data) };
    },
  };
}
