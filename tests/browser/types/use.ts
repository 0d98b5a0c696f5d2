// Every public member, used as its types say. Not run: compiled against pkg/index.d.ts.
import { init, Predictor } from "../../../pkg/index.js";
import type { Diagnostics, Explanation, ForeclickError, Prediction, VisitorEvent } from "../../../pkg/index.js";

await init();
await init({ wasm: new URL("foreclick_bg.wasm", "https://example.org") });
await init({ wasm: undefined });

const event: VisitorEvent = { item: "oat-milk", time: Date.now(), group: "basket", fields: { price: 3, kind: null, gift: true } };
const known: VisitorEvent = { item: "soap", time: null, group: undefined };
const outOfStock: readonly string[] = ["soap"];

export async function use(model: Response): Promise<[Prediction, Explanation, Diagnostics]> {
  using predictor = await Predictor.load(model, {
    backend: "gpu",
    onProgress: ({ loaded, total }) => console.log(loaded / (total ?? 1)),
    signal: AbortSignal.timeout(1000),
  });
  await predictor.settled;
  predictor.observe(event);
  predictor.observe(known);
  const prediction = await predictor.predict({ k: 3, exclude: outOfStock, group: undefined });
  const [best] = prediction.items;
  if (!best) throw new Error(`no candidate after ${prediction.milliseconds} ms`);
  const explanation = await predictor.explain(best.item, { events: 3, exclude: [], group: "basket" });
  const effects: number[] = explanation.events.map(({ effect, place }) => effect + place);
  console.log(effects, explanation.terms.taste, best.probability, best.score);
  predictor.reset();
  return [prediction, explanation, predictor.diagnostics()];
}

for (const source of ["/model.safetensors", new URL("https://example.org"), new ArrayBuffer(8), new Uint8Array(8)]) {
  const predictor = await Predictor.load(source).catch((error: ForeclickError) => {
    const code: "fetch" | "format" | "version" | "schema" | "event" | "argument" | "freed" | "wasm" = error.code;
    return code;
  });
  if (typeof predictor !== "string") predictor.free();
}

// @ts-expect-error: predictors are loaded
new Predictor();
// @ts-expect-error: a model is needed
await Predictor.load(5);
// @ts-expect-error: a wrong name
(await Predictor.load("")).predict({ exlude: [] });
// @ts-expect-error: an event has an item
(await Predictor.load("")).observe({ time: 1 });
