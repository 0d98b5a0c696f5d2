// Why a product ranks where it does: the parts of its score, and the events behind them.
import { byId, el } from "./dom.js";
import { pack } from "./pack.js";

// A low window shows fewer: see glass.css.
const EVENTS_SHOWN = 8;
// An event that changes the odds by less than a hundredth says nothing.
const LEAST_EFFECT = 0.01;

/**
 * Shows why `product` is predicted. `explanation` comes from the predictor; `past` says in words when the visitor bought the
 * product before, and `when(place)` in which basket an event was.
 */
export function showWhy(product, explanation, { catalogue, past, when }) {
  byId("why-title").textContent = `Why ${product.name.charAt(0).toLowerCase()}${product.name.slice(1)}?`;
  byId("why-place").textContent = `${product.department}, no. ${product.id}`;
  const { taste, repetition, habit, neighbours, popularity } = explanation.terms;
  const terms = [
    ["Taste", taste, "fits the sequence so far"],
    ["Repetition", repetition, past],
    ["Habit", habit, "bought in baskets like this one"],
    ["Company", neighbours, "goes with the basket"],
    ["Popularity", popularity, "bought by everyone"],
  ];
  const longest = Math.max(1, ...terms.map(([, value]) => Math.abs(value)));
  byId("terms").replaceChildren(...terms.map(([name, value, meaning]) => term(name, meaning, value, longest)));

  const events = explanation.events
    .filter(({ effect }) => Math.abs(effect) >= LEAST_EFFECT)
    .sort((a, b) => Math.abs(b.effect) - Math.abs(a.effect))
    .slice(0, EVENTS_SHOWN);
  const most = Math.max(...events.map(({ effect }) => Math.abs(effect)));
  byId("events").replaceChildren(
    ...events.map((event) => eventRow(catalogue.get(event.item), event.effect, most, when(event.place))),
  );
  byId("no-events").hidden = events.length > 0;
}

function term(name, meaning, value, longest) {
  return el(
    "li",
    { class: "term" },
    el("span", { class: "name", text: name }),
    el("span", { class: "value", text: signed(value) }),
    el("span", { class: "bar", "aria-hidden": "true" }, fill(value, longest)),
    el("span", { class: "meaning", text: meaning }),
  );
}

function eventRow(product, effect, most, when) {
  return el(
    "li",
    { class: `event aisle-${product.aisle.id}` },
    pack(product),
    el("span", { class: "name", text: product.name }),
    el("span", { class: "when", text: when }),
    el("span", { class: "bar", "aria-hidden": "true" }, fill(effect, most)),
    el("span", { class: "value", text: `× ${times(Math.exp(effect))}` }),
  );
}

function fill(value, longest) {
  const fill = el("span", { class: value < 0 ? "fill minus" : "fill" });
  fill.style.setProperty("--share", (Math.abs(value) / longest).toFixed(4));
  return fill;
}

function signed(value) {
  const size = Math.abs(value).toFixed(1);
  if (size === "0.0") return "0";
  return value < 0 ? `−${size}` : `+${size}`;
}

function times(factor) {
  return factor < 10 ? factor.toFixed(2) : factor.toFixed(0);
}
