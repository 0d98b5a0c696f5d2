// foreclick/worker: the predictor off the page's thread, under the strict policy of the tests' server.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { assertSameAnswers, assertSameRanking, MODEL, nativeSessions, onPage, start } from "./harness.js";

let site;
before(async () => {
  site = await start();
});
after(() => site?.stop());

const withWorker = (work, options) =>
  onPage(
    site,
    async (page) => {
      await page.evaluate(async () => {
        globalThis.threaded = await import("/foreclick/worker.js");
        globalThis.failure = (call) => call().then(() => "passed", ({ code, message }) => `${code}: ${message}`);
      });
      await work(page);
    },
    options,
  );

for (const backend of ["cpu", "gpu"]) {
  test(`it predicts what the native CPU predicts (${backend})`, async () => {
    const sessions = nativeSessions().slice(0, 100);
    await withWorker(async (page) => {
      const { predictions, explained, report } = await page.evaluate(
        async ({ sessions, backend }) => {
          globalThis.predictor = await threaded.Predictor.load(MODEL, { backend });
          await predictor.settled;
          const asked = sessions.map(({ events }) => {
            predictor.reset();
            for (const event of events) predictor.observe(event);
            return predictor.predict();
          });
          const predictions = await Promise.all(asked);
          const explained = await predictor.explain(predictions.at(-1).items[0].item, { events: 2 });
          return { predictions, explained, report: await predictor.diagnostics() };
        },
        { sessions, backend },
      );
      assert.equal(predictions[0].backend, backend);
      assert.equal(report.backend, backend);
      sessions.forEach(({ items, tasks }, place) => {
        assertSameRanking(predictions[place].items, items, `session ${place}`);
        assertSameAnswers(predictions[place].tasks, tasks, `session ${place}`);
      });
      assertSameRanking([explained], [sessions.at(-1).items[0]], "the explained item");
      assert.equal(page.workers().length, 1);
      await page.evaluate(() => predictor.free());
      await page.waitForFunction(() => true);
      await waitForWorkers(page, 0);
    });
  });
}

async function waitForWorkers(page, count) {
  for (let round = 0; round < 50 && page.workers().length !== count; round++) await page.waitForTimeout(20);
  assert.equal(page.workers().length, count, "workers are ended");
}

test("the page's thread stays free", async () => {
  await withWorker(async (page) => {
    const longest = await page.evaluate(async () => {
      const predictor = await threaded.Predictor.load(MODEL, { backend: "cpu" });
      for (let place = 0; place < 3000; place++) predictor.observe({ item: String(place).padStart(7, "0") });
      let longest = 0;
      let last = performance.now();
      const timer = setInterval(() => {
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
      }, 1);
      await predictor.explain("0000001", { group: "new" });
      clearInterval(timer);
      predictor.free();
      return longest;
    });
    assert.ok(longest < 200, `the longest pause was ${longest} ms`);
  });
});

test("several predictors do not disturb each other", async () => {
  await withWorker(async (page) => {
    const { counts, codes, items } = await page.evaluate(async () => {
      const predictors = await Promise.all([1, 2, 3].map(() => threaded.Predictor.load(MODEL, { backend: "cpu" })));
      predictors.forEach((predictor, place) => {
        for (let event = 0; event <= place; event++) predictor.observe({ item: `000000${event}` });
      });
      const counts = await Promise.all(predictors.map(async (predictor) => (await predictor.diagnostics()).events));
      const [first, second, third] = predictors;
      const under_way = first.predict({ k: 4 });
      first.free();
      first.free();
      second[Symbol.dispose]();
      const calls = [
        async () => first.observe({ item: "a" }),
        () => first.predict(),
        () => first.rank([]),
        () => first.predictMany([]),
        () => first.explain("0000001"),
        async () => first.reset(),
        () => second.diagnostics(),
      ];
      const codes = [];
      for (const call of calls) codes.push((await failure(call)).split(":")[0]);
      await first.settled;
      return { counts, codes, items: [(await under_way).items.length, (await third.predict()).items.length] };
    });
    assert.deepEqual(counts, [1, 2, 3]);
    assert.deepEqual(codes, Array(7).fill("freed"));
    assert.deepEqual(items, [4, 10]);
    await waitForWorkers(page, 1);
  });
});

test("errors keep their codes, and a refused event is told", async () => {
  await withWorker(async (page) => {
    const { failures, told, events, reported } = await page.evaluate(async () => {
      const told = [];
      const onError = ({ code, message }) => told.push(`${code}: ${message}`);
      const predictor = await threaded.Predictor.load(MODEL, { backend: "cpu", onError });
      predictor.observe({ item: "0000003" });
      predictor.observe({ itme: "0000003" });
      predictor.observe({ item: "0000004", fields: { colour: "red" } });
      const failures = [
        await failure(() => predictor.predict({ k: -1 })),
        await failure(() => predictor.explain("no such item")),
        await failure(async () => predictor.observe({ item: () => {} })),
        await failure(() => predictor.predict({ exclude: [() => {}] })),
        await failure(() => threaded.Predictor.load(new Uint8Array(9))),
        await failure(() => threaded.Predictor.load(MODEL, { backend: "npu" })),
        await failure(() => threaded.Predictor.load(MODEL, { backnd: "cpu" })),
        await failure(() => threaded.Predictor.load("/model/none.safetensors")),
        await failure(() => threaded.Predictor.load(MODEL, { wasm: "/nowhere.wasm" })),
        await failure(async () => new threaded.Predictor()),
      ];
      const { events } = await predictor.diagnostics();
      // Without onError it is an uncaught error, as on the page's own thread.
      const silent = await threaded.Predictor.load(MODEL, { backend: "cpu" });
      const caught = new Promise((resolve) =>
        addEventListener("error", (event) => {
          event.preventDefault();
          resolve(event.error.code);
        }),
      );
      silent.observe({});
      return { failures, told, events, reported: await caught };
    });
    const codes = failures.map((failure) => failure.split(":")[0]);
    const expected = ["argument", "argument", "event", "argument", "format", "argument", "argument", "fetch", "fetch", "argument"];
    assert.deepEqual(codes, expected, failures.join("\n"));
    assert.match(told[0], /^event: .*"itme"/);
    assert.match(told[1], /^event: .*"colour"/);
    assert.deepEqual([told.length, events, reported], [2, 1, "event"]);
    await waitForWorkers(page, 2);
  }, { expected: /404/ });
});

test("every way to give the model and the WebAssembly file works", async () => {
  const size = readFileSync(MODEL).length;
  await withWorker(async (page) => {
    const { counts, kept, progress, thrown, aborted } = await page.evaluate(async () => {
      const bytes = await (await fetch(MODEL)).arrayBuffer();
      const inside = new Uint8Array(bytes.byteLength + 5);
      inside.set(new Uint8Array(bytes), 3);
      const wasm = "/foreclick/wasm/foreclick_bg.wasm";
      const worker = new Worker("/foreclick/worker-thread.js", { type: "module" });
      const progress = [];
      const loads = [
        [new URL(MODEL, location), { onProgress: (step) => progress.push(step) }],
        [await fetch(MODEL), { wasm }],
        [bytes, { wasm: new URL(wasm, location) }],
        [inside.subarray(3, 3 + bytes.byteLength), { wasm: await (await fetch(wasm)).arrayBuffer() }],
        [MODEL, { wasm: await WebAssembly.compileStreaming(fetch(wasm)) }],
        [MODEL, { worker }],
      ];
      const counts = [];
      for (const [source, options] of loads) {
        const predictor = await threaded.Predictor.load(source, { backend: "cpu", ...options });
        counts.push((await predictor.predict({ k: 7 })).items.length);
        predictor.free();
      }
      const onProgress = () => {
        throw new RangeError("of the page's");
      };
      const thrown = await threaded.Predictor.load(MODEL, { onProgress }).catch(({ name, message }) => `${name} ${message}`);
      const aborted = await threaded.Predictor.load(MODEL, { signal: AbortSignal.abort() }).catch(({ name }) => name);
      return { counts, kept: bytes.byteLength, progress, thrown, aborted };
    });
    assert.deepEqual(counts, Array(6).fill(7));
    assert.equal(kept, size, "the page's own bytes stay the page's");
    assert.deepEqual(progress.at(-1), { loaded: size, total: size });
    assert.deepEqual([thrown, aborted], ["RangeError of the page's", "AbortError"]);
    await waitForWorkers(page, 0);
  });
});

test("a worker that can't start is an error and not a silence", async () => {
  await withWorker(
    async (page) => {
      const failures = await page.evaluate(async () => {
        const missing = new Worker("/foreclick/nowhere.js", { type: "module" });
        const failures = [await failure(() => threaded.Predictor.load(MODEL, { worker: missing }))];
        globalThis.Worker = class {
          constructor() {
            throw new DOMException("refused", "SecurityError");
          }
        };
        return [...failures, await failure(() => threaded.Predictor.load(MODEL))];
      });
      assert.match(failures[0], /^worker: .*can't start.*worker-src/);
      assert.match(failures[1], /^worker: .*refused/);
    },
    { expected: /404/ },
  );
});

test("a reactive proxy, as frameworks make them, can be sent", async () => {
  await withWorker(async (page) => {
    const events = await page.evaluate(async () => {
      const predictor = await threaded.Predictor.load(MODEL, { backend: "cpu" });
      const reactive = (value) => new Proxy(value, {});
      const event = reactive({ item: "0000001", fields: reactive({ price: 3 }) });
      predictor.observe(event);
      await predictor.predict(reactive({ exclude: reactive(["0000002"]) }));
      await predictor.predictMany(reactive([reactive([event])]));
      return (await predictor.diagnostics()).events;
    });
    assert.equal(events, 1);
  });
});
