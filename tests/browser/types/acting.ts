// The entries that act on predictions, used as their types say. Not run: compiled against pkg/*.d.ts.
import { ref } from "vue";
import { Bandit } from "../../../pkg/bandit.js";
import { ModelCache } from "../../../pkg/cache.js";
import { Collector } from "../../../pkg/collect.js";
import { Devtools } from "../../../pkg/devtools.js";
import { Predictor } from "../../../pkg/index.js";
import { Prefetcher } from "../../../pkg/prefetch.js";
import * as react from "../../../pkg/react.js";
import * as vue from "../../../pkg/vue.js";
import { forget, openState } from "../../../pkg/state.js";
import { Predictor as Threaded } from "../../../pkg/worker.js";
import type { BanditOptions, BanditState, Decision } from "../../../pkg/bandit.js";
import type { CollectAction } from "../../../pkg/collect.js";
import type { StoredEntry } from "../../../pkg/devtools.js";
import type { Explanation, PredictedItem, VisitorEvent } from "../../../pkg/index.js";
import type { PrefetchReport } from "../../../pkg/prefetch.js";
import type { State, StateExport, StateStatus, StoredItem } from "../../../pkg/state.js";

export async function prefetch(predictor: Predictor, threaded: Threaded): Promise<PrefetchReport> {
  const prefetcher = new Prefetcher({
    url: (item) => (item === "none" ? null : new URL(item, "https://example.org")),
    limit: 1,
    threshold: 0.3,
    prerender: 0.9,
    hover: 65,
    nonce: "abc",
    origins: ["https://shop.example"],
    skip: ".cart",
    allow: (url) => url.pathname !== "/checkout",
    load: undefined,
    acrossPages: true,
  });
  prefetcher.update(await predictor.predict({ k: 20 }));
  prefetcher.update((await threaded.predict()).items);
  const { items } = await prefetcher.refresh(predictor, { k: 20 });
  await prefetcher.refresh(threaded);
  prefetcher.visited(new URL("https://example.org"));
  prefetcher.visited(items[0]?.item ?? "/");
  prefetcher.clear();
  prefetcher.stop();
  const report = prefetcher.report();
  const method: "rules" | "links" | "load" | "none" = report.method;
  const lead: number = report.leadMilliseconds ?? report.waste + report.hits + report.served + report.hints;
  console.log(method, report.held === "save-data", report.open[0]?.url, lead);
  return report;
}

export function collect(predictor: Predictor, threaded: Threaded): void {
  for (const to of [predictor, threaded]) new Collector({ to }).stop();
  const collector = new Collector({
    to: (event: VisitorEvent, action: CollectAction) => console.log(event.item, action === "cart"),
    root: document,
    group: () => null,
    actionField: "type",
    actions: { click: "clicks" },
    secondsField: "seconds",
    viewMilliseconds: 500,
    throttleMilliseconds: 0,
    honorPrivacyControl: true,
    onError: ({ message }) => console.log(message),
  });
  collector.pause();
  collector.resume();
  const refused: boolean = collector.state === "refused";
  console.log(refused);
}

export async function decide(predictor: Predictor, policy: object): Promise<BanditState> {
  const options: BanditOptions = {
    actions: ["discount", "none"] as const,
    dimension: 32,
    kind: "linucb",
    start: policy,
    rank: 16,
    ridge: 1,
    scale: 0.5,
    floor: 0.01,
    ceiling: 0.2,
    forgetting: 0.99,
    pending: 16,
    expiry: 60_000,
    expired: "drop",
    random: Math.random,
    now: Date.now,
  };
  const bandit = new Bandit(options);
  const context: Float64Array = Bandit.contextOf(await predictor.predict(), 32);
  const { id, slate }: Decision = bandit.choose(context, { slate: 2, candidates: ["none"] });
  const learned: boolean = bandit.reward(id, 1, slate[0]?.action) || bandit.settle(id);
  bandit.choose(Array(32).fill(0));
  const { decisions, explored, pending, actions } = bandit.report();
  console.log(learned, slate[0]?.probability, decisions + explored + pending, actions[0]?.rewards);
  bandit.forget();
  return Bandit.fromJSON(bandit.toJSON(), options).toJSON();
}

export async function devtools(predictor: Predictor, threaded: Threaded, prefetcher: Prefetcher): Promise<void> {
  const stored = async (): Promise<StoredEntry[]> => [{ name: "learned", bytes: 5 }];
  const panel = new Devtools(predictor, {
    k: 8,
    predictOptions: () => ({ group: "basket" }),
    elements: (item) => document.querySelectorAll(`#${item}`),
    label: (item) => item,
    prefetcher,
    stored,
    forget: async () => prefetcher.clear(),
    open: false,
  });
  await panel.refresh();
  panel.element.remove();
  panel.close();
  new Devtools(threaded).close();
}

export async function keep(predictor: Predictor, threaded: Threaded): Promise<StateExport> {
  const state: State = await openState(predictor, {
    name: "shop",
    store: new Map<string, unknown>(),
    also: [new ModelCache("models"), new Prefetcher({ url: (item) => item })],
    maxEvents: 100,
    maxAgeDays: 7,
    honorPrivacyControl: false,
    onStatus: ({ mode, reason, restored, refused }: StateStatus) => console.log(mode === "memory", reason, restored + refused),
  });
  const isKept: boolean = await state.update("visits", (value) => (typeof value === "number" ? value + 1 : 1));
  const bytes = await state.read("personal");
  if (bytes instanceof Uint8Array) await state.update("personal", () => bytes.map((byte) => byte + 1));
  await state.pause();
  await state.resume();
  const items: StoredItem[] = await state.stored();
  console.log(isKept, items[0]?.bytes, items[0]?.oldest);
  new Devtools(predictor, { state }).close();
  await state.flush();
  await state.forget();
  await state.close();
  await forget({ name: "shop", also: [] });
  return (await openState(threaded)).export();
}

export function inReact(): readonly PredictedItem[] {
  const session = react.usePredictor((signal) => Predictor.load("/model.safetensors", { signal }), ["/model.safetensors"]);
  const backend: "cpu" | "gpu" | undefined = session.predictor?.diagnostics().backend;
  session.observe({ item: "soap" });
  session.reset();
  const unsubscribe: () => void = session.subscribe(() => console.log(session.changes()));
  const { items, error } = react.usePredictions(session, { k: 3 });
  const { explanation } = react.useExplanation(session, items[0]?.item, { events: 3 });
  const kept: Explanation | null = explanation;
  console.log(backend, kept, error?.message, unsubscribe);
  return items;
}

export function inVue(): readonly PredictedItem[] {
  const model = ref("/model.safetensors");
  const session = vue.usePredictor((signal) => Threaded.load(model.value, { signal }), model);
  session.observe({ item: "soap" });
  session.reset();
  const { items, error } = vue.usePredictions(session, () => ({ k: 3 }));
  const { explanation } = vue.useExplanation(session, () => items.value[0]?.item, ref({ events: 3 }));
  console.log(session.predictor.value?.settled, session.changes.value, error.value?.message, explanation.value?.score);
  return items.value;
}

// @ts-expect-error: an address is needed
new Prefetcher({});
// @ts-expect-error: two at most
new Prefetcher({ url: (item) => item, limit: 3 });
// @ts-expect-error: a wrong name
new Collector({ to() {}, rot: document });
// @ts-expect-error: no such action
new Collector({ to() {}, actions: { klick: "clicks" } });
// @ts-expect-error: a store has keys
openState(await Predictor.load(""), { store: { get() {}, set() {}, delete() {} } });
// @ts-expect-error: actions are needed
new Bandit({ dimension: 3 });
// @ts-expect-error: no such kind
new Bandit({ actions: ["a"], kind: "greedy" });
// @ts-expect-error: a predictor is needed
new Devtools({});
// @ts-expect-error: a function that loads
react.usePredictor("/model.safetensors");
// @ts-expect-error: refs have no items of their own
vue.usePredictions(vue.usePredictor(() => Predictor.load("")), { k: 3 }).items[0];
