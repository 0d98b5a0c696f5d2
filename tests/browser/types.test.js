// The hand-written types: they compile, in strict and in older projects, and name just what the package has.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const TYPES = ["index", "worker", "cache"].map((entry) => at(`../../pkg/${entry}.d.ts`));

function compile(file, ...options) {
  const shared = ["--noEmit", "--strict", "--pretty", "false", "--moduleDetection", "force"];
  try {
    execFileSync(at("node_modules/.bin/tsc"), [...shared, ...options, file], { encoding: "utf8" });
  } catch ({ stdout }) {
    assert.fail(stdout);
  }
}

test("every member can be used as its types say, and wrong use is refused", () => {
  compile(at("types/use.ts"), "--exactOptionalPropertyTypes", "--target", "esnext", "--module", "esnext", "--moduleResolution", "bundler");
});

test("projects with an older standard library can use the types", () => {
  const older = ["--target", "es2022", "--lib", "es2022,dom", "--module", "node16", "--moduleResolution", "node16"];
  for (const types of TYPES) compile(types, ...older);
});

for (const entry of ["index", "worker", "cache"]) {
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
