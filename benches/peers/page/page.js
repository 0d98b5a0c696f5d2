// Measures one runtime with one model in this page. A runtime is a module whose `load(model, session, backend)` fetches
// all it needs, takes the session's events and resolves to `{ predict, observe?, settle? }`: `predict()` resolves to the ten
// best item ids and their scores, `observe(place)` takes one more event, `settle()` is awaited before anything is timed.
import * as files from "./files.js";
import * as foreclick from "./foreclick.js";
import * as ort from "./ort.js";
import { difference } from "./session.js";
import * as tfjs from "./tfjs.js";

const RUNTIMES = { files, foreclick, ort, tfjs };

// The clock of a page ticks at .1 ms: one timing is of as many calls as take a while.
const LONG_ENOUGH = 20;
const TIMINGS = 30;
// Slow ones get fewer timings, but some.
const PATIENCE = 4_000;
const LEAST_TIMINGS = 3;

window.measure = async ({ runtime, backend, model, session, onlyLoad }) => {
  const history = await (await fetch(session)).json();
  const start = performance.now();
  const { observe, predict, settle } = await RUNTIMES[runtime].load(model, history, backend);
  const answer = await predict?.();
  const loaded = performance.now() - start;
  if (!predict) return { loaded };
  const wrong = difference(history, answer);
  if (wrong) throw new Error(`not the answer of the others: ${wrong}`);
  if (onlyLoad) return { loaded };
  await settle?.();
  const times = { predict: await time(predict) };
  if (observe) {
    // Not their sum: on a GPU an event's step waits for the next prediction.
    times.both = await time((place) => {
      observe(place);
      return predict();
    });
    // Last: more events than a GPU could follow.
    times.observe = await time(observe);
  }
  return { loaded, ...times };
};

/** The milliseconds of one call: median and 95th percentile of timings of many calls each. */
async function time(work) {
  let calls = 1;
  let place = 0;
  const run = async () => {
    const start = performance.now();
    for (let call = 0; call < calls; call++) await work(place++);
    return performance.now() - start;
  };
  // Also warms the compiler up.
  for (let elapsed = await run(); elapsed < LONG_ENOUGH; elapsed = await run()) {
    calls = Math.ceil(calls * Math.min(10, Math.max(1.2, (1.1 * LONG_ENOUGH) / Math.max(elapsed, 0.1))));
  }
  const timings = [];
  const start = performance.now();
  while (timings.length < TIMINGS && (timings.length < LEAST_TIMINGS || performance.now() - start < PATIENCE)) {
    timings.push((await run()) / calls);
  }
  timings.sort((a, b) => a - b);
  const percentile = (share) => timings[Math.ceil(share * timings.length) - 1];
  return { p50: percentile(0.5), p95: percentile(0.95), timings: timings.length, calls };
}

document.querySelector("#state").textContent = "ready";
