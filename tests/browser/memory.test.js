// Memory stays flat, freed predictors say so, and a crash ends the instance with a clear word.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { onPage, start } from "./harness.js";

let site;
before(async () => {
  site = await start();
});
after(() => site?.stop());

const withPage = (work, options) => onPage(site, work, options);

for (const entry of ["index", "worker"]) {
  test(`memory is flat over 10,000 predictions (${entry})`, async () => {
    await withPage(async (page) => {
      const browser = await page.context().newCDPSession(page);
      await browser.send("Performance.enable");
      const measure = async () => {
        await browser.send("HeapProfiler.collectGarbage");
        const { metrics } = await browser.send("Performance.getMetrics");
        const script = metrics.find(({ name }) => name === "JSHeapUsedSize").value;
        return { script, wasm: await page.evaluate(async () => (await predictor.diagnostics()).memoryBytes) };
      };
      await page.evaluate(async (entry) => {
        const { Predictor } = await import(`/foreclick/${entry}.js`);
        globalThis.predictor = await Predictor.load(MODEL, { backend: "cpu" });
      }, entry);
      const play = (rounds) =>
        page.evaluate(async (rounds) => {
          for (let round = 0; round < rounds; round++) {
            if (round % 100 === 0) predictor.reset();
            predictor.observe({ item: String((round * 7919) % 3000).padStart(7, "0"), group: `group-${round >> 2}` });
            await predictor.predict();
            if (round % 100 === 99) await predictor.explain("0000001", { events: 3, group: "new" });
          }
        }, rounds);
      await play(1000);
      const start = await measure();
      await play(10_000);
      const end = await measure();
      assert.equal(end.wasm, start.wasm);
      assert.ok(end.script - start.script < 500_000, `the script's heap grew from ${start.script} to ${end.script}`);
    });
  });
}

test("no GPU buffer is left behind over 10,000 predictions, nor by a predictor that was freed", async () => {
  const before = () => {
    globalThis.buffers = new Set();
    const { createBuffer } = GPUDevice.prototype;
    GPUDevice.prototype.createBuffer = function (...options) {
      const buffer = createBuffer.apply(this, options);
      globalThis.buffers.add(buffer);
      return buffer;
    };
    const { destroy } = GPUBuffer.prototype;
    GPUBuffer.prototype.destroy = function () {
      globalThis.buffers.delete(this);
      return destroy.call(this);
    };
  };
  await withPage(
    async (page) => {
      const { start, end, wasm, late, freed } = await page.evaluate(async () => {
        const predictor = await foreclick.Predictor.load(MODEL, { backend: "gpu" });
        const rounds = async (count) => {
          let late = 0;
          for (let round = 0; round < count; round++) {
            if (round % 100 === 0) predictor.reset();
            predictor.observe({ item: String((round * 7919) % 3000).padStart(7, "0"), group: `group-${round >> 2}` });
            if ((await predictor.predict()).backend === "cpu") late += 1;
          }
          return late;
        };
        const memory = () => predictor.diagnostics().memoryBytes;
        await rounds(500);
        const [start, before] = [buffers.size, memory()];
        const late = await rounds(10_000);
        const [end, after] = [buffers.size, memory()];
        predictor.free();
        return { start, end, wasm: after - before, late, freed: buffers.size };
      });
      assert.ok(start > 0, "the watch works");
      assert.equal(end, start);
      assert.equal(wasm, 0);
      assert.ok(late < 100, `${late} of 10,000 answers were late`);
      assert.equal(freed, 0);
    },
    { before },
  );
});

test("memory of freed predictors is used again", async () => {
  await withPage(async (page) => {
    const sizes = await page.evaluate(async () => {
      const bytes = await (await fetch(MODEL)).arrayBuffer();
      const sizes = [];
      for (let round = 0; round < 60; round++) {
        const predictor = await foreclick.Predictor.load(bytes, { backend: "cpu" });
        await predictor.predict();
        sizes.push(predictor.diagnostics().memoryBytes);
        predictor.free();
      }
      return sizes;
    });
    assert.equal(sizes.at(-1), sizes[5], String(sizes));
  });
});

test("a freed predictor says so, and the others go on", async () => {
  await withPage(async (page) => {
    const { codes, items } = await page.evaluate(async () => {
      const [freed, disposed, other] = await Promise.all([1, 2, 3].map(() => foreclick.Predictor.load(MODEL)));
      freed.free();
      freed.free();
      disposed[Symbol.dispose]();
      const codes = [];
      for (const predictor of [freed, disposed]) {
        const calls = [
          () => predictor.observe({ item: "0000001" }),
          () => predictor.predict(),
          () => predictor.explain("0000001"),
          () => predictor.reset(),
          () => predictor.diagnostics(),
        ];
        for (const call of calls) {
          try {
            await call();
            codes.push("passed");
          } catch ({ code }) {
            codes.push(code);
          }
        }
        await predictor.settled;
      }
      return { codes, items: (await other.predict()).items };
    });
    assert.deepEqual(codes, Array(10).fill("freed"));
    assert.equal(items.length, 10);
  });
});

test("a prediction under way survives being freed", async () => {
  await withPage(async (page) => {
    const prediction = await page.evaluate(async () => {
      const predictor = await foreclick.Predictor.load(MODEL, { backend: "gpu" });
      const asked = predictor.predict();
      predictor.free();
      return asked;
    });
    assert.equal(prediction.items.length, 10);
    assert.equal(prediction.backend, "gpu");
  });
});

test("after a crash every call says what happened and what to do", async () => {
  // Stands for a bug of ours: the function traps.
  const before = () => {
    const { instantiateStreaming } = WebAssembly;
    WebAssembly.instantiateStreaming = async (...options) => {
      const { instance, module } = await instantiateStreaming(...options);
      const webpredictor_reset = () => {
        throw new WebAssembly.RuntimeError("unreachable");
      };
      return { instance: { exports: { ...instance.exports, webpredictor_reset } }, module };
    };
  };
  await withPage(
    async (page) => {
      const failures = await page.evaluate(async () => {
        const failure = (call) => call().then(() => "passed", ({ code, message }) => `${code}: ${message}`);
        const [one, other] = await Promise.all([foreclick.Predictor.load(MODEL), foreclick.Predictor.load(MODEL)]);
        await other.predict();
        return [
          await failure(async () => one.reset()),
          await failure(() => one.predict()),
          await failure(() => other.predict()),
          await failure(() => foreclick.Predictor.load(MODEL)),
          await failure(async () => other.free()),
        ];
      });
      const message = "wasm: foreclick stopped (unreachable); reload the page";
      assert.deepEqual(failures, [...Array(4).fill(message), "passed"]);
    },
    { before },
  );
});

test("without SIMD or under too strict a policy the error says what is needed", async () => {
  const before = () => {
    const refuse = async () => {
      throw new WebAssembly.CompileError("invalid opcode");
    };
    WebAssembly.instantiateStreaming = refuse;
    WebAssembly.instantiate = refuse;
  };
  await withPage(
    async (page) => {
      const failure = await page.evaluate(() =>
        foreclick.Predictor.load(MODEL).catch(({ code, message }) => `${code}: ${message}`),
      );
      assert.match(failure, /^wasm: .*invalid opcode.*SIMD.*wasm-unsafe-eval/);
    },
    { before },
  );
});
