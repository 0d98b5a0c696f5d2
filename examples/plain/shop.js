// Both pages' script: product.html?item=KEY is a product's page, whose visit is an event.
import { Predictor } from "foreclick";
import { Prefetcher } from "foreclick/prefetch";
import { forget, openState } from "foreclick/state";

const { items, popular } = await (await fetch("./items.json")).json();
const nameOf = (item) => items[item]?.filter(Boolean).join(", ") || item;
const pageOf = (item) => `./product.html?item=${encodeURIComponent(item)}`;

const predictor = await Predictor.load("./model.safetensors");
await openState(predictor); // what was told before, on other pages and visits
const prefetcher = new Prefetcher({ url: pageOf, acrossPages: true, hover: 65 });

const item = new URLSearchParams(location.search).get("item");
if (item) {
  document.querySelector("#product").textContent = nameOf(item);
  predictor.observe({ item, time: Date.now(), group: new Date().toDateString() });
}
list("#popular", popular.slice(0, 12));
await show();

document.querySelector("#forget").addEventListener("click", async () => {
  await forget();
  await show();
});

async function show() {
  const { items: likely } = await prefetcher.refresh(predictor, { k: 5 });
  list("#next", likely.map(({ item }) => item));
  const { events } = await predictor.explain(likely[0].item);
  const [strongest] = [...events].sort((a, b) => b.effect - a.effect);
  document.querySelector("#why").textContent = strongest ? `First because of ${nameOf(strongest.item)}` : "First because many take it";
}

function list(place, keys) {
  const links = keys.map((item) => Object.assign(document.createElement("a"), { href: pageOf(item), textContent: nameOf(item) }));
  document.querySelector(place)?.replaceChildren(...links.map((link) => wrap(link)));
}

function wrap(link) {
  const row = document.createElement("li");
  row.append(link);
  return row;
}
