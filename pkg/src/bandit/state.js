// Numbers as text, and checks of what was stored or fetched. f64 values are their bytes, the lowest first, in Base64: JSON
// would take twice as many bytes for as many digits.
import { failure } from "../shared.js";
import { triangle } from "./linear.js";

export function encode(values) {
  const view = new DataView(new ArrayBuffer(8 * values.length));
  values.forEach((value, place) => view.setFloat64(8 * place, value, true));
  return btoa(Array.from(new Uint8Array(view.buffer), (byte) => String.fromCharCode(byte)).join(""));
}

export function decode(text, count, what) {
  let bytes;
  try {
    bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    throw failure("format", `${what} is no Base64`);
  }
  if (bytes.length !== 8 * count) throw failure("format", `${what} has ${bytes.length} bytes, expected ${8 * count}`);
  const view = new DataView(bytes.buffer);
  const values = Float64Array.from({ length: count }, (_, place) => view.getFloat64(8 * place, true));
  if (!values.every(Number.isFinite)) throw failure("format", `${what} has a value that is not finite`);
  return values;
}

// At most so many bytes does a state have: 8 for each number, in Base64, and what stands around them.
export function stateBytes(actions, size, pending) {
  const text = (numbers) => 4 * Math.ceil((8 * numbers) / 3);
  const longest = Math.max(...actions.map((action) => JSON.stringify(action).length));
  const ofActions = actions.reduce((sum, action) => sum + JSON.stringify(action).length + 100 + text(triangle(size)) + text(size), 0);
  return 400 + ofActions + pending * (text(size) + longest + 110);
}

export function check(condition, what) {
  if (!condition) throw failure("format", what);
}

export const isCount = (value) => Number.isFinite(value) && value >= 0;
export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
export const isNumbers = (value, count) => Array.isArray(value) && value.length === count && value.every(Number.isFinite);

// Says where a policy's file is not one.
export function checkPolicy(file) {
  const fix = "write it with `foreclick policy train`, and give what JSON.parse makes of it";
  check(isObject(file) && file.foreclick === "policy", `start is no policy; ${fix}`);
  if (file.version !== 1) throw failure("version", `policy: version ${file.version}, expected 1; train it again`);
  const { columns, rank, center, scale, deviation, base, ridge, actions } = file;
  const isContext = Array.isArray(columns) && isNumbers(center, columns.length) && isNumbers(scale, columns.length);
  check(isContext && Number.isInteger(rank) && rank >= 0 && rank <= columns.length, `policy: columns, center, scale and rank don't fit; ${fix}`);
  check(isCount(deviation) && Number.isFinite(base) && ridge > 0 && Number.isFinite(ridge), `policy: deviation, base or ridge is no number; ${fix}`);
  check(Array.isArray(actions) && actions.every((action) => typeof action?.id === "string"), `policy: actions without id; ${fix}`);
}
