// The hand-written types: they compile, in strict and in older projects, and name just what the package has.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const TYPES = at("../../pkg/index.d.ts");

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
  compile(TYPES, ...older);
});

test("types and package name the same members", async () => {
  const { Predictor, init, ...others } = await import("../../pkg/index.js");
  assert.deepEqual([typeof init, others], ["function", {}]);
  const text = readFileSync(TYPES, "utf8");
  const declared = text.slice(text.indexOf("export class Predictor"), text.indexOf("/** How a model is loaded. */"));
  const typed = [...declared.matchAll(/^ {2}(?:readonly |static )?(\w+)[(:]/gm)].map(([, name]) => name);
  const real = [Predictor, Predictor.prototype].flatMap((owner) =>
    Object.getOwnPropertyNames(owner).filter((name) => !["length", "name", "prototype", "constructor"].includes(name)),
  );
  assert.deepEqual(typed.toSorted(), real.toSorted());
});
