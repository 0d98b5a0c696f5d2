// The page of both projects: what the package's README tells a user to write.
import { Predictor } from "foreclick";
import { Bandit } from "foreclick/bandit";
import { ModelCache } from "foreclick/cache";
import { Collector } from "foreclick/collect";
import { Devtools } from "foreclick/devtools";
import { Prefetcher } from "foreclick/prefetch";
import { openState } from "foreclick/state";
import { Predictor as ThreadedPredictor } from "foreclick/worker";

const item = new URLSearchParams(location.search).get("item");
const predictor = await Predictor.load("/model.safetensors");
const state = await openState(predictor);
predictor.observe({ item });
const prediction = await predictor.predict({ k: 10 });

const threaded = await ThreadedPredictor.load("/model.safetensors");
threaded.observe({ item });
const predictions = [prediction, await threaded.predict({ k: 10 })];
await new ModelCache().clear();

const prefetcher = new Prefetcher({ url: (item) => `/products/${item}`, load() {} });
prefetcher.update([{ item, probability: 1 }]);
const clicked = [];
const collector = new Collector({ to: (event) => clicked.push(event.item) });
const product = document.body.appendChild(Object.assign(document.createElement("p"), { textContent: item }));
product.dataset.fcItem = item;
product.click();
collector.stop();
const panel = new Devtools(predictor, { prefetcher });
const panels = document.querySelectorAll("foreclick-devtools").length;
panel.close();
const bandit = new Bandit({ actions: ["offer"], dimension: 8 });
const { id, slate } = bandit.choose(Bandit.contextOf(prediction, 8));
const learned = bandit.reward(id, 1) && slate[0].action;
const { hints } = prefetcher.report();
const kept = (await state.export()).events.length;
await state.forget();
globalThis.predictions = [...predictions, { hints, clicked, panels, kept, learned }];
