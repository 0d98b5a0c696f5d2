// bundle.js SOURCE TARGET: a module with all that it imports as one small file, so that a page asks for nothing more.
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// The bundler is the one that comes with Vite, among the development packages.
const require = createRequire(new URL("../tests/browser/package.json", import.meta.url));
const { rolldown } = await import(pathToFileURL(require.resolve("rolldown")));

const [source, target] = process.argv.slice(2);
const bundle = await rolldown({ input: source, platform: "browser" });
const { output } = await bundle.generate({ format: "esm", minify: true, comments: false });
if (output.length !== 1) throw new Error(`${source}: ${output.length} files, expected one`);
// Bundlers look for the addresses of other files in plain strings.
writeFileSync(target, output[0].code.replaceAll(/new URL\(`([^`$]*)`/g, 'new URL("$1"'));
