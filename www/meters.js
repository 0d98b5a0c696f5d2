// What the page measures about itself: times, bytes and requests.
import { byId } from "./dom.js";

const KEPT = 50;
const WIDTH = 120;
const HEIGHT = 28;
// Browsers' clocks tick this slowly, so that a time can be 0.
const TICK = 0.1;

export class Meters {
  constructor() {
    this.times = { observe: [], predict: [] };
  }

  /** Runs `work`, keeps its milliseconds under `name`, and returns what it returned. */
  async time(name, work) {
    const start = performance.now();
    const result = await work();
    this.times[name] = [...this.times[name], performance.now() - start].slice(-KEPT);
    this.#draw(name);
    return result;
  }

  #draw(name) {
    const times = this.times[name];
    const highest = Math.max(TICK, ...times);
    const points = times.map((time, index) => {
      const x = (index / Math.max(1, times.length - 1)) * WIDTH;
      return `${x.toFixed(1)},${(HEIGHT - 2 - (time / highest) * (HEIGHT - 4)).toFixed(1)}`;
    });
    byId(`${name}-line`).setAttribute("points", points.join(" "));
    byId(`${name}-ms`).textContent = milliseconds(times.at(-1));
    byId(`${name}-median`).textContent = `median ${milliseconds(median(times))} ms`;
  }
}

/** Shows what had to be fetched: the runtime (script and WebAssembly), the model, and all that makes the shop. */
export function showBytes() {
  // The browser may tell of a file only after the page has used it.
  new PerformanceObserver(showParts).observe({ type: "resource" });
  showParts();
}

function showParts() {
  const entries = ["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type));
  const parts = Map.groupBy(entries, ({ name }) => {
    const { pathname } = new URL(name);
    if (pathname.startsWith("/foreclick/")) return "runtime";
    return pathname.endsWith(".safetensors") ? "model" : "page";
  });
  for (const [part, members] of parts) byId(`${part}-bytes`).textContent = size(members);
}

/** Counts the requests from now on, for as long as the page lives. */
export function watchNetwork() {
  const since = performance.now();
  let requests = 0;
  const show = () => {
    byId("requests").textContent = requests;
    byId("network").classList.toggle("loud", requests > 0);
  };
  new PerformanceObserver((list) => {
    requests += list.getEntries().filter((entry) => entry.startTime > since).length;
    show();
  }).observe({ type: "resource" });
  show();
}

/** Milliseconds, for people. */
export function milliseconds(value) {
  return value < 10 ? value.toFixed(2) : value.toFixed(0);
}

// What crossed the wire, and what it unpacked to where that differs.
function size(entries) {
  const sum = (field) => entries.reduce((total, entry) => total + entry[field], 0);
  const [sent, unpacked] = [sum("encodedBodySize"), sum("decodedBodySize")];
  return sent === unpacked ? bytes(sent) : `${bytes(sent)}, ${bytes(unpacked)} unpacked`;
}

function bytes(count) {
  return count < 1e6 ? `${(count / 1000).toFixed(0)} KB` : `${(count / 1e6).toFixed(2)} MB`;
}

function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}
