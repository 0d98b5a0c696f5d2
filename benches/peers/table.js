// What the run found, as tables; and whether foreclick is as far ahead as it is to be.
const CPU = ["ONNX Runtime Web, wasm", "TensorFlow.js, wasm"];
// No runtime, and what loading the int8 model could at best take.
export const FILES = "its files, transferred";
const TARGETS = { bytes: 35, load: 20, cpu: 3, gpu: 20 };

/** One event and the prediction after it, in milliseconds: a peer's prediction runs over the whole history anew. */
export const total = ({ both, predict }) => (both ?? predict)?.p50;

export function print({ machine, chromium, adapter, runtimes, results, date }) {
  const names = Object.keys(runtimes);
  const sizes = [...new Set(results.map(({ items }) => items))];
  const shapes = [...new Set(results.map(({ hidden, history }) => `${hidden} ${history}`))].map((key) => key.split(" ").map(Number));
  console.log(`${machine.cpu}, ${machine.cores} cores; Chromium ${chromium}, one thread; GPU: ${adapter}; ${date}\n`);
  console.log("What a page loads before the model, gzip -9");
  for (const name of names) line(name, bytes(runtimes[name]));
  for (const [hidden, history] of shapes) {
    const find = (name, items) =>
      results.find((row) => row.name === name && row.items === items && row.hidden === hidden && row.history === history);
    const table = (title, cell) => {
      console.log(`\n${title}`);
      line("items", ...sizes.map((items) => items.toLocaleString("en")));
      for (const name of names) line(name, ...sizes.map((items) => cell(find(name, items) ?? { failed: "not run" })));
    };
    console.log(`\n== ${hidden} values an item, a history of ${history}`);
    table("load to first prediction", ({ loaded, failed }) => (failed ? "failed" : duration(loaded)));
    table("an event, 50th / 95th percentile", ({ observe }) => (observe ? range(observe) : "-"));
    table("a prediction, 50th / 95th percentile", ({ predict, failed }) => (failed ? "failed" : predict ? range(predict) : "-"));
    table("an event and the prediction after it", ({ both, predict, failed }) => (failed ? "failed" : predict ? range(both ?? predict) : "-"));
    table("the page's process grew by", ({ memory_bytes, failed }) => (failed || !memory_bytes ? "-" : bytes(memory_bytes)));
    table("model file", ({ model_bytes }) => (model_bytes ? bytes(model_bytes) : "-"));
  }
  const failures = results.filter(({ failed }) => failed);
  if (failures.length > 0) console.log("\nFailed");
  for (const { name, items, hidden, history, failed } of failures) {
    console.log(`${name}, ${items.toLocaleString("en")} x ${hidden}, history ${history}: ${failed}`);
  }
  printTargets(runtimes, results);
}

function printTargets(runtimes, results) {
  const key = ({ items, hidden, history }) => `${items.toLocaleString("en")} x ${hidden}, history ${history}`;
  const of = (name) => new Map(results.filter((row) => row.name === name && !row.failed).map((row) => [key(row), row]));
  /** The smallest of how many times more the peers' best needs, and where. */
  const ahead = (ours, peers, measure) => {
    const others = peers.map(of);
    let worst = { times: Infinity };
    for (const [where, row] of of(ours)) {
      const best = Math.min(...others.map((peer) => measure(peer.get(where) ?? {}) ?? Infinity));
      const times = best / measure(row);
      if (times < worst.times) worst = { times, where };
    }
    return worst;
  };
  const loaded = ({ loaded }) => loaded;
  const [ort] = CPU;
  // No number where one of the two was left out.
  const lighter = runtimes[ort] / runtimes["foreclick int8"] || undefined;
  const rows = [
    ["runtime's bytes, beside ONNX Runtime Web's", { times: lighter, where: lighter && "gzip -9" }, TARGETS.bytes],
    ["load to first prediction, beside the same", ahead("foreclick int8", [ort], loaded), TARGETS.load],
    ["its files alone, transferred, beside the same", ahead(FILES, [ort], loaded)],
    ["event and prediction, CPU, int8, beside the best", ahead("foreclick int8", CPU, total), TARGETS.cpu],
    ["event and prediction, CPU, int4, beside the best", ahead("foreclick int4", CPU, total), TARGETS.cpu],
    ["ours as it chooses (CPU), beside ORT's WebGPU", ahead("foreclick int8", ["ONNX Runtime Web, WebGPU"], total), TARGETS.gpu],
    ["our WebGPU, beside ORT's WebGPU", ahead("foreclick, WebGPU", ["ONNX Runtime Web, WebGPU"], total), TARGETS.gpu],
  ];
  console.log("\nHow many times less, at the size where it is least");
  for (const [name, { times, where }, target] of rows) {
    const verdict = target ? ` (at least ${target}x${times >= target || !where ? "" : ", MISSED"})` : "";
    // Without a place it was left out, or failed at every size.
    const found = where ? `${short(times)}x${verdict} at ${where}` : `not compared${verdict}`;
    console.log(name.padEnd(52) + found);
  }
}

function line(name, ...cells) {
  console.log(name.padEnd(26) + cells.map((cell) => cell.padStart(22)).join(""));
}

const range = ({ p50, p95 }) => `${duration(p50)} / ${duration(p95)}`;
const short = (number) => Number(number.toPrecision(3)).toString();

function duration(milliseconds) {
  if (milliseconds < 1) return `${short(milliseconds * 1e3)} µs`;
  return milliseconds < 1e3 ? `${short(milliseconds)} ms` : `${short(milliseconds / 1e3)} s`;
}

function bytes(count) {
  return count < 1e6 ? `${short(count / 1e3)} KB` : `${short(count / 1e6)} MB`;
}
