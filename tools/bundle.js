// bundle.js SOURCE TARGET: a module with all that it imports as one small file, so that a page asks for nothing more.
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// The bundler is the one that comes with Vite, among the development packages.
const require = createRequire(new URL("../tests/browser/package.json", import.meta.url));
const { rolldown } = await import(pathToFileURL(require.resolve("rolldown")));

// A page has one of them already, and hooks work with none but that one.
const FRAMEWORKS = ["react", "vue"];

const [source, target] = process.argv.slice(2);
// "use client" of foreclick/react stays where it is, which a test checks.
const checks = { moduleLevelDirective: false };
const bundle = await rolldown({ input: source, platform: "browser", external: FRAMEWORKS, checks });
const { output } = await bundle.generate({ format: "esm", minify: true, comments: false });
if (output.length !== 1) throw new Error(`${source}: ${output.length} files, expected one`);
// Bundlers look for the addresses of other files in plain strings.
writeFileSync(target, output[0].code.replaceAll(/new URL\(`([^`$]*)`/g, 'new URL("$1"'));
