// Hostile and damaged model files: an error with a reason for each, and the page goes on.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { MODEL, onPage, start } from "./harness.js";

let site;
before(async () => {
  site = await start();
});
after(() => site?.stop());

const FILE = readFileSync(MODEL);
const HEADER_END = 8 + Number(FILE.readBigUInt64LE(0));
const HEADER = JSON.parse(FILE.subarray(8, HEADER_END));
const TENSORS = Object.entries(HEADER).filter(([name]) => name !== "__metadata__");

/** A file with another header before the same tensors. */
function withHeader(header) {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  return Buffer.concat([length(json.length), json, FILE.subarray(HEADER_END)]);
}

/** A file whose description of the model was changed by `change`. */
function withDescription(change) {
  const description = JSON.parse(HEADER.__metadata__.foreclick);
  change(description);
  return withHeader({ ...HEADER, __metadata__: { foreclick: JSON.stringify(description) } });
}

function length(bytes) {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt(bytes));
  return buffer;
}

/** A copy with these bytes written over the file's. */
function patched(offset, bytes) {
  const copy = Buffer.from(FILE);
  copy.set(bytes, offset);
  return copy;
}

/** Loads every file in one page; fails unless each gives `code` (a pattern), and the good file still loads after. */
async function refuse(files, code) {
  await onPage(site, async (page) => {
    for (const [name, bytes] of files) {
      const got = await page.evaluate(load, bytes.toString("base64"));
      assert.match(got, code, name);
    }
    assert.equal(await page.evaluate(load, FILE.toString("base64")), "loaded", "the instance goes on");
  });
}

async function load(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  try {
    const predictor = await foreclick.Predictor.load(bytes, { backend: "cpu" });
    predictor.observe({ item: "0000001" });
    await predictor.predict();
    predictor.free();
    return "loaded";
  } catch ({ code, message }) {
    return `${code}: ${message}`;
  }
}

test("a file cut at any border is refused", async () => {
  const borders = TENSORS.flatMap(([, { data_offsets }]) => data_offsets.map((offset) => HEADER_END + offset));
  const cuts = [0, 1, 7, 8, 9, HEADER_END - 1, HEADER_END, ...borders, ...borders.map((border) => border - 1)];
  const inside = [...new Set(cuts)].filter((cut) => cut < FILE.length);
  assert.ok(inside.length > 40, "the file has many borders");
  await refuse(
    inside.map((cut) => [`cut at ${cut}`, FILE.subarray(0, cut)]),
    /^format: model file: .*(cut|fetch it again|gap|export)/,
  );
});

test("what is no model is refused", async () => {
  await refuse(
    [
      ["a web page", Buffer.from("<!doctype html><title>404</title>")],
      ["a zip", Buffer.concat([Buffer.from("PK\x03\x04"), Buffer.alloc(5000)])],
      ["zeros", Buffer.alloc(5000)],
      ["a header of 2^60 bytes", patched(0, length(2 ** 60))],
      ["a header of 2^63 bytes", patched(0, length(2n ** 63n))],
      ["a foreign tail", Buffer.concat([FILE, Buffer.from("tail")])],
      ["no JSON", withHeader("not JSON")],
      ["deep JSON", withHeader("[".repeat(100_000))],
      ["no UTF-8", patched(9, [0xff])],
      ["another's safetensors", withHeader({ ...HEADER, __metadata__: { format: "pt" } })],
    ],
    /^format: model file: /,
  );
});

test("headers that lie are refused", async () => {
  const [[name, tensor], [other]] = TENSORS;
  const lie = (change) => withHeader({ ...HEADER, [name]: { ...tensor, ...change } });
  const [start, end] = tensor.data_offsets;
  await refuse(
    [
      ["a tensor of 2^60 rows", lie({ shape: [2 ** 60, 2 ** 60] })],
      ["a tensor up to byte 2^60", lie({ data_offsets: [start, 2 ** 60] })],
      ["a tensor that ends before it begins", lie({ data_offsets: [end, start] })],
      ["negative offsets", lie({ data_offsets: [-1, end] })],
      ["three axes", lie({ shape: [1, 1, tensor.shape[0]] })],
      ["another type", lie({ dtype: "F64" })],
      ["a gap", lie({ data_offsets: [start, end - 4], shape: [tensor.shape[0] - 1, ...tensor.shape.slice(1)] })],
      ["a missing tensor", withHeader(JSON.stringify(HEADER).replace(`"${other}"`, `"${other}x"`))],
      ["two of one name", withHeader(JSON.stringify(HEADER).replace(`"${other}"`, `"${name}"`))],
      ["an unknown key", lie({ colour: "red" })],
    ],
    /^format: model file: /,
  );
});

test("a file from the future is told from a damaged one", async () => {
  let now;
  const future = withDescription((description) => {
    now = description.format_version++;
    description.new_thing = {};
  });
  const [[name, tensor]] = TENSORS;
  const { __metadata__ } = JSON.parse(future.subarray(8, 8 + Number(future.readBigUInt64LE(0))));
  const newType = withHeader({ ...HEADER, __metadata__, [name]: { ...tensor, dtype: "I4" } });
  const told = new RegExp(`^version: .*format version ${now + 1}, expected ${now}`);
  await refuse([["a later version", future], ["a type of a later version", newType]], told);
});

test("descriptions that contradict the tensors or themselves are refused", async () => {
  const change = (name, set) => [name, withDescription(set)];
  await refuse(
    [
      change("hidden 2^53", ({ architecture }) => (architecture.hidden = 2 ** 53)),
      change("hidden 64", ({ architecture }) => (architecture.hidden = 64)),
      change("no heads", ({ architecture }) => (architecture.heads = 0)),
      change("more blocks", ({ architecture }) => (architecture.blocks += 1)),
      change("endless memory", ({ architecture }) => (architecture.max_len = 2 ** 31)),
      change("decay 0", ({ architecture }) => (architecture.counting.decay = 0)),
      change("4 bits", (description) => (description.bits = 4)),
      change("no task", ({ schema }) => Object.assign(schema, { tasks: [], heads: [] })),
      change("a head twice", ({ schema }) => schema.heads.push(schema.heads[0])),
      change("a threshold of 2", ({ schema }) => (schema.heads[0].kind.binary.threshold = 2)),
      change("a class more", ({ schema }) => schema.heads[1].kind.classes.names.push("mad")),
      change("one class", ({ schema }) => (schema.heads[1].kind.classes.names = ["calm"])),
      change("a number that never differs", ({ schema }) => (schema.heads[2].kind.number.std = 0)),
      change("another head", ({ schema }) => schema.heads.push({ ...schema.heads[0], name: "other" })),
      change("another field", ({ schema }) => schema.fields.push(schema.fields[0])),
      change("a list for a number", ({ schema }) => (schema.fields[2].kind.number.std = [])),
      change("std 0", ({ schema }) => (schema.fields[2].kind.number.std = 0)),
      change("two kinds of field", ({ schema }) => (schema.fields[1].kind.text = { buckets: 3 })),
      change("a table of no rows", ({ schema }) => (schema.fields[0].kind.text.buckets = 0)),
      change("another table", ({ schema }) => (schema.fields[0].kind.text.buckets += 1)),
      change("a vector of another size", ({ schema }) => schema.fields[4].kind.vector.mean.push(0)),
      change("a text that lasts", ({ schema }) => (schema.fields[0].missing = "last")),
      change("groups are filtered but not there", ({ schema }) => (schema.has_group = false)),
    ],
    /^(format|schema): /,
  );
});

test("tensors with impossible contents are refused", async () => {
  const at = (name, value) => patched(HEADER_END + HEADER[name].data_offsets[0], value);
  const nan = [0x00, 0x00, 0xc0, 0x7f];
  await refuse(
    [
      ["NaN weights", at("blocks.0.qkv.scale", nan)],
      ["NaN biases", at("items.bias.scale", nan)],
      ["keys of no letters", at("vocab.sizes", [1, 0, 0, 0])],
      ["letters that are no text", at("vocab.letters", [0xff])],
      ["keys out of order", at("vocab.high", [0, 0])],
      ["a neighbour out of range", at("neighbours.items", [0xff, 0xff])],
      ["neighbours out of range", at("neighbours.counts", [0xff, 0xff])],
    ],
    /^format: model file: /,
  );
});

test("a thousand random faults never crash the instance", async () => {
  let seed = 1;
  const random = (limit) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * limit);
  };
  const faults = Array.from({ length: 1000 }, (_, place) => {
    // Half of them in the header, where they hurt most.
    const limit = place % 2 ? FILE.length : HEADER_END;
    return Array.from({ length: 1 + random(4) }, () => [random(limit), random(256)]);
  });
  await onPage(site, async (page) => {
    const outcomes = await page.evaluate(
      async ({ base64, faults }) => {
        const good = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
        const outcomes = {};
        for (const fault of faults) {
          const bytes = good.slice();
          for (const [offset, value] of fault) bytes[offset] = value;
          const outcome = await foreclick.Predictor.load(bytes, { backend: "cpu" }).then(
            async (predictor) => {
              predictor.observe({ item: "0000001" });
              const { code } = await predictor.predict().catch((error) => error);
              predictor.free();
              return code ?? "loaded";
            },
            ({ code }) => code,
          );
          outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
        }
        return outcomes;
      },
      { base64: FILE.toString("base64"), faults },
    );
    const allowed = ["loaded", "format", "schema", "version"];
    assert.deepEqual(
      Object.keys(outcomes).filter((outcome) => !allowed.includes(outcome)),
      [],
      JSON.stringify(outcomes),
    );
    assert.ok(outcomes.loaded > 50 && outcomes.format > 300, JSON.stringify(outcomes));
  });
});
