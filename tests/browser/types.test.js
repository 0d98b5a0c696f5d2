// The hand-written types: they compile, in strict and in older projects, and name just what the package has.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

function compile(project) {
  try {
    execFileSync(at("node_modules/.bin/tsc"), ["--pretty", "false", "--project", at(`types/${project}`)], { encoding: "utf8" });
  } catch ({ stdout }) {
    assert.fail(stdout);
  }
}

test("every member can be used as its types say, and wrong use is refused", () => {
  compile("tsconfig.json");
});

test("projects with an older standard library can use the types", () => {
  compile("tsconfig.older.json");
});

for (const entry of ["index", "worker", "cache", "knowledge", "prefetch", "collect", "bandit", "devtools"]) {
  test(`types and package name the same members (${entry})`, async () => {
    const { init, ...classes } = await import(`../../pkg/${entry}.js`);
    assert.equal(typeof init, entry === "index" ? "function" : "undefined");
    const [[name, owner], ...others] = Object.entries(classes);
    assert.deepEqual(others, []);
    const text = readFileSync(at(`../../pkg/${entry}.d.ts`), "utf8");
    const declared = text.slice(text.indexOf(`export class ${name}`)).split("\n}\n")[0];
    const typed = [...declared.matchAll(/^ {2}(?:readonly |static |private )?(\w+)[(:;]/gm)].map(([, name]) => name);
    const real = [owner, owner.prototype].flatMap((owner) =>
      Object.getOwnPropertyNames(owner).filter((name) => !["length", "name", "prototype"].includes(name)),
    );
    assert.deepEqual([...new Set(typed)].toSorted(), [...new Set(real)].toSorted());
  });
}

test("types and package name the same functions (state)", async () => {
  const text = readFileSync(at("../../pkg/state.d.ts"), "utf8");
  const declared = [...text.matchAll(/^export function (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(Object.keys(await import("../../pkg/state.js")).toSorted(), declared.toSorted());
  const members = text.slice(text.indexOf("export interface State {")).split("\n}\n")[0];
  const typed = [...members.matchAll(/^ {2}(?:readonly )?(\w+)[(:]/gm)].map(([, name]) => name);
  const predictor = { observe() {}, reset() {}, free() {}, diagnostics: () => ({ model: "none" }) };
  const { openState } = await import("../../pkg/state.js");
  const real = Object.getOwnPropertyNames(Object.getPrototypeOf(await openState(predictor)));
  assert.deepEqual(typed.toSorted(), real.filter((name) => !["constructor", "begin"].includes(name)).toSorted());
});

// They can be imported where there is a React or a Vue alone.
for (const entry of ["react", "vue"]) {
  test(`types and package name the same functions (${entry})`, () => {
    const script = readFileSync(at(`../../pkg/${entry}.js`), "utf8");
    const exported = script.match(/export\{([^}]*)\}/)[1].split(",").map((name) => name.split(" as ").at(-1));
    const text = readFileSync(at(`../../pkg/${entry}.d.ts`), "utf8");
    const declared = [...text.matchAll(/^export function (\w+)/gm)].map(([, name]) => name);
    assert.deepEqual(exported.toSorted(), declared.toSorted());
    assert.ok(script.includes(`from"${entry}"`), "the framework is the page's own");
    assert.equal(script.startsWith('"use client"'), entry === "react");
  });
}
