// The shop's products, from the file that `foreclick export --items` writes beside the model.
import { AISLES, aisleOf } from "./aisles.js";
import { request } from "./loading.js";
import { categoryName, productName, sizeName } from "./words.js";

/** Reads the catalogue. */
export async function loadCatalogue(url) {
  const response = await request(url);
  return new Catalogue(await response.json());
}

const LEAST_TO_PLAY = 4;

class Catalogue {
  constructor({ columns, items, popular, sequences }) {
    const at = Object.fromEntries(columns.map((name, index) => [name, index]));
    this.products = new Map(Object.entries(items).map(([id, values]) => [id, product(id, values, at)]));
    this.popular = popular.filter((id) => this.products.has(id)).map((id) => this.products.get(id));
    // The one with the most to play back first.
    this.shoppers = sequences
      .map(({ events }) => holdBack(events))
      .sort((a, b) => b.next.length - a.next.length)
      .map(({ past, next }, index) => ({ name: `Shopper ${index + 1}`, past, next }));
    // Most bought first, then as the file has them.
    this.all = [...new Set([...this.popular, ...this.products.values()])];
    numberNamesakes(this.all);
    this.aisles = AISLES.map((aisle) => ({ ...aisle, products: this.all.filter((one) => one.aisle.id === aisle.id) }))
      .filter((aisle) => aisle.products.length > 0)
      .sort((a, b) => ORDER.indexOf(a.id) - ORDER.indexOf(b.id));
  }

  get(id) {
    return this.products.get(id) ?? unknown(id);
  }

  /** Products that have every word of `text` in their name, category or department. */
  search(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return this.all.filter((one) => words.every((word) => one.words.includes(word)));
  }
}

const ORDER =
  "produce dairy bakery meat deli fish frozen pantry breakfast snacks drinks baby home care pets kiosk".split(" ");

function product(id, values, at) {
  const value = (column) => values[at[column]] ?? "";
  const [department, category, type, size] = ["department", "product_category", "product_type", "package_size"].map(
    value,
  );
  const name = productName(department, category, type);
  const kind = categoryName(category || department);
  return {
    id,
    category,
    type,
    size,
    name,
    kind,
    department: categoryName(department),
    aisle: aisleOf(department, category),
    sizeName: sizeName(size, department),
    brand: value("brand") === "Private" ? "Store brand" : "National brand",
    words: `${name} ${kind} ${department} ${id}`.toLowerCase(),
  };
}

// Seventeen milks are all "Milk, 1 gal" to the log: from the second on they get a number.
function numberNamesakes(products) {
  const seen = new Map();
  for (const one of products) {
    const key = `${one.name}|${one.sizeName}|${one.brand}`;
    const number = (seen.get(key) ?? 0) + 1;
    seen.set(key, number);
    if (number > 1) one.name += ` #${number}`;
  }
}

// Sets a shopper's last basket apart: what they really bought next. A smaller one than LEAST_TO_PLAY is passed over.
function holdBack(events) {
  const baskets = [...Map.groupBy(events, (event) => event.group).values()];
  const last = baskets.findLast((basket) => basket.length >= LEAST_TO_PLAY) ?? baskets.at(-1);
  return { past: events.slice(0, events.indexOf(last[0])), next: last.map((event) => event.item) };
}

// A history may hold products that are too rare for the catalogue.
function unknown(id) {
  return {
    id,
    category: "",
    type: "",
    size: "",
    name: `Product ${id}`,
    kind: "Unknown",
    department: "Unknown",
    aisle: AISLES.at(-1),
    sizeName: "",
    brand: "",
    words: id,
  };
}
