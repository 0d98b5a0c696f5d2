// foreclick/bandit: it decides as the native learner does, within its bounds, and its state is kept or refused.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Bandit } from "../../pkg/bandit.js";
import { onPage, start } from "./harness.js";

const SEQUENCES = JSON.parse(readFileSync(new URL("../../build/test/bandit.json", import.meta.url), "utf8"));
const ACTIONS = ["a", "b", "c"];

/** Even numbers from 0 to below 1, the same each time. */
function numbers(seed = 1) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const near = (got, expected, what) => assert.ok(Math.abs(got - expected) < 1e-9, `${what}: ${got}, expected ${expected}`);

/** What a call throws, as `code: message`. */
function refusal(call) {
  try {
    call();
    return "passed";
  } catch ({ code, message }) {
    return `${code}: ${message}`;
  }
}

/** Plays a native sequence; says where the decisions differ. `change` may change the options. */
function difference({ options, slate, numbers, steps }, change) {
  let at = 0;
  const given = { ...options, ...change, random: () => numbers[at++ % numbers.length] };
  let bandit = new Bandit(given);
  const ids = [];
  for (const [number, step] of steps.entries()) {
    const decision = bandit.choose(step.context, { slate });
    ids.push(decision.id);
    for (const [position, { action, probability, expected }] of decision.slate.entries()) {
      const native = step.slate[position];
      const isSame = action === native.action && Math.abs(probability - native.probability) < 1e-9 && Math.abs(expected - native.expected) < 1e-9;
      if (!isSame) return `step ${number}, position ${position}: ${action} ${probability} ${expected}, expected ${JSON.stringify(native)}`;
    }
    for (const { step: of, action, reward } of step.rewards) {
      if (!bandit.reward(ids[of], reward, action)) return `step ${number}: the reward of step ${of} was not learned`;
    }
    // A page that is left and comes back goes on as if nothing had been.
    if (number % 25 === 24) bandit = Bandit.fromJSON(JSON.parse(JSON.stringify(bandit)), given);
  }
  return at === numbers.length ? undefined : `${at} numbers drawn, expected ${numbers.length}`;
}

SEQUENCES.forEach((sequence, place) => {
  test(`decisions are those of the native learner (sequence ${place + 1}, ${sequence.options.kind})`, () => {
    assert.equal(difference(sequence), undefined);
    // And would be others, were anything else.
    for (const change of [{ scale: 1.5 }, { ceiling: 0.6 }, { forgetting: 0.9 }]) {
      assert.notEqual(difference(sequence, change), undefined, JSON.stringify(change));
    }
  });
});

test("the best action is found, and exploration keeps below its ceiling", () => {
  for (const kind of ["thompson", "linucb"]) {
    const random = numbers(3);
    const bandit = new Bandit({ actions: ACTIONS, dimension: 2, kind, random });
    const last = { a: 0, b: 0, c: 0 };
    for (let round = 0; round < 2000; round++) {
      const context = [random() < 0.5 ? 1 : -1, 0.3];
      const { id, slate } = bandit.choose(context);
      const chance = { a: 0.5, b: 0.5 + 0.3 * context[0], c: 0.5 - 0.3 * context[0] }[slate[0].action];
      bandit.reward(id, random() < chance ? 1 : 0);
      if (round >= 1500) last[slate[0].action]++;
    }
    assert.ok(last.a < 60, `${kind}: ${JSON.stringify(last)}`);
    const { decisions, explored, pending } = bandit.report();
    assert.deepEqual([decisions, pending], [2000, 0]);
    assert.ok(explored < 0.33 * decisions, `${kind}: ${explored}`);
  }
  const greedy = new Bandit({ actions: ACTIONS, ceiling: 0 });
  for (let round = 0; round < 50; round++) assert.deepEqual(greedy.choose().slate.map(({ action, probability }) => [action, probability]), [["a", 1]]);
});

test("every candidate has the floor, and others are never shown", () => {
  const bandit = new Bandit({ actions: [...ACTIONS, "d"], floor: 0.05, random: numbers(5) });
  const met = new Set();
  for (let round = 0; round < 400; round++) {
    const { slate } = bandit.choose([], { slate: 5, candidates: ["d", "b", "a"] });
    assert.deepEqual(slate.map(({ action }) => action).toSorted(), ["a", "b", "d"]);
    assert.ok(slate.every(({ probability }) => probability >= 0.05 - 1e-12), JSON.stringify(slate));
    near(slate[2].probability, 1, "the last one left");
    met.add(slate[0].action);
  }
  assert.deepEqual([...met].toSorted(), ["a", "b", "d"]);
});

test("rewards may be late, count once, and are taken as given after their time", () => {
  let time = 1000;
  const make = (options) => new Bandit({ actions: ACTIONS, expiry: 100, now: () => time, random: numbers(2), ...options });
  const rewards = (bandit) => bandit.report().actions.reduce((sum, { rewards }) => sum + rewards, 0);
  let bandit = make();
  const { id, slate } = bandit.choose([], { slate: 2 });
  assert.match(refusal(() => bandit.reward(id, 1)), /^argument: the decision shows \w, \w; name the action/);
  assert.match(refusal(() => bandit.reward(id, NaN, "a")), /^argument: the reward is NaN/);
  time += 99;
  assert.equal(bandit.reward(id, 1, slate[1].action), true);
  assert.equal(bandit.reward(id, 1, slate[1].action), false);
  assert.equal(bandit.reward("other", 1), false);
  assert.deepEqual([rewards(bandit), bandit.report().pending], [1, 1]);
  time += 1;
  assert.equal(bandit.reward(id, 1), false, "expired");
  assert.deepEqual([rewards(bandit), bandit.report().pending], [2, 0]);
  const second = bandit.choose();
  assert.equal(bandit.settle(second.id), true);
  assert.equal(bandit.settle(second.id), false);
  assert.equal(rewards(bandit), 3);

  bandit = make({ expired: "drop" });
  bandit.choose();
  time += 100;
  assert.deepEqual([rewards(bandit), bandit.report().pending], [0, 0]);
  // More than may wait: the oldest give way.
  bandit = make({ pending: 2 });
  const ids = [1, 2, 3].map(() => bandit.choose().id);
  assert.deepEqual(ids.map((id) => bandit.reward(id, 1)), [false, true, true]);
  // They wait in the state as well.
  const { id: kept } = bandit.choose();
  const again = Bandit.fromJSON(JSON.parse(JSON.stringify(bandit)), { actions: ACTIONS, expiry: 100, now: () => time });
  assert.equal(again.reward(kept, 1), true);
  again.forget();
  assert.deepEqual([rewards(again), again.report().decisions], [0, 0]);
});

test("forgetting follows change", () => {
  const after = (forgetting) => {
    const bandit = new Bandit({ actions: ["a"], forgetting });
    for (let round = 0; round < 200; round++) bandit.reward(bandit.choose().id, round < 100 ? 1 : 0);
    return bandit.choose().slate[0].expected;
  };
  near(after(1), 100 / 201, "all is kept");
  assert.ok(after(0.95) < 0.01, after(0.95));
});

test("actions may come and go, and another context is refused", () => {
  const options = { actions: ACTIONS, dimension: 2 };
  const bandit = new Bandit(options);
  for (let round = 0; round < 20; round++) bandit.reward(bandit.choose([1, 0]).id, 1);
  const state = JSON.parse(JSON.stringify(bandit));
  const other = Bandit.fromJSON(state, { ...options, actions: ["new", "a"] });
  const [unlearned, learned] = other.report().actions;
  assert.deepEqual([unlearned.rewards, learned.rewards], [0, bandit.report().actions[0].rewards]);
  assert.match(refusal(() => Bandit.fromJSON(state, { actions: ACTIONS, dimension: 3 })), /^version: state: its contexts/);
  assert.match(refusal(() => Bandit.fromJSON(state, { actions: ACTIONS, dimension: 2, rank: 1 })), /^version: .*begin anew/);
});

test("damaged states and policies are refused, and whatever was done with theirs", () => {
  const options = { actions: ACTIONS, dimension: 1, random: numbers(1) };
  const bandit = new Bandit(options);
  for (let round = 0; round < 30; round++) bandit.reward(bandit.choose([0.5]).id, 1);
  bandit.choose([0.5]);
  const text = JSON.stringify(bandit);
  const harm = (change) => {
    const state = JSON.parse(text);
    change(state);
    return refusal(() => Bandit.fromJSON(state, options));
  };
  assert.equal(harm(() => {}), "passed");
  const [{ gram }] = JSON.parse(text).actions;
  const negative = Buffer.from(new Float64Array([-5, 0, -5]).buffer).toString("base64");
  const infinite = Buffer.from(new Float64Array([Infinity, 0, 1]).buffer).toString("base64");
  const harms = [
    [(state) => (state.version = 2), /^version: .*version 2, expected 1/],
    [(state) => (state.foreclick = "policy"), /^format: the state is none/],
    [(state) => (state.actions = {}), /^format: .*no array/],
    [(state) => (state.actions[0].gram = gram.slice(4)), /^format: .*gram of "\w" has 21 bytes, expected 24/],
    [(state) => (state.actions[0].gram = "%"), /^format: .*no Base64/],
    [(state) => (state.actions[0].gram = negative), /^format: .*can't have been learned/],
    [(state) => (state.actions[0].moment = infinite.slice(0, 24)), /^format: .*moment/],
    [(state) => (state.actions[0].gram = infinite), /^format: .*not finite/],
    [(state) => (state.actions[0].rewards = -1), /^format: .*no count/],
    [(state) => (state.decisions = "many"), /^format: .*no count/],
    [(state) => (state.pending = [null]), /^format: .*pending/],
    [(state) => (state.pending[0].open = 5), /^format: .*pending/],
    [(state) => (state.pending[0].context = null), /^format: .*pending/],
  ];
  for (const [change, expected] of harms) assert.match(harm(change), expected, String(change));
  for (const state of [null, [], "{}", 5]) assert.match(refusal(() => Bandit.fromJSON(state, options)), /^format: /);
  const proto = JSON.parse(`{"foreclick":"bandit","version":1,"features":"1/1/${JSON.parse(text).features.split("/")[2]}","numbered":0,"decisions":0,"explored":0,"actions":[{"id":"__proto__","rewards":9}],"pending":[]}`);
  assert.equal(refusal(() => Bandit.fromJSON(proto, options)), "passed");
  assert.equal({}.rewards, undefined);

  const start = SEQUENCES.find(({ options }) => options.start).options.start;
  const started = (change) => {
    const policy = structuredClone(start);
    change(policy);
    return refusal(() => new Bandit({ actions: start.actions.map(({ id }) => id), start: policy }));
  };
  assert.equal(started(() => {}), "passed");
  const wrong = [
    [(policy) => (policy.version = 0), /^version: policy: version 0/],
    [(policy) => delete policy.foreclick, /^format: start is no policy/],
    [(policy) => policy.center.pop(), /^format: .*don't fit/],
    [(policy) => (policy.rank = 99), /^format: .*don't fit/],
    [(policy) => (policy.ridge = 0), /^format: .*ridge/],
    [(policy) => (policy.actions[0].mean = ""), /^format: policy: mean of/],
    [(policy) => (policy.actions[0].precision = Buffer.from(new Float64Array(6)).toString("base64")), /^format: .*precision/],
    [(policy) => (policy.rank = 1), /^format: policy: projection/],
    [(policy) => (policy.actions = [{}]), /^format: .*without id/],
  ];
  for (const [change, expected] of wrong) assert.match(started(change), expected, String(change));
});

test("a context longer than the rank is folded, and scalar products stay right on average", () => {
  const expected = (dimension, rank) => {
    const bandit = new Bandit({ actions: ["a"], dimension, rank });
    const ones = Array(dimension).fill(1);
    // One reward in one direction, asked for in another that has 1 of its values in common.
    let sum = 0;
    for (let place = 0; place < dimension; place++) {
      bandit.forget();
      bandit.reward(bandit.choose(ones.map((_, other) => (other === place ? 1 : 0))).id, 1);
      sum += bandit.choose(ones).slate[0].expected / dimension;
    }
    return sum;
  };
  // (1 + 1) / 3 exactly: the constant's part and the value's, over the ridge, the constant and the value.
  near(expected(16, 16), 2 / 3, "whole");
  const folded = expected(128, 16);
  assert.ok(Math.abs(folded - 2 / 3) < 0.25, folded);
});

test("wrong options and contexts are errors that say so", () => {
  const make = (options) => () => new Bandit({ actions: ACTIONS, ...options });
  const bandit = new Bandit({ actions: ACTIONS, dimension: 2 });
  const calls = [
    [() => new Bandit(), /actions is undefined, expected an array/],
    [make({ actions: ["a", "a"] }), /expected an array of different strings/],
    [make({ kinds: "ucb" }), /unknown option kinds/],
    [make({ kind: "ucb" }), /kind is ucb, expected "thompson" or "linucb"/],
    [make({ floor: 0.2 }), /floor is 0.2 for each of 3 actions, expected together at most the ceiling, 0.3/],
    [make({ forgetting: 0 }), /forgetting is 0, expected above 0/],
    [make({ dimension: 64, rank: 64, actions: Array.from({ length: 9 }, (_, at) => `${at}`) }), /the state would have \d+ bytes, expected at most 65536; lower rank/],
    [() => bandit.choose([1]), /the context has 1 values, expected 2/],
    [() => bandit.choose(), /the context has 0 values, expected 2/],
    [() => bandit.choose([1, Infinity]), /value 1 of the context is Infinity/],
    [() => bandit.choose([1, 1], { slate: 0 }), /slate is 0/],
    [() => bandit.choose([1, 1], { candidates: ["d"] }), /no action "d", expected one of a, b, c/],
    [() => bandit.choose([1, 1], { candidates: [] }), /candidates must be/],
    [() => Bandit.contextOf("soap", 4), /takes a prediction/],
    [() => Bandit.contextOf([], 0), /dimension is 0/],
  ];
  for (const [call, expected] of calls) {
    assert.match(refusal(call), /^argument: /);
    assert.match(refusal(call), expected);
  }
  assert.equal(refusal(() => bandit.choose([1, 1])), "passed");
});

test("a prediction becomes a context of length 1 that its items decide", () => {
  const of = (items) => Bandit.contextOf({ items: items.map((item, place) => ({ item, score: 0, probability: 0.5 / (place + 1) })) }, 32);
  const [first, same, other] = [of(["tea", "soap"]), of(["tea", "soap"]), of(["milk", "soap"])];
  assert.deepEqual(first, same);
  assert.notDeepEqual(first, other);
  near(Math.hypot(...first), 1, "length");
  assert.deepEqual(Bandit.contextOf([], 3), new Float64Array(3));
});

let site;
before(async () => {
  site = await start({ gpu: "none" });
});
after(() => site?.stop());

test("in a page: an update takes less than a millisecond, a state less than 64 KB, and nothing is sent or stored", async () => {
  await onPage(site, async (page) => {
    const { Bandit: _ } = await page.evaluate(async () => Object.assign(globalThis, await import("/foreclick/bandit.js")) && {});
    const sent = [];
    page.on("request", (request) => sent.push(request.url()));
    const measured = await page.evaluate(async () => {
      const results = [];
      for (const [count, rank] of [[2, 64], [20, 16], [30, 12]]) {
        const actions = Array.from({ length: count }, (_, place) => `banner-${place}`);
        const options = { actions, dimension: 64, rank, pending: 16 };
        const bandit = new Bandit(options);
        const context = () => Array.from({ length: 64 }, () => Math.random() / 8);
        const updates = [];
        const rounds = 400;
        for (let round = 0; round < rounds; round++) {
          const { id } = bandit.choose(context());
          const start = performance.now();
          bandit.reward(id, Math.random());
          updates.push(performance.now() - start);
        }
        for (let round = 0; round < 50; round++) bandit.choose(context(), { slate: 3 });
        const text = JSON.stringify(bandit);
        const same = JSON.stringify(Bandit.fromJSON(JSON.parse(text), options)) === text;
        // Other work on the machine may hold up any single one.
        const update = updates.toSorted((a, b) => a - b)[rounds / 2];
        results.push({ count, rank, update, bytes: new Blob([text]).size, same });
      }
      const stored = [...Object.keys(localStorage), ...(await indexedDB.databases()), ...(await caches.keys())];
      return { results, stored };
    });
    for (const { count, rank, update, bytes, same } of measured.results) {
      assert.ok(update < 1, `${count} actions, rank ${rank}: an update of ${update} ms`);
      assert.ok(bytes < 65_536 && same, `${count} actions, rank ${rank}: ${bytes} bytes`);
    }
    assert.deepEqual([measured.stored, sent], [[], []]);
  });
});
