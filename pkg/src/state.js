// foreclick/state: keeps a visitor's session on the device, from one page to the next. Documented in state.d.ts.
import { isBoolean, isFunction, isText, optional, readOptions } from "./options.js";
import { failure } from "./shared.js";
import { Database } from "./state/database.js";
import { eraseEverything, openChannel, tell } from "./state/everything.js";
import { Given } from "./state/given.js";
import { State } from "./state/state.js";

const hasAll = (value, ...names) => names.every((name) => isFunction(value?.[name]));
const isStore = (value) => hasAll(value, "get", "set", "delete", "keys");
const isName = (value) => isText(value) && /^[^/]+$/.test(value);

const WHERE = {
  name: ["default", isName, "a string with something in it, but no slash"],
  store: [undefined, optional(isStore), "an object with get, set, delete and keys, such as a Map"],
  also: [[], (value) => Array.isArray(value) && value.every((other) => hasAll(other, "clear")), "an array of what has a clear()"],
};
const OPTIONS = {
  ...WHERE,
  maxEvents: [500, (value) => Number.isInteger(value) && value >= 1 && value <= 2000, "a whole number from 1 to 2000"],
  maxAgeDays: [30, (value) => typeof value === "number" && value > 0 && value <= 400, "days above 0 and up to 400"],
  honorPrivacyControl: [true, isBoolean, "true or false"],
  personal: [false, isBoolean, "true or false"],
  onStatus: [() => {}, isFunction, "a function that takes the status"],
};

export async function openState(predictor, options) {
  const read = readOptions(options, OPTIONS);
  if (!hasAll(predictor, "observe", "reset", "free", "diagnostics")) {
    throw failure("argument", "openState() takes a predictor, of foreclick or foreclick/worker");
  }
  if (read.personal && !hasAll(predictor, "learn", "learned", "recall")) {
    throw failure("argument", "personal is true, expected a predictor that learns, of this version of foreclick");
  }
  return new State(read).begin(predictor, (onLost) => {
    const store = storeOf(read, onLost);
    if (!store) throw new Error("this browser offers no IndexedDB here");
    return store;
  });
}

export async function forget(options) {
  const { name, store, also } = readOptions(options, WHERE);
  try {
    await eraseEverything({ name, store: store && new Given(store, name), also });
  } finally {
    const channel = openChannel();
    tell(channel, undefined, "forget");
    channel?.close();
  }
}

function storeOf({ name, store }, onLost) {
  if (store) return new Given(store, name);
  // Where a policy forbids it, even its name throws.
  return globalThis.indexedDB && new Database(name, onLost);
}
