// Rows in a store that the page has given, or in a Map where nothing else goes.
import { within } from "./within.js";

export class Given {
  isWatched = false;
  #store;
  #prefix;

  constructor(store, name) {
    this.#store = store;
    this.#prefix = `foreclick/${name}/`;
  }

  get title() {
    return "the page's own store";
  }

  async prepare() {}

  async keys() {
    const keys = [...(await within(this.#store.keys()))];
    return keys.filter((key) => typeof key === "string" && key.startsWith(this.#prefix)).map((key) => key.slice(this.#prefix.length));
  }

  read(keys) {
    return within(Promise.all(keys.map((key) => this.#store.get(this.#prefix + key))));
  }

  async write(pairs) {
    let givenUp = false;
    const write = async ([key, value]) => {
      await this.#store.set(this.#prefix + key, value);
      // Nobody counts on it any more, and all may have been erased since.
      if (givenUp) await this.#store.delete(this.#prefix + key);
    };
    const writes = pairs.map(write);
    try {
      await within(Promise.all(writes));
    } catch (error) {
      givenUp = true;
      writes.forEach((late) => late.catch(() => {}));
      throw error;
    }
  }

  async remove(keys) {
    await within(Promise.all(keys.map((key) => this.#store.delete(this.#prefix + key))));
  }

  // The lock holds other tabs off. Pages on plain http have none: there the last to write wins.
  async update(key, change) {
    const work = async () => {
      const [value] = await this.read([key]);
      const changed = change(value);
      await (changed === undefined ? this.remove([key]) : this.write([[key, changed]]));
    };
    const { locks } = globalThis.navigator ?? {};
    await (locks ? locks.request(this.#prefix + key, work) : work());
  }

  async erase() {
    await this.remove(await this.keys());
  }

  close() {}
}
