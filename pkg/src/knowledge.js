// foreclick/knowledge: rules and relations beside the model. Every member is documented in knowledge.d.ts.
import { compile } from "./knowledge/compile.js";
import { read } from "./knowledge/read.js";
import { checked, failure, get } from "./shared.js";

export class Knowledge {
  #source;
  #said;

  constructor(source) {
    let text;
    try {
      text = typeof source === "string" ? source : JSON.stringify(source);
      this.#source = JSON.parse(text ?? "null");
    } catch (error) {
      throw failure("knowledge", `knowledge: it is no JSON: ${error.message}; correct it`, error);
    }
    this.#said = read(this.#source);
  }

  get source() {
    return this.#source;
  }

  static async load(source, { signal } = {}) {
    const what = "knowledge file";
    const isAddress = typeof source === "string" || source instanceof URL;
    const response = isAddress ? await get(source, what, signal) : checked(source, what);
    if (!(response instanceof Response)) throw failure("argument", "Knowledge.load() takes a URL or a Response");
    let text;
    try {
      text = await response.text();
    } catch (error) {
      throw signal?.aborted ? signal.reason : failure("fetch", `${what}: the transfer broke off: ${error.message}`, error);
    }
    return new Knowledge(text);
  }

  // For a predictor: has what WebAssembly exports go by it.
  apply(inner) {
    const { words, summary, hasPrices, name } = compile(this.#said, inner.diagnostics().items, (item) => inner.id(item));
    inner.set_knowledge(words);
    return {
      summary,
      limit: (inner, { minPrice, maxPrice, ...options }) => {
        limit(inner, hasPrices, minPrice ?? NaN, maxPrice ?? NaN);
        return options;
      },
      name: (explanation) => {
        const { rules } = explanation;
        explanation.rules = Array.from({ length: rules.length / 2 }, (_, place) => ({ rule: name(rules[2 * place]), effect: rules[2 * place + 1] }));
      },
    };
  }
}

function limit(inner, hasPrices, min, max) {
  if (typeof min !== "number" || typeof max !== "number") throw failure("argument", "minPrice and maxPrice must be numbers");
  if (!hasPrices && !(Number.isNaN(min) && Number.isNaN(max))) {
    throw failure("argument", "minPrice and maxPrice need prices to hold them against; give the knowledge items with prices");
  }
  inner.limit(min, max);
}
