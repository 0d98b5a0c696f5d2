// short_imports.js WASM GLUE: gives the functions that WebAssembly imports short names, in the file and in the script of
// wasm-bindgen, whose own names end in sixteen random digits that no compression makes smaller.
import { readFileSync, writeFileSync } from "node:fs";
import { encoded, rewriteSections } from "./wasm_sections.js";

const IMPORTS = 2; // the section's number
const FUNCTION = 0; // an import's kind

const [wasm, glue] = process.argv.slice(2);
const names = [];
const bytes = rewriteSections(readFileSync(wasm), (id, reader) => (id === IMPORTS ? shortened(reader) : undefined));
let script = readFileSync(glue, "utf8");
names.forEach((name, place) => {
  const parts = script.split(`${name}: function(`);
  if (parts.length !== 2) throw new Error(`${glue} defines ${name} ${parts.length - 1} times, expected once`);
  script = parts.join(`${short(place)}: function(`);
});
writeFileSync(wasm, bytes);
writeFileSync(glue, script);

/** The section of imports with short names. */
function shortened(reader) {
  const count = reader.number();
  const parts = [Buffer.from(encoded(count))];
  for (let place = 0; place < count; place++) {
    const module = reader.text();
    names.push(reader.text());
    if (reader.bytes[reader.at++] !== FUNCTION) throw new Error(`${wasm} imports ${names.at(-1)}, expected functions only`);
    parts.push(named(module), named(short(place)), Buffer.from([FUNCTION, ...encoded(reader.number())]));
  }
  return Buffer.concat(parts);
}

function short(place) {
  return `_${place.toString(36)}`;
}

function named(text) {
  return Buffer.from([...encoded(text.length), ...Buffer.from(text)]);
}
