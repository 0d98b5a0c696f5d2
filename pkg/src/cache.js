// foreclick/cache: keeps model files in the browser's Cache API, each by its address and hash.
import { Decisions } from "./decisions.js";
import { failure, read, verify, within } from "./shared.js";

// Milliseconds that a first answer may wait for the storage.
const PATIENCE = 500;

export class ModelCache {
  #name;

  constructor(name = "foreclick") {
    if (typeof name !== "string") throw failure("argument", "a cache's name must be a string");
    this.#name = name;
  }

  // What Predictor.load calls.
  async read(source, { integrity, onProgress, signal }) {
    if (typeof source !== "string" && !(source instanceof URL)) throw failure("argument", "only a model with a URL is cached");
    if (!integrity) throw failure("argument", "cache needs integrity, the model's hash: it tells which version is wanted");
    const key = new URL(source, globalThis.location?.href);
    key.searchParams.set("integrity", integrity);
    const decisions = new Decisions([this.#name, key.href]);
    const kept = await this.#keptBytes(key, integrity);
    if (kept) {
      onProgress?.({ loaded: kept.length, total: kept.length });
      return { bytes: kept, from: "cache", decisions };
    }
    const bytes = await read(source, onProgress, signal);
    await verify(bytes, integrity);
    const response = new Response(bytes);
    const keeping = this.#use(async (cache) => {
      for (const { url } of await cache.keys(key, { ignoreSearch: true })) {
        const other = new URL(url);
        other.searchParams.set("integrity", integrity);
        other.searchParams.delete("cpu"); // see decisions.js
        // Another version of this model.
        if (other.href === key.href) await cache.delete(url);
      }
      await cache.put(key, response);
    });
    // A disk that is slow or stuck goes on by itself.
    await within(PATIENCE, keeping);
    return { bytes, from: "network", decisions };
  }

  async clear() {
    return Boolean(await attempt(() => caches.delete(this.#name)));
  }

  async #keptBytes(key, integrity) {
    const response = await this.#use((cache) => cache.match(key));
    if (!response) return undefined;
    try {
      const bytes = new Uint8Array(await response.arrayBuffer());
      await verify(bytes, integrity);
      return bytes;
    } catch {
      await this.#use((cache) => cache.delete(key));
      return undefined;
    }
  }

  #use(work) {
    return attempt(async () => work(await caches.open(this.#name)));
  }
}

// Storage may be missing, forbidden or full: then there is nothing kept, which is no error.
async function attempt(work) {
  try {
    return await work();
  } catch {
    return undefined;
  }
}
