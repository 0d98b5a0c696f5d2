// The ranked next products: rows that glide to their new places.
import { byId, el, prefersStillness } from "./dom.js";
import { pack } from "./pack.js";

const GLIDE = { duration: 420, easing: "cubic-bezier(.2, .8, .2, 1)" };

export class Ranking {
  /** `add(product)` puts a row's product into the basket; `choose(product)` asks why it is there. */
  constructor({ add, choose }) {
    this.add = add;
    this.choose = choose;
    this.rows = new Map();
    this.list = byId("ranking");
  }

  /** Shows `entries` ({ product, probability }, best first); `chosen` is the id of the row being explained. */
  show(entries, chosen) {
    const before = new Map([...this.rows].map(([id, row]) => [id, row.getBoundingClientRect().top]));
    const focused = document.activeElement;
    const hadFocus = this.list.contains(focused);
    const rows = entries.map(({ product }) => this.rows.get(product.id) ?? this.#row(product));
    this.rows = new Map(entries.map(({ product }, index) => [product.id, rows[index]]));
    this.list.replaceChildren(...rows);
    entries.forEach((entry, index) =>
      fill(rows[index], entry, index, entries[0].probability, entry.product.id === chosen),
    );
    if (hadFocus) (this.list.contains(focused) ? focused : this.list.querySelector(".add"))?.focus();
    if (!prefersStillness()) for (const [id, row] of this.rows) glide(row, before.get(id));
  }

  #row(product) {
    return el(
      "li",
      { class: `row aisle-${product.aisle.id}`, "data-id": product.id },
      el(
        "button",
        { type: "button", class: "why-this", onclick: () => this.choose(product) },
        el("span", { class: "rank" }),
        pack(product),
        el(
          "span",
          { class: "words" },
          el("span", { class: "name", text: product.name }),
          el("span", { class: "detail", text: detail(product) }),
        ),
        el("span", { class: "bar", "aria-hidden": "true" }, el("span", { class: "fill" })),
        el("span", { class: "percent" }),
      ),
      el("button", {
        type: "button",
        class: "add",
        "aria-label": `Add ${product.name} to the basket`,
        text: "+",
        onclick: () => this.add(product),
      }),
    );
  }
}

/** A probability, for people. */
export function percent(probability) {
  const value = probability * 100;
  return `${value.toFixed(value < 10 ? 1 : 0)}%`;
}

function detail(product) {
  return [product.sizeName, product.brand.toLowerCase()].filter(Boolean).join(" · ");
}

function fill(row, { probability }, index, best, chosen) {
  row.querySelector(".rank").textContent = index + 1;
  row.querySelector(".percent").textContent = percent(probability);
  row.querySelector(".fill").style.setProperty("--share", (probability / best).toFixed(4));
  row.querySelector(".why-this").setAttribute("aria-pressed", String(chosen));
}

function glide(row, from) {
  if (from === undefined) {
    row.animate(
      [
        { opacity: 0, transform: "translateX(24px)" },
        { opacity: 1, transform: "none" },
      ],
      GLIDE,
    );
    return;
  }
  const distance = from - row.getBoundingClientRect().top;
  if (distance) row.animate([{ transform: `translateY(${distance}px)` }, { transform: "none" }], GLIDE);
}
