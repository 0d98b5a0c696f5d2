// short_imports.js WASM GLUE: gives the functions that WebAssembly imports short names, in the file and in the script of
// wasm-bindgen, whose own names end in sixteen random digits that no compression makes smaller.
import { readFileSync, writeFileSync } from "node:fs";

const HEADER = 8; // the magic number and the version
const IMPORTS = 2; // the section's number
const FUNCTION = 0; // an import's kind

const [wasm, glue] = process.argv.slice(2);
const bytes = readFileSync(wasm);
let at = HEADER;
const sections = [bytes.subarray(0, HEADER)];
const names = [];
while (at < bytes.length) {
  const start = at;
  const id = bytes[at++];
  const end = readNumber() + at;
  sections.push(id === IMPORTS ? shortened() : bytes.subarray(start, end));
  at = end;
}
let script = readFileSync(glue, "utf8");
names.forEach((name, place) => {
  const parts = script.split(`${name}: function(`);
  if (parts.length !== 2) throw new Error(`${glue} defines ${name} ${parts.length - 1} times, expected once`);
  script = parts.join(`${short(place)}: function(`);
});
writeFileSync(wasm, Buffer.concat(sections));
writeFileSync(glue, script);

/** The section of imports with short names. */
function shortened() {
  const count = readNumber();
  const parts = [Buffer.from(encoded(count))];
  for (let place = 0; place < count; place++) {
    const module = readText();
    names.push(readText());
    if (bytes[at++] !== FUNCTION) throw new Error(`${wasm} imports ${names.at(-1)}, expected functions only`);
    parts.push(named(module), named(short(place)), Buffer.from([FUNCTION, ...encoded(readNumber())]));
  }
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([IMPORTS, ...encoded(body.length)]), body]);
}

function short(place) {
  return `_${place.toString(36)}`;
}

/** A number as WebAssembly writes it: seven bits a byte, the lowest first. */
function readNumber() {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    value |= (byte & 127) << shift;
    if (byte < 128) return value;
  }
}

function encoded(value) {
  return value < 128 ? [value] : [(value & 127) | 128, ...encoded(value >>> 7)];
}

function readText() {
  const length = readNumber();
  at += length;
  return bytes.toString("utf8", at - length, at);
}

function named(text) {
  return Buffer.from([...encoded(text.length), ...Buffer.from(text)]);
}
