// Options of the entries: their defaults, and errors for wrong ones.
import { failure } from "./shared.js";

export const isFunction = (value) => typeof value === "function";
export const isBoolean = (value) => typeof value === "boolean";
export const isText = (value) => typeof value === "string";
export const isPart = (value) => typeof value === "number" && value > 0 && value <= 1;
export const optional = (fits) => (value) => value === undefined || fits(value);

// `known` has of each option its default, what fits, and that in words.
export function readOptions(given, known) {
  for (const name in given) {
    if (!(name in known)) throw failure("argument", `unknown option ${name}, expected ${Object.keys(known).join(", ")}`);
  }
  const read = ([name, [fallback, fits, expected]]) => {
    const value = given?.[name] ?? fallback;
    if (!fits(value)) throw failure("argument", `${name} is ${String(value)}, expected ${expected}`);
    return [name, value];
  };
  return Object.fromEntries(Object.entries(known).map(read));
}
