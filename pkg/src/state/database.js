// Rows in IndexedDB. Each call is one transaction: a tab that is killed leaves all of it or nothing.
import { within } from "./within.js";

const STORE = "rows";
// Its own, for good: what is stored has its format in its keys.
const VERSION = 1;
export const PREFIX = "foreclick.";

export class Database {
  // Whether all tabs learn of an erasure: the browser tells those that have it open.
  isWatched = true;
  #name;
  #onLost;
  #db;
  #opening;
  #turn = 0; // counts erasures

  constructor(name, onLost) {
    this.#name = PREFIX + name;
    this.#onLost = onLost;
  }

  get title() {
    return `IndexedDB, ${this.#name}`;
  }

  // So that the first event is kept even where it leads to another page at once. Once erased, the database is made anew
  // only where there is something to keep.
  async prepare() {
    await this.#open(true);
  }

  async keys() {
    const request = await this.#use("readonly", false, (rows) => rows.getAllKeys());
    return request?.result ?? [];
  }

  async read(keys) {
    const requests = await this.#use("readonly", false, (rows) => keys.map((key) => rows.get(key)));
    return keys.map((_, place) => requests?.[place].result);
  }

  write(pairs) {
    return this.#use("readwrite", true, (rows, transaction) => {
      for (const [key, value] of pairs) rows.put(value, key);
      // The page may be gone before the browser would commit by itself.
      transaction.commit?.();
    });
  }

  remove(keys) {
    return this.#use("readwrite", false, (rows) => {
      for (const key of keys) rows.delete(key);
    });
  }

  // Within the transaction no other tab can write.
  update(key, change) {
    return this.#use("readwrite", true, (rows) => {
      rows.get(key).onsuccess = ({ target }) => {
        const value = change(target.result);
        if (value === undefined) rows.delete(key);
        else rows.put(value, key);
      };
    });
  }

  // Resolves once it is gone, for every tab: each closes its connection when the browser asks.
  async erase() {
    this.#turn++;
    if (this.#opening) await this.#opening.catch(() => {});
    this.close();
    await eraseDatabase(this.#name);
  }

  // Transactions under way are finished first.
  close() {
    this.#db?.close();
    this.#db = undefined;
  }

  // Without a wait where it is open, so that a page that is being left can still write. Nothing where there is none.
  async #use(mode, isMaker, work) {
    const turn = this.#turn;
    const db = this.#db ?? (await this.#open(isMaker));
    // Nor does what was begun before an erasure come after it.
    if (!db || turn !== this.#turn) return undefined;
    const transaction = db.transaction(STORE, mode, { durability: "relaxed" });
    const ended = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error ?? new Error("the transaction was given up"));
    });
    const requests = work(transaction.objectStore(STORE), transaction);
    await within(ended);
    return requests;
  }

  async #open(isMaker) {
    while (this.#opening) await this.#opening.catch(() => {});
    if (this.#db) return this.#db;
    // Some browsers, some days, never answer.
    this.#opening = within(openDatabase(this.#name, isMaker));
    try {
      const db = await this.#opening;
      return db && this.#watch(db);
    } finally {
      this.#opening = undefined;
    }
  }

  #watch(db) {
    const lose = () => {
      db.close();
      if (this.#db !== db) return;
      this.#db = undefined;
      this.#turn++;
      this.#onLost();
    };
    db.onversionchange = lose;
    db.onclose = lose;
    this.#db = db;
    return db;
  }
}

// Opening makes one; taken back before it is done, it leaves none.
function openDatabase(name, isMaker) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, VERSION);
    request.onupgradeneeded = () => {
      if (isMaker) request.result.createObjectStore(STORE);
      else request.transaction.abort();
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => (request.error.name === "AbortError" && !isMaker ? resolve() : reject(request.error));
  });
}

function eraseDatabase(name) {
  const erased = new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => resolve();
    request.onerror = () => reject(request.error);
  });
  return within(erased);
}

/** Erases all that foreclick has in IndexedDB, whatever its names. Browsers that list none have only this one looked for. */
export async function eraseDatabases(name) {
  if (!globalThis.indexedDB) return;
  const listed = (await indexedDB.databases?.().catch(() => [])) ?? [];
  const names = listed.map(({ name }) => name).filter((name) => name.startsWith(PREFIX));
  await Promise.all([...new Set([PREFIX + name, ...names])].map(eraseDatabase));
}
