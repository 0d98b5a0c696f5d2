// The package on WebGPU, on a software adapter: the CPU's answers, or the CPU.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertSameRanking, nativeSessions, onPage, start } from "./harness.js";

let site;
let siteWithoutAdapter;
before(async () => {
  [site, siteWithoutAdapter] = await Promise.all([start(), start({ gpu: "none" })]);
});
after(() => Promise.all([site?.stop(), siteWithoutAdapter?.stop()]));

const SESSION = nativeSessions().find(({ events }) => events.length > 5);

/** Loads with the backend, lets it settle, observes the session and predicts; `work` goes on in the page. */
async function load(page, backend) {
  await page.evaluate(
    async ({ backend, events }) => {
      globalThis.predictor = await foreclick.Predictor.load(MODEL, { backend });
      await predictor.settled;
      for (const event of events) predictor.observe(event);
    },
    { backend, events: SESSION.events },
  );
}

const predict = (page) => page.evaluate(() => predictor.predict());
const report = (page) => page.evaluate(() => predictor.diagnostics());

test("the GPU predicts what the native CPU predicts", async () => {
  const sessions = nativeSessions().slice(0, 300);
  await onPage(site, async (page) => {
    const { predictions, diagnostics } = await page.evaluate(async (sessions) => {
      const predictor = await foreclick.Predictor.load(MODEL, { backend: "gpu" });
      const predictions = [];
      for (const { events } of sessions) {
        predictor.reset();
        for (const event of events) predictor.observe(event);
        predictions.push(await predictor.predict());
      }
      return { predictions, diagnostics: predictor.diagnostics() };
    }, sessions);
    sessions.forEach(({ items }, place) => {
      assert.equal(predictions[place].backend, "gpu", diagnostics.reason);
      assertSameRanking(predictions[place].items, items, `session ${place}`);
    });
    assert.equal(diagnostics.selfCheck, "passed");
    assert.match(diagnostics.adapter, /swiftshader/);
    assert.ok(diagnostics.gpuMilliseconds > 0);
  });
});

test("auto answers at once on the CPU and settles on the faster one", async () => {
  await onPage(site, async (page) => {
    const { first, settled } = await page.evaluate(async () => {
      const predictor = await foreclick.Predictor.load(MODEL);
      const first = await predictor.predict();
      await predictor.settled;
      return { first, settled: predictor.diagnostics() };
    });
    assert.equal(first.backend, "cpu");
    assert.equal(settled.selfCheck, "passed");
    const faster = settled.gpuMilliseconds < settled.cpuMilliseconds ? "gpu" : "cpu";
    assert.equal(settled.backend, faster, settled.reason);
  });
});

test("with the CPU asked for, the GPU is never touched", async () => {
  const watch = () => {
    globalThis.asked = 0;
    const { requestAdapter } = GPU.prototype;
    GPU.prototype.requestAdapter = function (...options) {
      globalThis.asked += 1;
      return requestAdapter.apply(this, options);
    };
  };
  await onPage(
    site,
    async (page) => {
      await load(page, "cpu");
      await predict(page);
      assert.equal(await page.evaluate(() => asked), 0);
      await load(page, "gpu");
      assert.ok((await page.evaluate(() => asked)) > 0, "the watch works");
    },
    { before: watch },
  );
});

for (const backend of ["auto", "gpu"]) {
  test(`without an adapter the CPU answers (${backend})`, async () => {
    await onPage(siteWithoutAdapter, async (page) => {
      assert.equal(await page.evaluate(() => typeof navigator.gpu), "object");
      await load(page, backend);
      await expectCpu(page, /^the CPU answers because .*no WebGPU$/, "none");
    });
  });

  test(`without WebGPU the CPU answers (${backend})`, async () => {
    const before = () => delete Navigator.prototype.gpu;
    await onPage(
      site,
      async (page) => {
        assert.equal(await page.evaluate(() => typeof navigator.gpu), "undefined");
        await load(page, backend);
        await expectCpu(page, /^the CPU answers because .*no WebGPU$/, "none");
      },
      { before },
    );
  });
}

for (const [how, requestAdapter, reason] of [
  ["throws", () => { throw new Error("blocked by an extension"); }, /^the CPU answers because WebGPU failed \(blocked by an extension\)$/],
  ["rejects", () => Promise.reject(new Error("blocked by an extension")), /^the CPU answers because WebGPU failed \(blocked by an extension\)$/],
  ["never answers", () => new Promise(() => {}), /because WebGPU failed \(no answer\)$/],
]) {
  test(`a WebGPU that ${how} leaves the CPU`, async () => {
    const before = `GPU.prototype.requestAdapter = ${requestAdapter};`;
    await onPage(
      site,
      async (page) => {
        await load(page, "gpu");
        await expectCpu(page, reason, "none");
      },
      { before },
    );
  });
}

test("whatever call of WebGPU throws, the CPU answers and the reason is told", async () => {
  const calls = [
    ["GPUAdapter", "requestDevice"],
    ["GPUDevice", "createBuffer"],
    ["GPUDevice", "createShaderModule"],
    ["GPUDevice", "createComputePipelineAsync"],
    ["GPUDevice", "createBindGroup"],
    ["GPUDevice", "createCommandEncoder"],
    ["GPUCommandEncoder", "beginComputePass"],
    ["GPUCommandEncoder", "copyBufferToBuffer"],
    ["GPUComputePassEncoder", "dispatchWorkgroups"],
    ["GPUQueue", "writeBuffer"],
    ["GPUQueue", "submit"],
    ["GPUBuffer", "mapAsync"],
    ["GPUBuffer", "getMappedRange"],
  ];
  for (const [type, method] of calls) {
    const before = `${type}.prototype.${method} = () => { throw new Error("no ${method}"); };`;
    await onPage(
      site,
      async (page) => {
        await load(page, "gpu");
        await expectCpu(page, new RegExp(`^the CPU answers because .*no ${method}`), type === "GPUAdapter" ? "none" : "failed");
      },
      { before },
    );
  }
});

// As a driver's bug would. Names in shaders are short by then.
for (const [what, from, to, prediction] of [
  ["every score a little off", /var (\w+)=f32\((\w+)\[(\w+)\]\)/.source, "var $1=0.1*f32($3&1u)+f32($2[$3])", 0],
  ["attention to fifteen events alone", / < (\w+);(\w+\+=\w+\)\{let \w+=exp)/.source, " < min($1,15u);$2", 0],
  ["what is excluded is a candidate", /,(\w+\.\w+) !=0u\)/.source, ",$1 ==7u)", 1],
  ["what is known is forgotten", /if (\w+\.\w+) !=0u/.source, "if $1 ==7u", 1],
]) {
  test(`a GPU that computes something else is found out: ${what}`, async () => {
    const before = `{
      const { createShaderModule } = GPUDevice.prototype;
      GPUDevice.prototype.createShaderModule = function ({ code, ...rest }) {
        const broken = code.replaceAll(new RegExp(${JSON.stringify(from)}, "g"), ${JSON.stringify(to)});
        globalThis.broke ||= broken !== code;
        return createShaderModule.call(this, { code: broken, ...rest });
      };
    }`;
    await onPage(
      site,
      async (page) => {
        await load(page, "gpu");
        assert.ok(await page.evaluate(() => globalThis.broke));
        await expectCpu(page, new RegExp(`^the CPU answers because the GPU's prediction ${prediction} is wrong`), "failed");
      },
      { before },
    );
  });
}

test("a GPU that hangs costs a moment, is used again when it answers, and is given up when it goes on", async () => {
  const before = () => {
    Object.assign(globalThis, { devices: 0, hangs: 0 });
    const { requestDevice } = GPUAdapter.prototype;
    GPUAdapter.prototype.requestDevice = function (...options) {
      globalThis.devices += 1;
      return requestDevice.apply(this, options);
    };
    const { mapAsync } = GPUBuffer.prototype;
    GPUBuffer.prototype.mapAsync = function (...options) {
      return globalThis.hangs-- > 0 ? new Promise(() => {}) : mapAsync.apply(this, options);
    };
  };
  await onPage(
    site,
    async (page) => {
      await load(page, "gpu");
      await page.evaluate(() => predictor.predict());
      // A machine under load may make a sound GPU late too: what is asserted of it is its answers.
      const ask = async (hangs) => {
        const prediction = await page.evaluate((hangs) => {
          globalThis.hangs = hangs; // that many answers
          return predictor.predict();
        }, hangs);
        assertSameRanking(prediction.items, SESSION.items, `hangs: ${hangs}`);
        return prediction;
      };
      const late = await ask(1);
      assert.equal(late.backend, "cpu");
      assert.ok(late.milliseconds >= 99 && late.milliseconds < 2500, `${late.milliseconds} ms`);
      assert.equal((await report(page)).backend, "gpu");
      assert.equal((await ask(0)).backend, "gpu");
      for (let round = 0; round < 3; round++) assert.equal((await ask(1)).backend, "cpu");
      // It gets its second chance.
      await page.evaluate(() => predictor.settled);
      assert.equal(await page.evaluate(() => devices), 2);
      assert.equal((await ask(0)).backend, "gpu");
      for (let round = 0; round < 3; round++) await ask(1);
      await page.evaluate(() => predictor.settled);
      const { backend, reason } = await report(page);
      assert.equal(backend, "cpu");
      assert.match(reason, /^the CPU answers because the GPU became many times slower/);
      const fast = await ask(1);
      assert.ok(fast.milliseconds < 90, `${fast.milliseconds} ms`);
      assert.equal(await page.evaluate(() => devices), 2);
    },
    { before },
  );
});

// For a page's beginning: keeps each device, and `lose` loses the latest as a driver's update would, and not the page.
function keepDevices() {
  globalThis.devices = [];
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (...options) {
    const device = await requestDevice.apply(this, options);
    globalThis.devices.push(device);
    const update = new Promise((resolve) => (globalThis.lose = () => resolve({ reason: "unknown", message: "an update" })));
    return Object.defineProperty(device, "lost", { value: Promise.race([device.lost, update]) });
  };
}

test("a lost GPU leaves its answer to the CPU, is tried once more, and then no more", async () => {
  await onPage(
    site,
    async (page) => {
      await load(page, "gpu");
      const backends = [];
      for (let round = 0; round < 5; round++) {
        const prediction = await predict(page);
        assertSameRanking(prediction.items, SESSION.items, `round ${round}`);
        backends.push(prediction.backend);
        await page.evaluate(() => predictor.settled);
        // Lost before the second prediction and before the fourth.
        if (round === 0 || round === 2) await page.evaluate(() => devices.at(-1).destroy());
      }
      assert.deepEqual(backends, ["gpu", "cpu", "gpu", "cpu", "cpu"]);
      assert.equal(await page.evaluate(() => devices.length), 2);
      assert.equal((await report(page)).backend, "cpu");
    },
    { before: keepDevices },
  );
});

test("a GPU that is gone before many events is tried once more too", async () => {
  await onPage(
    site,
    async (page) => {
      const found = await page.evaluate(async () => {
        // What is recurrent sees all events, however long ago.
        const predictor = await foreclick.Predictor.load("/model/gru.safetensors", { backend: "gpu" });
        const first = await predictor.predict();
        lose();
        devices[0].destroy();
        await new Promise((resolve) => setTimeout(resolve, 50));
        // More than the GPU takes in one submit, which fails before there is a question.
        for (let number = 0; number < 200; number++) {
          predictor.observe({ item: first.items[number % 10].item, group: `group-${number}` });
        }
        const second = await predictor.predict();
        await predictor.settled;
        return [first.backend, second.backend, (await predictor.predict()).backend, devices.length];
      });
      assert.deepEqual(found, ["gpu", "cpu", "gpu", 2]);
    },
    { before: keepDevices },
  );
});

test("a GPU lost on the way leaves the question as it was", async () => {
  const before = () => {
    const { requestDevice } = GPUAdapter.prototype;
    GPUAdapter.prototype.requestDevice = async function (...options) {
      globalThis.device = await requestDevice.apply(this, options);
      return globalThis.device;
    };
  };
  await onPage(
    site,
    async (page) => {
      await load(page, "gpu");
      const late = await page.evaluate(async () => {
        const asked = predictor.predict();
        predictor.reset();
        predictor.observe({ item: "0000009", group: "another" });
        device.destroy();
        return asked;
      });
      assert.equal(late.backend, "cpu");
      assertSameRanking(late.items, SESSION.items, "the session as it was at the call");
    },
    { before },
  );
});

test("a long session that the GPU has not followed costs it no step too many", async () => {
  await onPage(site, async (page) => {
    const { first, backend, reason } = await page.evaluate(async () => {
      const predictor = await foreclick.Predictor.load(MODEL, { backend: "gpu" });
      for (let number = 0; number < 9000; number++) {
        predictor.observe({ item: String(number % 3000).padStart(7, "0"), group: `group-${number >> 2}` });
      }
      // Waited for longer than after one event.
      return { first: await predictor.predict(), ...predictor.diagnostics() };
    });
    assert.deepEqual([first.backend, backend], ["gpu", "gpu"], reason);
  });
});

test("calls that overlap each get the answer to their own session", async () => {
  await onPage(site, async (page) => {
    await load(page, "gpu");
    const answers = await page.evaluate(async () => {
      const asked = [predictor.predict(), predictor.predict({ k: 3 })];
      predictor.observe({ item: "0000009", group: "another" });
      asked.push(predictor.predict());
      const answers = await Promise.all(asked);
      return [...answers, await predictor.predict()];
    });
    assert.deepEqual(
      answers.map(({ backend }) => backend),
      ["gpu", "cpu", "cpu", "gpu"],
    );
    assertSameRanking(answers[0].items, SESSION.items, "the first");
    assertSameRanking(answers[1].items, SESSION.items.slice(0, 3), "the second");
    assertSameRanking(answers[3].items, answers[2].items, "after the event");
    assert.notEqual(answers[3].items[0].score, answers[0].items[0].score);
  });
});

test("a worker predicts too, on either backend", async () => {
  await onPage(site, async (page) => {
    const backends = await page.evaluate(async () => {
      const worker = new Worker("/worker.js", { type: "module" });
      const answer = new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = (event) => reject(new Error(event.message));
      });
      worker.postMessage(MODEL);
      return answer;
    });
    assert.deepEqual(backends, ["cpu", "gpu"]);
  });
});

async function expectCpu(page, reason, selfCheck) {
  const prediction = await predict(page);
  assert.equal(prediction.backend, "cpu");
  assertSameRanking(prediction.items, SESSION.items, "the CPU's answer");
  const diagnostics = await report(page);
  assert.equal(diagnostics.backend, "cpu");
  assert.match(diagnostics.reason, reason);
  assert.equal(diagnostics.selfCheck, selfCheck);
}
