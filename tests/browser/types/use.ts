// Every public member, used as its types say. Not run: compiled against pkg/index.d.ts.
import { init, Predictor } from "../../../pkg/index.js";
import { ModelCache } from "../../../pkg/cache.js";
import { Knowledge } from "../../../pkg/knowledge.js";
import { Predictor as Threaded } from "../../../pkg/worker.js";
import type { Diagnostics, Explanation, ForeclickError, Prediction, TaskAnswer, VisitorEvent } from "../../../pkg/index.js";

await init();
await init({ wasm: new URL("foreclick_bg.wasm", "https://example.org") });
await init({ wasm: undefined });

const event: VisitorEvent = { item: "oat-milk", time: Date.now(), group: "basket", fields: { price: 3, kind: null, gift: true, review: "好", picture: new Float32Array(3), sound: [0.5, 1] } };
const known: VisitorEvent = { item: "soap", time: null, group: undefined };
const outOfStock: readonly string[] = ["soap"];

export async function use(model: Response): Promise<[Prediction, Explanation, Diagnostics]> {
  using predictor = await Predictor.load(model, {
    backend: "gpu",
    onProgress: ({ loaded, total }) => console.log(loaded / (total ?? 1)),
    signal: AbortSignal.timeout(1000),
    cache: new ModelCache("models"),
    integrity: "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
  });
  await predictor.settled;
  const { items } = await predictor.rank(outOfStock, { group: "basket" });
  const many: Prediction[] = await predictor.predictMany([[event, known], []], { k: items.length, candidates: outOfStock });
  await predictor.predictMany([[event]], { signal: AbortSignal.timeout(10) });
  const { load, observe, predict } = predictor.diagnostics();
  console.log(many.length, load.from === "cache", load.milliseconds, observe.count + predict.milliseconds);
  predictor.observe(event);
  predictor.observe(known);
  const prediction = await predictor.predict({ k: 3, exclude: outOfStock, group: undefined });
  const [best] = prediction.items;
  if (!best) throw new Error(`no candidate after ${prediction.milliseconds} ms`);
  const explanation = await predictor.explain(best.item, { events: 3, exclude: [], group: "basket" });
  const effects: number[] = explanation.events.map(({ effect, place }) => effect + place);
  console.log(effects, explanation.terms.taste, best.probability, best.score);
  const { value, events, fields } = await predictor.explainTask("buy", { events: 3 });
  const parts: [string, number][] = [...fields, ...explanation.fields].map(({ field, effect }) => [field, effect]);
  const beside: string[] = explanation.evidence.map(({ item, share }) => `${item}: ${share}`);
  console.log(value + events.length + explanation.met, parts, beside);
  predictor.reset();
  return [prediction, explanation, predictor.diagnostics()];
}

for (const source of ["/model.safetensors", new URL("https://example.org"), new ArrayBuffer(8), new Uint8Array(8)]) {
  const predictor = await Predictor.load(source).catch((error: ForeclickError) => {
    const code: "fetch" | "format" | "version" | "schema" | "integrity" | "knowledge" | "worker" | "storage" | "event" | "argument" | "freed" | "wasm" = error.code;
    return code;
  });
  if (typeof predictor !== "string") predictor.free();
}

export async function inWorker(worker: Worker): Promise<Diagnostics> {
  using predictor = await Threaded.load("/model.safetensors", { worker, wasm: "/foreclick.wasm", onError: ({ code }) => console.log(code) });
  predictor.observe(event);
  await predictor.predict({ k: 3 });
  await predictor.rank(outOfStock);
  await predictor.predictMany([[event]]);
  await predictor.explain("soap", { events: 3 });
  const { task, value }: { task: string; value: number } = await predictor.explainTask("buy");
  console.log(task, value);
  predictor.reset();
  await predictor.settled;
  return predictor.diagnostics();
}

const knowledge = new Knowledge({
  version: 1,
  maxPrice: 20,
  items: { soap: { stock: 0, price: 3.5, category: "household", tags: ["new"] } },
  categories: { household: "all" },
  together: { tea: { honey: 0.7 } },
  rules: [{ name: "not now", categories: ["all"], never: true, when: { items: ["tea"], within: "session" } }],
});
const knowing = await Predictor.load("/model.safetensors", { knowledge });
const unknown: number | undefined = knowing.setKnowledge(await Knowledge.load("/knowledge.json"))?.unknownItems;
const { rules } = await knowing.explain("soap", { maxPrice: Infinity });
console.log(unknown, rules.map(({ rule, effect }) => `${rule} ${effect}`), knowing.setKnowledge(null), knowledge.source.version);
await knowing.rank(["soap"], { minPrice: 1 });
// @ts-expect-error: a rule either adds or takes out
new Knowledge({ version: 1, rules: [{ items: ["tea"], boost: "much" }] });
// @ts-expect-error: another form
new Knowledge({ version: 2 });

const erased: boolean = await new ModelCache().clear();
console.log(erased);

// @ts-expect-error: predictors are loaded
new Threaded();
// @ts-expect-error: a cache is an object of its own
await Predictor.load("", { cache: true });
// @ts-expect-error: predictors are loaded
new Predictor();
// @ts-expect-error: a model is needed
await Predictor.load(5);
// @ts-expect-error: a wrong name
(await Predictor.load("")).predict({ exlude: [] });
// @ts-expect-error: an event's item is a key
(await Predictor.load("")).observe({ item: 1 });
const { tasks } = await (await Predictor.load("")).predict();
const answer: TaskAnswer | undefined = tasks?.["buys"];
if (answer && "yes" in answer) console.log(answer.probability > answer.threshold);
if (answer && "classes" in answer) console.log(answer.class, answer.classes[0]?.probability);
if (answer && "value" in answer) console.log(answer.value);
