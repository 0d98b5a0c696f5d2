// Where a model's bytes come from: checked against their hash, kept only when asked for, and gone when told.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { MODEL, onPage, start } from "./harness.js";

let site;
before(async () => {
  site = await start();
});
after(() => site?.stop());

const BYTES = readFileSync(MODEL);
const integrity = `sha256-${createHash("sha256").update(BYTES).digest("base64")}`;
const WRONG = `sha256-${createHash("sha256").update("another file").digest("base64")}`;

/** A page with the cache's module; `requests` are those for the model. */
async function withCache(work, options) {
  await onPage(
    site,
    async (page) => {
      await page.evaluate(async (integrity) => {
        globalThis.ModelCache = (await import("/foreclick/cache.js")).ModelCache;
        globalThis.integrity = integrity;
        globalThis.cache = new ModelCache();
        globalThis.load = async (options) => {
          const predictor = await foreclick.Predictor.load(MODEL, { backend: "cpu", ...options });
          const { from } = predictor.diagnostics().load;
          const { length } = (await predictor.predict()).items;
          predictor.free();
          return `${from} ${length}`;
        };
        globalThis.failure = (options, source = MODEL) =>
          foreclick.Predictor.load(source, options).then(() => "passed", ({ code, message }) => `${code}: ${message}`);
      }, integrity);
      const requests = [];
      page.on("request", (request) => request.url().includes("/model/") && requests.push(request.url()));
      try {
        await work(page, requests);
      } finally {
        await page.evaluate(async () => Promise.all((await caches.keys()).map((name) => caches.delete(name)))).catch(() => {});
      }
    },
    options,
  );
}

test("the right hash loads and a wrong one is refused, from everywhere", async () => {
  await withCache(async (page) => {
    const { loaded, refused, kept } = await page.evaluate(async (wrong) => {
      const bytes = await (await fetch(MODEL)).arrayBuffer();
      const loaded = await load({ integrity });
      const refused = [await failure({ integrity: wrong }), await failure({ integrity: wrong }, bytes), await failure({ integrity: wrong, cache })];
      return { loaded, refused, kept: await caches.keys() };
    }, WRONG);
    assert.equal(loaded, "network 10");
    for (const text of refused) assert.ok(text.startsWith("integrity: ") && text.includes(WRONG) && text.includes(integrity), text);
    assert.deepEqual(kept, ["foreclick"]);
    assert.equal(await entries(page), 0, "a wrong file is not kept");
  });
});

/** How many files are kept. */
const entries = (page) => page.evaluate(async () => (await (await caches.open("foreclick")).keys()).length);

test("a kept model is used without a request, and erased", async () => {
  await withCache(async (page, requests) => {
    const first = await page.evaluate(() => load({ cache, integrity }));
    assert.deepEqual([first, requests.length, await entries(page)], ["network 10", 1, 1]);
    const [second, progress] = await page.evaluate(async () => {
      const progress = [];
      return [await load({ cache, integrity, onProgress: (step) => progress.push(step) }), progress];
    });
    assert.deepEqual([second, requests.length], ["cache 10", 1]);
    assert.deepEqual(progress, [{ loaded: BYTES.length, total: BYTES.length }]);
    const erased = await page.evaluate(async () => [await cache.clear(), await cache.clear(), await caches.keys()]);
    assert.deepEqual(erased, [true, false, []]);
    assert.equal(await page.evaluate(() => load({ cache, integrity })), "network 10");
    assert.equal(requests.length, 2);
  });
});

test("models that only a query tells apart are kept beside each other", async () => {
  await withCache(async (page, requests) => {
    const from = await page.evaluate(async () => {
      const from = [];
      for (const query of ["?model=a", "?model=b", "?model=a", "?model=b"]) {
        const predictor = await foreclick.Predictor.load(MODEL + query, { backend: "cpu", cache, integrity });
        from.push(predictor.diagnostics().load.from);
        predictor.free();
      }
      return from;
    });
    assert.deepEqual([from, requests.length], [["network", "network", "cache", "cache"], 2]);
    assert.equal(await entries(page), 2);
  });
});

test("a worker's predictor uses the same cache", async () => {
  await withCache(async (page, requests) => {
    const from = await page.evaluate(async () => {
      await load({ cache, integrity });
      const { Predictor } = await import("/foreclick/worker.js");
      const predictor = await Predictor.load(MODEL, { backend: "cpu", cache, integrity });
      const { load: report } = await predictor.diagnostics();
      predictor.free();
      return report.from;
    });
    assert.deepEqual([from, requests.length], ["cache", 1]);
  });
});

test("a damaged file is dropped and fetched again", async () => {
  await withCache(async (page, requests) => {
    const damage = () =>
      page.evaluate(async () => {
        const kept = await caches.open("foreclick");
        const [key] = await kept.keys();
        const bytes = new Uint8Array(await (await kept.match(key)).arrayBuffer());
        bytes[bytes.length >> 1] ^= 1;
        await kept.put(key, new Response(bytes));
      });
    await page.evaluate(() => load({ cache, integrity }));
    await damage();
    assert.equal(await page.evaluate(() => load({ cache, integrity })), "network 10");
    assert.equal(await page.evaluate(() => load({ cache, integrity })), "cache 10");
    assert.equal(requests.length, 2);
  });
});

test("of one address only one version is kept", async () => {
  await withCache(async (page) => {
    await page.evaluate(async () => {
      const kept = await caches.open("foreclick");
      await kept.put(`${MODEL}?integrity=sha256-old`, new Response("an older version"));
      await kept.put("/model/other?integrity=sha256-old", new Response("another model"));
      await load({ cache, integrity });
    });
    assert.equal(await entries(page), 2);
    const other = await page.evaluate(async () => {
      await load({ cache: new ModelCache("other"), integrity });
      return caches.keys();
    });
    assert.deepEqual(other.toSorted(), ["foreclick", "other"]);
  });
});

for (const [name, before] of [
  ["full", () => (Cache.prototype.put = async () => Promise.reject(new DOMException("full", "QuotaExceededError")))],
  ["forbidden", () => (CacheStorage.prototype.open = async () => Promise.reject(new DOMException("no", "SecurityError")))],
  ["missing", () => delete globalThis.caches],
]) {
  test(`where storage is ${name} the model is fetched`, async () => {
    await withCache(
      async (page, requests) => {
        const loads = await page.evaluate(async () => [await load({ cache, integrity }), await load({ cache, integrity })]);
        assert.deepEqual([loads, requests.length], [["network 10", "network 10"], 2]);
        assert.equal(await page.evaluate(() => cache.clear()), name === "full");
      },
      { before },
    );
  });
}

test("a storage that never ends keeps no answer", async () => {
  const before = () => (Cache.prototype.put = () => new Promise(() => {}));
  await withCache(async (page) => assert.equal(await page.evaluate(() => load({ cache, integrity })), "network 10"), { before });
});

test("that the CPU is faster is kept with the model, for this browser and GPU", async () => {
  await withCache(async (page) => {
    const tried = (entry, options) =>
      page.evaluate(
        async ({ entry, options }) => {
          const { Predictor } = await import(entry);
          const predictor = await Predictor.load(MODEL, { cache, integrity, ...options });
          await predictor.settled;
          const { reason, cpuMilliseconds } = await predictor.diagnostics();
          predictor.free();
          return { reason, tried: cpuMilliseconds !== null };
        },
        { entry, options },
      );
    const faster = { reason: "the CPU is faster here", tried: true };
    const kept = { reason: "the CPU answers because it was faster than the GPU at an earlier visit", tried: false };
    for (const entry of ["/foreclick/index.js", "/foreclick/worker.js"]) {
      await page.evaluate(() => cache.clear());
      assert.deepEqual(await tried(entry, { cache: undefined, integrity: undefined }), faster, entry);
      assert.deepEqual(await tried(entry), faster, "nothing was kept without a cache");
      assert.deepEqual(await tried(entry), kept);
      assert.equal(await entries(page), 2);
      assert.deepEqual(await tried(entry, { backend: "gpu" }), { reason: "the GPU was asked for", tried: true });
    }
    assert.deepEqual(await tried("/foreclick/index.js"), kept, "a worker's decision is the page's too");
    await page.evaluate(() => Object.defineProperty(navigator, "userAgent", { value: "the next version" }));
    assert.deepEqual(await tried("/foreclick/index.js"), faster);
    // Another version of the model.
    await page.evaluate(async () => {
      const kept = await caches.open("foreclick");
      for (const key of await kept.keys()) if (!key.url.includes("cpu=")) await kept.put(key, new Response("damaged"));
    });
    assert.deepEqual(await tried("/foreclick/index.js"), faster, "a model that is fetched anew is tried anew");
  });
});

test("that the CPU answers for another reason than speed is not kept", async () => {
  // By this clock whatever comes later is slower: of the two the CPU, which is timed last.
  const before = () => {
    let now = 1;
    Performance.prototype.now = () => (now = now > 1e9 ? 1e3 : now * 1.7);
  };
  await withCache(
    async (page) => {
      const found = await page.evaluate(async () => {
        const predictor = await foreclick.Predictor.load(MODEL, { cache, integrity });
        const { items } = await predictor.predict({ k: 1 });
        // More than are kept for the GPU to see, before its trial is over.
        for (let number = 0; number < 10_050; number++) predictor.observe({ item: items[0].item, group: `group-${number}` });
        await predictor.settled;
        const { backend, reason, cpuMilliseconds, gpuMilliseconds } = predictor.diagnostics();
        return { backend, reason, isFaster: gpuMilliseconds < cpuMilliseconds };
      });
      assert.deepEqual([found.backend, found.isFaster], ["cpu", true], found.reason);
      assert.equal(await entries(page), 1, "the file alone");
    },
    { before },
  );
});

test("what a cache can't do is said", async () => {
  await withCache(async (page) => {
    const failures = await page.evaluate(async () => [
      await failure({ cache }),
      await failure({ cache: true, integrity }),
      await failure({ cache, integrity }, new ArrayBuffer(8)),
      await failure({ cache, integrity }, "/model/none.safetensors"),
      await Promise.resolve().then(() => new ModelCache(5)).catch(({ code }) => code),
    ]);
    assert.match(failures[0], /^argument: cache needs integrity/);
    assert.match(failures[1], /^argument: cache must be a ModelCache/);
    assert.match(failures[2], /^argument: only a model with a URL/);
    assert.match(failures[3], /^fetch: /);
    assert.equal(failures[4], "argument");
  }, { expected: /404/ });
});

test("where the browser offers no hashes integrity is not passed over", async () => {
  const before = () => Object.defineProperty(globalThis, "crypto", { value: {} });
  await withCache(
    async (page) => {
      const text = await page.evaluate(() => failure({ integrity }));
      assert.match(text, /^integrity: .*https/);
    },
    { before },
  );
});
