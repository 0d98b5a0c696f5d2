// The package on the CPU: it predicts what the native CPU predicts, and says clearly what is wrong with a call.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { assertSameRanking, MODEL, nativeSessions, onPage, PACKAGE, start } from "./harness.js";

let site;
before(async () => {
  site = await start();
});
after(() => site?.stop());

const withPage = (work, options) => onPage(site, work, options);

test("the CPU predicts what the native CPU predicts, without a request", async () => {
  const sessions = nativeSessions();
  await withPage(async (page) => {
    await page.evaluate(async () => {
      globalThis.predictor = await foreclick.Predictor.load(MODEL, { backend: "cpu" });
    });
    const requests = [];
    page.on("request", (request) => requests.push(request.url()));
    const predictions = await page.evaluate(predictAll, sessions);
    assert.deepEqual(requests, []);
    sessions.forEach(({ items }, place) => {
      const got = predictions[place];
      assert.equal(got.backend, "cpu");
      assert.ok(got.milliseconds >= 0 && got.milliseconds < 1000);
      assertSameRanking(got.items, items, `session ${place}`);
    });
    // The watch itself must be able to fail.
    await page.evaluate(() => fetch(MODEL));
    assert.equal(requests.length, 1);
  });
});

async function predictAll(sessions) {
  const predictions = [];
  for (const { events } of sessions) {
    predictor.reset();
    for (const event of events) predictor.observe(event);
    predictions.push(await predictor.predict());
  }
  return predictions;
}

test("rankings that differ are told apart", () => {
  const [{ items }] = nativeSessions();
  assertSameRanking(items, items, "the same");
  const swapped = [items[1], items[0], ...items.slice(2)];
  assert.throws(() => assertSameRanking(swapped, items, "swapped"));
  const off = items.map(({ item, score }, rank) => ({ item, score: score * (rank === 4 ? 1.01 : 1) }));
  assert.throws(() => assertSameRanking(off, items, "off"));
});

test("every way to give the model and the WebAssembly file works", async () => {
  const loaders = [
    () => foreclick.Predictor.load(MODEL),
    () => foreclick.Predictor.load(new URL(MODEL, location)),
    async () => foreclick.Predictor.load(await fetch(MODEL)),
    async () => foreclick.Predictor.load(await (await fetch(MODEL)).arrayBuffer()),
    async () => {
      const bytes = new Uint8Array(await (await fetch(MODEL)).arrayBuffer());
      const inside = new Uint8Array(bytes.length + 5);
      inside.set(bytes, 3);
      return foreclick.Predictor.load(inside.subarray(3, 3 + bytes.length));
    },
    async () => {
      await foreclick.init({ wasm: "/foreclick/wasm/foreclick_bg.wasm" });
      return foreclick.Predictor.load(MODEL);
    },
    async () => {
      await foreclick.init({ wasm: await WebAssembly.compileStreaming(fetch("/foreclick/wasm/foreclick_bg.wasm")) });
      return foreclick.Predictor.load(MODEL);
    },
  ];
  for (const load of loaders) {
    await withPage(async (page) => {
      const count = await page.evaluate(`(${load})().then((predictor) => predictor.predict({ k: 7 }))`);
      assert.equal(count.items.length, 7, String(load));
    });
  }
});

test("progress is told and a transfer can be aborted", async () => {
  await withPage(async (page) => {
    const progress = await page.evaluate(async () => {
      const steps = [];
      await foreclick.Predictor.load(MODEL, { onProgress: (step) => steps.push(step) });
      return steps;
    });
    const size = readFileSync(MODEL).length;
    assert.deepEqual(progress.at(-1), { loaded: size, total: size });
    const thrown = await page.evaluate(async () => {
      const onProgress = () => {
        throw new RangeError("of the page's");
      };
      return foreclick.Predictor.load(MODEL, { onProgress }).catch(({ name, message }) => `${name} ${message}`);
    });
    assert.equal(thrown, "RangeError of the page's");
    const abort = await page.evaluate(async () => {
      const signal = AbortSignal.abort();
      return foreclick.Predictor.load(MODEL, { signal }).catch(({ name }) => name);
    });
    assert.equal(abort, "AbortError");
    const stalled = await page.evaluate(async () => {
      // A transfer of the page's own that never ends.
      const body = () => new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(8)) });
      const load = (init) => {
        const response = new Response(body(), init);
        return foreclick.Predictor.load(response, { signal: AbortSignal.timeout(20) }).catch(({ name }) => name);
      };
      return Promise.all([load(), load({ headers: { "content-length": "1000" } })]);
    });
    assert.deepEqual(stalled, ["TimeoutError", "TimeoutError"]);
  });
});

// Other sites let a page see how long a transfer is, but not that it is packed.
for (const [what, level] of [["fewer bytes than it unpacks to", 9], ["more bytes", 0]]) {
  test(`a model that another site sends packed, in ${what}, loads`, async () => {
    const packed = gzipSync(readFileSync(MODEL), { level });
    const headers = { "access-control-allow-origin": "*", "content-encoding": "gzip", "content-length": packed.length };
    const other = createServer((_, response) => response.writeHead(200, headers).end(packed));
    await new Promise((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { browser } = site;
    const page = await browser.newPage({ bypassCSP: true });
    try {
      await page.goto(site.url);
      await page.waitForSelector("text=ready");
      const url = `http://127.0.0.1:${other.address().port}/`;
      const found = await page.evaluate(async (url) => {
        const best = async (source, options) => {
          const predictor = await foreclick.Predictor.load(source, { backend: "cpu", ...options });
          return (await predictor.predict()).items;
        };
        const steps = [];
        const [got, expected] = [await best(url, { onProgress: (step) => steps.push(step) }), await best(MODEL)];
        return { got, expected, last: steps.at(-1) };
      }, url);
      assert.deepEqual(found.got, found.expected);
      const size = readFileSync(MODEL).length;
      assert.equal(found.last.loaded, size);
      // Where more comes than was told, the total is seen to be none.
      assert.equal(found.last.total, level ? undefined : packed.length);
    } finally {
      await page.close();
      other.close();
    }
  });
}

test("wrong addresses are told from wrong files", async () => {
  await withPage(
    async (page) => {
      const failures = await page.evaluate(async () => {
        const sources = ["/model/none.safetensors", "/index.html", "/page.js", 7, undefined];
        const attempt = (source) => foreclick.Predictor.load(source).catch(({ code, message }) => ({ code, message }));
        return Promise.all(sources.map(attempt));
      });
      assert.deepEqual(
        failures.map(({ code }) => code),
        ["fetch", "fetch", "format", "argument", "argument"],
      );
      assert.match(failures[0].message, /none\.safetensors answered 404, expected 200/);
      assert.match(failures[1].message, /is a web page/);
    },
    { expected: /404/ },
  );
  await withPage(
    async (page) => {
      const again = await page.evaluate(async () => {
        const attempt = (wasm) => foreclick.init({ wasm }).catch(({ code, message }) => code + message);
        const failures = [await attempt(5), await attempt("/nowhere.wasm")];
        await foreclick.init(null);
        await foreclick.Predictor.load(MODEL, null);
        return failures;
      });
      assert.match(again[0], /^argument.*expected a URL/);
      assert.match(again[1], /^fetch.*nowhere\.wasm answered 404/, "and a second try may succeed");
    },
    { expected: /404/ },
  );
});

test("what does not fit is refused and changes nothing", async () => {
  await withPage(async (page) => {
    const { refused, same, events } = await page.evaluate(async () => {
      const predictor = await foreclick.Predictor.load(MODEL);
      predictor.observe({ item: "0000003", group: "a" });
      const before = JSON.stringify((await predictor.predict()).items);
      const gone = () => {
        const bytes = new Uint8Array(8);
        structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
        return bytes.buffer;
      };
      const attempts = [
        () => predictor.observe(),
        () => predictor.observe("0000003"),
        () => predictor.observe(["0000003"]),
        () => predictor.observe({}),
        () => predictor.observe({ item: 3 }),
        () => predictor.observe({ item: "0000003", tiem: 1 }),
        () => predictor.observe({ item: "0000003", time: "now" }),
        () => predictor.observe({ item: "0000003", time: NaN }),
        () => predictor.observe({ item: "0000003", fields: { colour: "red" } }),
        () => predictor.observe({ item: "0000003", fields: { price: "cheap" } }),
        () => predictor.observe({ item: "0000003", fields: { kind: [] } }),
        () => predictor.observe({ item: "0000003", fields: { kind: 1.5 } }),
        () => predictor.observe({ item: "0000003", fields: { review: 5 } }),
        () => predictor.observe({ item: "0000003", fields: { picture: [1, 2] } }),
        () => predictor.observe({ item: "0000003", fields: { picture: [1, 2, "3"] } }),
        () => predictor.observe({ item: "0000003", fields: { picture: "1 2 3" } }),
        () => predictor.predict({ k: -1 }),
        () => predictor.predict({ k: 1.5 }),
        () => predictor.predict({ exlude: [] }),
        () => predictor.predict({ exclude: "0000003" }),
        () => predictor.explain("no such item"),
        () => predictor.explain(3),
        () => predictor.explain("0000003", { events: 33 }),
        () => predictor.predict({ exclude: [3] }),
        () => foreclick.Predictor.load(MODEL, { backend: "npu" }),
        () => foreclick.Predictor.load(MODEL, { backend: Symbol() }),
        () => foreclick.Predictor.load(MODEL, { backnd: "cpu" }),
        () => foreclick.Predictor.load(gone()),
        () => new foreclick.Predictor(),
      ];
      const refused = [];
      for (const attempt of attempts) {
        try {
          await attempt();
          refused.push(`${attempt} passed`);
        } catch ({ code, message }) {
          refused.push(code === "event" || code === "argument" ? code : `${attempt}: ${code} ${message}`);
        }
      }
      const same = before === JSON.stringify((await predictor.predict()).items);
      return { refused, same, events: predictor.diagnostics().events };
    });
    assert.deepEqual(refused, [...Array(16).fill("event"), ...Array(13).fill("argument")]);
    assert.deepEqual([same, events], [true, 1]);
  });
});

test("unknown items change nothing, and missing values and odd numbers are allowed", async () => {
  await withPage(async (page) => {
    const { fresh, unmoved, report, rankings, excluded } = await page.evaluate(async () => {
      const predictor = await foreclick.Predictor.load(MODEL);
      const rank = async () => JSON.stringify((await predictor.predict()).items);
      const fresh = await rank();
      predictor.observe({ item: "never seen", time: 5, group: "new", fields: { price: 9 } });
      const unmoved = await rank();
      const rankings = [];
      for (const price of [NaN, Infinity, null, undefined]) {
        predictor.reset();
        predictor.observe({ item: "never seen", time: undefined, fields: { kind: "hover", price } });
        predictor.observe({ item: "0000001", time: -1, group: null, fields: { kind: null, price } });
        rankings.push(await rank());
      }
      const { items } = await predictor.predict({ k: 1 });
      const excluded = await predictor.predict({ k: 5000, exclude: [items[0].item, "never seen"] });
      const report = predictor.diagnostics();
      return { fresh, unmoved, report, rankings, excluded: excluded.items.map(({ item }) => item) };
    });
    assert.equal(new Set(rankings).size, 1, "each of them is a missing number");
    assert.equal(unmoved, fresh);
    assert.notEqual(rankings[0], fresh);
    assert.deepEqual([report.events, report.unknownEvents, report.ungroupedEvents], [1, 1, 1]);
    assert.equal(report.items, 3000);
    assert.equal(report.bytes, readFileSync(MODEL).length);
    // The open group's one known item and the excluded one are out.
    assert.equal(excluded.length, 2998);
  });
});

test("texts, vectors and what is missing of them", async () => {
  await withPage(async (page) => {
    const ranked = await page.evaluate(async () => {
      const predictor = await foreclick.Predictor.load(MODEL, { backend: "cpu" });
      const rank = async (fields) => {
        predictor.reset();
        predictor.observe({ item: "0000001", fields });
        return JSON.stringify((await predictor.predict()).items);
      };
      const all = async (events) => {
        const rankings = [];
        for (const fields of events) rankings.push(await rank(fields));
        return rankings;
      };
      return {
        same: await all([{ picture: [0.5, -2, 3] }, { picture: new Float32Array([0.5, -2, 3]) }]),
        folded: await all([{ review: "ＡＢＣ" }, { review: "abc" }]),
        missing: await all([{}, undefined, { review: "" }, { review: null, picture: null }, { picture: [NaN, 0, 0] }]),
        differ: await all([{}, { picture: [0.5, -2, 3] }, { review: "这茶很好喝" }, { review: "这茶不好喝" }, { review: "😀" }]),
      };
    });
    const count = (rankings) => new Set(rankings).size;
    assert.deepEqual(Object.values(ranked).map(count), [1, 1, 1, 5]);
  });
});

test("a getter of the page's that throws harms nothing", async () => {
  await withPage(async (page) => {
    const { thrown, items } = await page.evaluate(async () => {
      const predictor = await foreclick.Predictor.load(MODEL, { backend: "cpu" });
      const trap = () => {
        throw new RangeError("of the page's");
      };
      const objects = [{ get item() { return trap(); } }, { item: "0000001", fields: new Proxy({}, { ownKeys: trap }) }];
      const thrown = new Set();
      // As often as would use up the stack of WebAssembly.
      for (let round = 0; round < 4000; round++) {
        const calls = objects.map((event) => () => predictor.observe(event));
        calls.push(() => predictor.predict({ get k() { return trap(); } }), () => predictor.explain("0000001", objects[0]));
        for (const call of calls) {
          try {
            await call();
          } catch ({ name, message }) {
            thrown.add(`${name} ${message}`);
          }
        }
      }
      return { thrown: [...thrown], items: (await predictor.predict()).items };
    });
    assert.deepEqual(thrown, ["RangeError of the page's"]);
    assert.equal(items.length, 10);
  });
});

test("explanations add up", async () => {
  const { events, items } = nativeSessions().find(({ events }) => events.length > 10 && events.some(({ item }) => item.startsWith("unknown")));
  await withPage(async (page) => {
    const { explanation, few } = await page.evaluate(
      async ({ events, item }) => {
        const predictor = await foreclick.Predictor.load(MODEL);
        for (const event of events) predictor.observe(event);
        return { explanation: await predictor.explain(item), few: await predictor.explain(item, { events: 2 }) };
      },
      { events, item: items[0].item },
    );
    assertSameRanking([explanation], [items[0]], "the explained item");
    const sum = Object.values(explanation.terms).reduce((a, b) => a + b);
    assert.ok(Math.abs(sum - explanation.score) < 1e-3, `${sum} against ${explanation.score}`);
    // The others changed nothing: an item is unknown, or again in its group.
    const repeats = ({ item, group }, place) =>
      events.slice(0, place).some((earlier) => earlier.item === item && earlier.group === group);
    const places = [...events.keys()].filter((place) => !events[place].item.startsWith("unknown"));
    const taken = places.filter((place) => !repeats(events[place], place));
    assert.ok(taken.length < events.length);
    assert.deepEqual(
      explanation.events.map(({ place, item }) => [place, item]),
      taken.map((place) => [place, events[place].item]),
    );
    assert.ok(explanation.events.every(({ effect }) => Number.isFinite(effect)));
    assert.deepEqual(few.events, explanation.events.slice(-2));
  });
});

test("importing on a server touches no browser global, and the CPU predicts there too", () => {
  const script = `
    for (const name of ["window", "document", "navigator", "location", "fetch", "self"]) {
      const get = () => { throw new Error(name + " was touched"); };
      Object.defineProperty(globalThis, name, { get, configurable: true });
    }
    const { init, Predictor } = await import("${PACKAGE}index.js");
    for (const name of ["navigator", "fetch"]) Object.defineProperty(globalThis, name, { value: undefined });
    const { readFileSync } = await import("node:fs");
    await init({ wasm: readFileSync("${PACKAGE}wasm/foreclick_bg.wasm") });
    const predictor = await Predictor.load(readFileSync("${MODEL}"));
    console.log(JSON.stringify([await predictor.predict({ k: 2 }), predictor.diagnostics()]));`;
  const output = execFileSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8" });
  const [prediction, report] = JSON.parse(output);
  assert.equal(prediction.items.length, 2);
  assert.equal(report.reason, "the CPU answers because this browser offers no WebGPU");
  const { version } = JSON.parse(readFileSync(`${PACKAGE}package.json`, "utf8"));
  assert.equal(report.version, version, "the package's version is the crate's");
});
