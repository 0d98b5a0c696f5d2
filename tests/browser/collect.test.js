// foreclick/collect: what arrives in the predictor is what the visitor did, in a real page with real clicks.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { nativeSessions, onPage, start } from "./harness.js";

let site;
before(async () => {
  site = await start({ gpu: "none" });
});
after(() => site?.stop());

const CARDS = `
  <article data-fc-item="0000001" data-fc-on="click view">
    <a href="#one"><b id="inner">one</b></a> <button id="add" data-fc-on="cart">Add</button> <i id="plain">text</i>
  </article>
  <article data-fc-item="0000002" data-fc-group="basket-2" data-fc-fields='{"price": 3.5, "gift": true}'><a id="two" href="#two">two</a></article>
  <p id="unmarked">nothing</p>
  <div data-fc-item="0000003"><p id="only-view" data-fc-on="view">seen</p></div>`;

/** Opens the page with `html` in it and gives it `make(options)`, whose collector puts [action, event] into `collected`. */
const onShop = (html, work, settings) =>
  onPage(site, async (page) => {
    await page.evaluate(async (html) => {
      const { Collector } = await import("/foreclick/collect.js");
      document.body.insertAdjacentHTML("beforeend", html);
      globalThis.Collector = Collector;
      globalThis.collected = [];
      globalThis.told = [];
      globalThis.make = (options) => {
        const to = (event, action) => collected.push([action, event]);
        globalThis.collector = new Collector({ to, onError: (error) => told.push(`${error.code}: ${error.message}`), ...options });
      };
    }, html);
    await work(page);
  }, settings);

const collected = (page) => page.evaluate(() => collected.map(([action, { item }]) => `${action} ${item}`));

test("clicks and carts are reported for the innermost element that says so, and nothing else", async () => {
  await onShop(CARDS, async (page) => {
    await page.evaluate(() => make({ throttleMilliseconds: 0, viewMilliseconds: 1e6 }));
    const before = Date.now();
    for (const target of ["#inner", "#add", "#plain", "#two", "#unmarked", "#only-view"]) await page.click(target);
    // A page's own handler that ends the event hides nothing.
    await page.evaluate(() => document.getElementById("two").addEventListener("click", (event) => event.stopImmediatePropagation()));
    await page.focus("#two");
    await page.keyboard.press("Enter");
    await page.click("#two", { button: "middle" });
    await page.click("#two", { button: "right" });
    assert.deepEqual(await collected(page), ["click 0000001", "cart 0000001", "click 0000001", "click 0000002", "click 0000003", "click 0000002", "click 0000002"]);
    const [, { time, ...event }] = await page.evaluate(() => collected[3]);
    assert.deepEqual(event, { item: "0000002", group: "basket-2", fields: { price: 3.5, gift: true } });
    assert.ok(time >= before && time <= Date.now());
    assert.deepEqual(await page.evaluate(() => Object.keys(collected[0][1])), ["item", "time"]);
  });
});

test("events tell their action, group and seconds by the model's names", async () => {
  await onShop(CARDS, async (page) => {
    await page.evaluate(() => make({ actionField: "type", actions: { cart: "carts" }, secondsField: "stay", group: () => "visit-9", viewMilliseconds: 50 }));
    await page.click("#inner");
    await page.click("#add");
    await page.waitForFunction(() => collected.length >= 4);
    await page.evaluate(() => document.getElementById("only-view").setAttribute("data-fc-on", "view dwell"));
    await page.waitForTimeout(600);
    await page.evaluate(() => collector.pause());
    const events = await page.evaluate(() => collected.map(([action, { time, ...event }]) => [action, event]));
    assert.deepEqual(events.filter(([action]) => action === "click" || action === "cart"), [
      ["click", { item: "0000001", group: "visit-9", fields: { type: "click" } }],
      ["cart", { item: "0000001", group: "visit-9", fields: { type: "carts" } }],
    ]);
    const [action, { fields }] = events.at(-1);
    assert.equal(action, "dwell");
    assert.equal(fields.type, "dwell");
    assert.ok(fields.stay >= 0.3 && fields.stay < 3, String(fields.stay));
  });
});

test("the predictor has exactly the events of the visitor's actions", async () => {
  const session = nativeSessions().find(({ events }) => events.length > 5 && new Set(events.map(({ item }) => item)).size === events.length);
  const events = session.events.map(({ item, group, fields }) => ({ item, group, fields }));
  const html = events.map(({ item, group, fields }, place) => {
    const attributes = [`data-fc-item="${item}"`, group && `data-fc-group="${group}"`, fields && `data-fc-fields='${JSON.stringify(fields).replaceAll("'", "&#39;")}'`];
    return `<button id="b${place}" ${attributes.filter(Boolean).join(" ")}>${item}</button>`;
  });
  await onShop(html.join(""), async (page) => {
    await page.evaluate(async () => {
      globalThis.predictors = [await foreclick.Predictor.load(MODEL, { backend: "cpu" }), await (await import("/foreclick/worker.js")).Predictor.load(MODEL, { backend: "cpu" })];
      globalThis.collectors = predictors.map((to) => new Collector({ to }));
      make({});
    });
    for (const place of events.keys()) await page.click(`#b${place}`);
    const { seen, same } = await page.evaluate(async () => {
      const told = await foreclick.Predictor.load(MODEL, { backend: "cpu" });
      for (const [, event] of collected) told.observe(event);
      const answers = await Promise.all([told, ...predictors].map(async (predictor) => JSON.stringify((await predictor.predict()).items.map(({ item }) => item))));
      const counts = await Promise.all([told, ...predictors].map(async (predictor) => (await predictor.diagnostics()).events));
      return { seen: counts, same: new Set(answers).size };
    });
    const reported = await page.evaluate(() => collected.map(([, { time, ...event }]) => event));
    assert.deepEqual(reported, JSON.parse(JSON.stringify(events)));
    assert.ok(seen[0] > 3 && new Set(seen).size === 1, String(seen));
    assert.equal(same, 1, "the predictions are those of the same events told by hand");
  });
});

test("a view is half of the element for a second, once; dwelling is how long", async () => {
  const html = `<div id="top" class="tall" data-fc-item="top" data-fc-on="view dwell">top</div><div id="gap"></div>
    <div id="low" data-fc-item="low" data-fc-on="view dwell">low</div>
    <div id="huge" data-fc-item="huge" data-fc-on="view">huge</div>`;
  await onShop(html, async (page) => {
    await page.evaluate(() => {
      const heights = { top: 200, gap: 3000, low: 200, huge: 9000 };
      for (const [id, height] of Object.entries(heights)) document.getElementById(id).style.height = `${height}px`;
      const start = performance.now();
      make({ to: (event, action) => collected.push([action, event, performance.now() - start]) });
    });
    await page.waitForFunction(() => collected.length === 1);
    assert.deepEqual(await collected(page), ["view top"]);
    const milliseconds = await page.evaluate(() => collected[0][2]);
    assert.ok(milliseconds >= 1000 && milliseconds < 2000, `${milliseconds} ms`);
    // A third of it is too little, and a glance too short.
    await page.evaluate(() => scrollTo(0, document.getElementById("low").offsetTop - innerHeight + 60));
    await page.waitForTimeout(1400);
    assert.deepEqual(await collected(page), ["view top", "dwell top"]);
    await page.evaluate(() => {
      scrollTo(0, document.getElementById("low").offsetTop - innerHeight + 150);
      setTimeout(() => scrollTo(0, 0), 300);
    });
    await page.waitForTimeout(1700);
    assert.deepEqual(await collected(page), ["view top", "dwell top"], "top was viewed before");
    // Of what is taller than the window half a window is enough; and what is removed is left.
    await page.evaluate(() => scrollTo(0, document.getElementById("huge").offsetTop + 100));
    await page.waitForTimeout(1500);
    assert.deepEqual((await collected(page)).slice(2), ["dwell top", "view huge"]);
    await page.evaluate(() => scrollTo(0, 0));
    await page.waitForTimeout(1200);
    await page.evaluate(() => document.getElementById("top").remove());
    await page.waitForFunction(() => collected.length === 5);
    assert.equal((await collected(page)).at(-1), "dwell top");
  });
});

test("elements that come, change their item or go are seen as they are then", async () => {
  await onShop("<main id=list></main>", async (page) => {
    await page.evaluate(() => {
      make({ viewMilliseconds: 50 });
      globalThis.card = document.createElement("div");
      Object.assign(card.dataset, { fcItem: "late", fcOn: "view click" });
      card.textContent = "late";
      document.getElementById("list").append(card);
    });
    await page.waitForFunction(() => collected.length === 1);
    await page.click("text=late");
    await page.evaluate(() => {
      card.dataset.fcItem = "other";
    });
    await page.waitForFunction(() => collected.length === 3);
    await page.click("text=late");
    assert.deepEqual(await collected(page), ["view late", "click late", "view other", "click other"]);
    // In an open shadow root, clicks are found too.
    await page.evaluate(() => {
      const host = document.getElementById("list").appendChild(document.createElement("div"));
      host.attachShadow({ mode: "open" }).innerHTML = '<p data-fc-item="shadow"><b>in the shadow</b></p>';
    });
    await page.click("text=in the shadow");
    assert.equal((await collected(page)).at(-1), "click shadow");
  });
});

test("a page that changes all the time costs a look every 200 ms, and no more", async () => {
  await onShop(CARDS + "<main id=list></main>", async (page) => {
    const { looks, milliseconds } = await page.evaluate(async () => {
      let looks = 0;
      const search = Document.prototype.querySelectorAll;
      Document.prototype.querySelectorAll = function (...selectors) {
        looks++;
        return search.apply(this, selectors);
      };
      make({});
      const start = performance.now();
      while (performance.now() - start < 1000) {
        document.getElementById("list").append("text", document.createElement("i"));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      return { looks, milliseconds: performance.now() - start };
    });
    assert.ok(looks >= 2 && looks <= milliseconds / 200 + 1, `${looks} looks in ${milliseconds} ms`);
  });
});

test("the same action on the same item is reported once a second", async () => {
  await onShop(CARDS, async (page) => {
    await page.evaluate(() => make({ throttleMilliseconds: 400, viewMilliseconds: 1e6 }));
    await page.dblclick("#inner");
    await page.click("#two");
    assert.deepEqual(await collected(page), ["click 0000001", "click 0000002"]);
    await page.waitForTimeout(450);
    await page.click("#inner");
    assert.equal((await collected(page)).length, 3);
  });
});

test("pause, resume and stop; a hidden page is not looked at", async () => {
  await onShop(CARDS, async (page) => {
    const states = await page.evaluate(() => {
      make({ throttleMilliseconds: 0, viewMilliseconds: 100 });
      const states = [collector.state];
      collector.pause();
      states.push(collector.state);
      return states;
    });
    await page.waitForTimeout(300);
    await page.click("#inner");
    assert.deepEqual(await collected(page), []);
    await page.evaluate(() => {
      Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
      collector.resume();
      collector.resume();
    });
    await page.waitForTimeout(300);
    assert.deepEqual(await collected(page), []);
    await page.evaluate(() => {
      delete document.visibilityState;
      document.dispatchEvent(new Event("visibilitychange"));
    });
    await page.waitForFunction(() => collected.length === 2);
    assert.deepEqual((await collected(page)).toSorted(), ["view 0000001", "view 0000003"]);
    await page.click("#inner");
    const last = await page.evaluate(() => {
      collector.stop();
      collector.resume();
      return collector.state;
    });
    await page.click("#inner");
    assert.deepEqual([...states, last, (await collected(page)).length], ["collecting", "paused", "stopped", 3]);
  });
});

test("the privacy control of the browser is honoured where the page asks for it", async () => {
  const before = () => Object.defineProperty(navigator, "globalPrivacyControl", { value: true });
  await onShop(CARDS, async (page) => {
    await page.evaluate(() => make({ honorPrivacyControl: true }));
    await page.click("#inner");
    assert.deepEqual([await collected(page), await page.evaluate(() => collector.state)], [[], "refused"]);
    await page.evaluate(() => make({}));
    await page.click("#inner");
    assert.deepEqual(await collected(page), ["click 0000001"]);
  }, { before });
});

test("a field that the model does not have is told once, by both predictors, and collecting goes on", async () => {
  const html = `<button id="good" data-fc-item="0000001">good</button> <button id="bad" data-fc-item="0000002" data-fc-fields='{"colour": "red"}'>bad</button>`;
  await onShop(html, async (page) => {
    const prepare = async (entry) => {
      const { Predictor } = await import(`/foreclick/${entry}.js`);
      const onError = entry === "worker" ? { onError: ({ code, message }) => told.push(`${code}: ${message}`) } : {};
      globalThis.predictor = await Predictor.load(MODEL, { backend: "cpu", ...onError });
      make({ to: predictor, throttleMilliseconds: 0 });
    };
    for (const entry of ["index", "worker"]) {
      await page.evaluate(prepare, entry);
      for (const id of ["bad", "bad", "good", "bad"]) await page.click(`#${id}`);
      const { told, events } = await page.evaluate(async () => {
        const { events } = await predictor.diagnostics();
        collector.stop();
        return { told: globalThis.told.splice(0), events };
      });
      assert.equal(told.length, 1, String(told));
      assert.match(told[0], /^event: .*unknown field "colour"; this model's fields: /);
      assert.equal(events, 1);
    }
  });
});

test("wrong attributes and options are errors that say so", async () => {
  const html = `<i id="a" data-fc-item="1" data-fc-on="klick">a</i> <i id="b" data-fc-item="2" data-fc-fields="{price: 3}">b</i>`;
  await onShop(html, async (page) => {
    await page.evaluate(() => make({ throttleMilliseconds: 0 }));
    for (const id of ["a", "a", "b", "b"]) await page.click(`#${id}`);
    const { told, wrong } = await page.evaluate(() => {
      const calls = [{}, { to: 5 }, { to() {}, rot: 1 }, { to() {}, root: "main" }, { to() {}, group: 5 }];
      const wrong = calls.map((options) => {
        try {
          return String(new Collector(options));
        } catch ({ code, message }) {
          return `${code}: ${message}`;
        }
      });
      return { told, wrong };
    });
    assert.equal(told.length, 2);
    assert.match(told[0], /^argument: .*data-fc-on has "klick", expected some of click, cart, view, dwell/);
    assert.match(told[1], /^argument: .*data-fc-fields is {price: 3}, expected an object in JSON/);
    for (const message of wrong) assert.match(message, /^argument: .*expected/);
  });
});
