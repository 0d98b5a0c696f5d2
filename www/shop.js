// The shelves: aisles, categories, search, and tiles that put a product into the basket.
import { byId, el } from "./dom.js";
import { pack } from "./pack.js";

const PAGE = 24;
const MOST_BOUGHT = "popular";
const BOUGHT_BEFORE = "before";

export class Shop {
  /** `toggle(product)` is called when a tile is pressed. */
  constructor(catalogue, toggle) {
    this.catalogue = catalogue;
    this.toggle = toggle;
    this.aisle = MOST_BOUGHT;
    this.category = null;
    this.query = "";
    this.limit = PAGE;
    this.before = [];
    this.basket = [];
    this.ranks = new Map();
    byId("search").addEventListener("input", (event) => this.#search(event.target.value));
    byId("more").addEventListener("click", () => this.#more());
    this.#draw();
  }

  /** What the shopper bought in closed baskets; it gets an aisle of its own, which opens with `open`. */
  setBefore(products, open) {
    this.before = products;
    if (open) this.aisle = products.length > 0 ? BOUGHT_BEFORE : MOST_BOUGHT;
    else if (products.length === 0 && this.aisle === BOUGHT_BEFORE) this.aisle = MOST_BOUGHT;
    this.#draw();
  }

  /** Marks what is in the basket and what is predicted. */
  mark(basket, ranks) {
    this.basket = basket;
    this.ranks = ranks;
    for (const tile of byId("shelf").querySelectorAll(".tile")) this.#markTile(tile);
  }

  #search(query) {
    this.query = query.trim();
    this.limit = PAGE;
    this.#draw();
  }

  #open(aisle, category = null) {
    this.aisle = aisle;
    this.category = category;
    this.query = byId("search").value = "";
    this.limit = PAGE;
    this.#draw();
  }

  #more() {
    const shown = this.limit;
    this.limit += PAGE * 2;
    this.#draw();
    byId("shelf").children[shown]?.firstElementChild.focus();
  }

  #products() {
    if (this.query) return { title: `“${this.query}”`, products: this.catalogue.search(this.query) };
    if (this.aisle === MOST_BOUGHT) return { title: "Most bought", products: this.catalogue.popular };
    if (this.aisle === BOUGHT_BEFORE) return { title: "Bought before", products: this.before };
    const { name, products } = this.catalogue.aisles.find((aisle) => aisle.id === this.aisle);
    if (!this.category) return { title: name, products };
    return { title: this.category, products: products.filter((product) => product.kind === this.category) };
  }

  #draw() {
    const { title, products } = this.#products();
    this.#drawAisles();
    this.#drawCategories();
    byId("shelf-title").textContent = title;
    byId("shelf-count").textContent = count(products.length);
    byId("shelf").replaceChildren(...products.slice(0, this.limit).map((product) => this.#tile(product)));
    byId("nothing").hidden = products.length > 0;
    byId("more").hidden = products.length <= this.limit;
  }

  #drawAisles() {
    const aisles = [
      this.before.length > 0 && { id: BOUGHT_BEFORE, name: "Bought before" },
      { id: MOST_BOUGHT, name: "Most bought" },
      ...this.catalogue.aisles,
    ].filter(Boolean);
    const focused = document.activeElement?.dataset.aisle;
    byId("aisles").replaceChildren(
      ...aisles.map(({ id, name }) => {
        const current = !this.query && id === this.aisle;
        return el(
          "li",
          {},
          el("button", {
            type: "button",
            class: "aisle",
            text: name,
            "data-aisle": id,
            "aria-pressed": String(current),
            onclick: () => this.#open(id),
          }),
        );
      }),
    );
    if (focused) byId("aisles").querySelector(`[data-aisle="${focused}"]`)?.focus();
  }

  #drawCategories() {
    const aisle = this.catalogue.aisles.find(({ id }) => id === this.aisle);
    const sizes = new Map();
    for (const { kind } of this.query ? [] : (aisle?.products ?? [])) sizes.set(kind, (sizes.get(kind) ?? 0) + 1);
    const names = [...sizes]
      .sort((a, b) => b[1] - a[1])
      .map(([name]) => name)
      .slice(0, 12);
    const focused = document.activeElement?.dataset.category;
    byId("categories").hidden = names.length < 2;
    byId("categories").replaceChildren(
      ...names.map((name) =>
        el(
          "li",
          {},
          el("button", {
            type: "button",
            class: "category",
            text: name,
            "data-category": name,
            "aria-pressed": String(name === this.category),
            onclick: () => this.#open(this.aisle, name === this.category ? null : name),
          }),
        ),
      ),
    );
    if (focused)
      [...byId("categories").querySelectorAll("button")].find((one) => one.dataset.category === focused)?.focus();
  }

  #tile(product) {
    const tile = el(
      "button",
      {
        type: "button",
        class: `tile aisle-${product.aisle.id}`,
        "data-id": product.id,
        onclick: () => this.toggle(product),
      },
      el("span", { class: "picture" }, pack(product)),
      el("span", { class: "name", text: product.name }),
      el("span", {
        class: "detail",
        text: [product.sizeName, product.brand.toLowerCase()].filter(Boolean).join(" · "),
      }),
      el("span", { class: "badge", "aria-hidden": "true" }),
    );
    this.#markTile(tile);
    return el("li", {}, tile);
  }

  #markTile(tile) {
    const inBasket = this.basket.includes(tile.dataset.id);
    const rank = this.ranks.get(tile.dataset.id);
    tile.setAttribute("aria-pressed", String(inBasket));
    tile.classList.toggle("likely", Boolean(rank));
    tile.querySelector(".badge").textContent = inBasket ? "In basket" : rank ? `Next ${rank}` : "";
  }
}

function count(number) {
  return number === 1 ? "1 product" : `${number.toLocaleString("en")} products`;
}
