// quiet_panics.js WASM: lets what Rust calls in a panic trap at once. It would only write a message to an output that pages do
// not have, and trap then. So no caller needs to say what is wrong and where, which the optimiser leaves out; the places in the
// source are made zeros here. Needs the names of functions, so it runs before wasm-opt.
import { readFileSync, writeFileSync } from "node:fs";
import { Reader, encoded, rewriteSections } from "./wasm_sections.js";

// The sections' numbers.
const CUSTOM = 0;
const IMPORTS = 2;
const CODE = 10;
const DATA = 11;
const FUNCTION_NAMES = 1; // a part of the section "name"
const FUNCTION = 0; // an import's kind
const IN_MEMORY = 0; // a data segment's kind: an address, then bytes
const TRAP = Buffer.from([3, 0, 0x00, 0x0b]); // a function's length, its locals, unreachable, its end

// Functions of Rust's library that never return, by which all panics go.
const PANIC =
  /\bcore(\[\w+\])?::panicking::|panic_already|(slice_index|len_mismatch)_fail|(assert|unwrap|expect)_failed\b|capacity_overflow|handle_(alloc_)?error\b/;
// A place in the source: the addresses of its file's name, the name's length, the line and the column.
const LOCATION = 16;

const [wasm] = process.argv.slice(2);
const names = [];
let imports = 0;
const quiet = [];
const segments = [];
const original = readFileSync(wasm);
rewriteSections(original, (id, reader) => {
  if (id === IMPORTS) countImports(reader);
  if (id === CUSTOM && reader.text() === "name") readNames(reader);
});
const trapping = rewriteSections(original, (id, reader) => (id === CODE ? withTraps(reader) : undefined));
rewriteSections(trapping, (id, reader) => {
  if (id === DATA) readSegments(reader);
});
const locations = segments.flatMap(({ bytes, address }) => clearLocations(bytes, address));
for (const name of locations) name.fill(0);
if (!quiet.some((name) => name.endsWith("panic_fmt")) || locations.length === 0) {
  throw new Error(`${wasm}: ${quiet.length} functions of panics and ${locations.length} places in the source, expected some`);
}
writeFileSync(wasm, trapping);

function countImports(reader) {
  for (let left = reader.number(); left > 0; left--) {
    reader.text();
    reader.text();
    if (reader.bytes[reader.at++] !== FUNCTION) throw new Error(`${wasm}: expected imports of functions only`);
    reader.number();
    imports++;
  }
}

function readNames(reader) {
  while (reader.at < reader.bytes.length) {
    const part = reader.bytes[reader.at++];
    const body = new Reader(reader.part(), 0);
    if (part !== FUNCTION_NAMES) continue;
    for (let left = body.number(); left > 0; left--) names[body.number()] = body.text();
  }
}

/** The section of code, where each function of a panic only traps. */
function withTraps(reader) {
  const count = reader.number();
  const parts = [Buffer.from(encoded(count))];
  for (let place = imports; place < imports + count; place++) {
    const start = reader.at;
    reader.part();
    const isPanic = PANIC.test(names[place]);
    if (isPanic) quiet.push(names[place].replace(/::h[0-9a-f]{16}$/, ""));
    parts.push(isPanic ? TRAP : reader.bytes.subarray(start, reader.at));
  }
  return Buffer.concat(parts);
}

function readSegments(reader) {
  for (let left = reader.number(); left > 0; left--) {
    if (reader.number() !== IN_MEMORY) throw new Error(`${wasm}: expected data with addresses only`);
    reader.at++; // i32.const
    const address = reader.number();
    reader.at++; // the expression's end
    segments.push({ address, bytes: reader.part() });
  }
}

/** Makes the segment's places in the source zeros; returns the names of their files. */
function clearLocations(bytes, address) {
  const files = [];
  for (let at = -address & 3; at + LOCATION <= bytes.length; at += 4) {
    const [start, length, line, column] = [0, 4, 8, 12].map((word) => bytes.readUInt32LE(at + word));
    const file = line < 100_000 && column < 1000 ? textAt(start, length) : undefined;
    if (!file?.toString("latin1").endsWith(".rs")) continue;
    bytes.fill(0, at, at + LOCATION);
    files.push(file);
  }
  return files;
}

function textAt(start, length) {
  for (const { address, bytes } of segments) {
    if (start >= address && start + length <= address + bytes.length) {
      return bytes.subarray(start - address, start - address + length);
    }
  }
}
