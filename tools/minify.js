// minify.js FILE [TARGET]: takes comments, spaces and long names out of a module, in place or into another file.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// The minifier is the one that comes with Vite, among the development packages.
const require = createRequire(new URL("../tests/browser/package.json", import.meta.url));
const { minifySync } = await import(pathToFileURL(require.resolve("rolldown/utils")));

const [file, target = file] = process.argv.slice(2);
const { code, errors } = minifySync(file, readFileSync(file, "utf8"), { module: true });
if (errors.length > 0) throw new Error(`${file}: ${errors.map(({ message }) => message).join("; ")}`);
// Bundlers look for the addresses of other files in plain strings.
writeFileSync(target, code.replaceAll(/new URL\(`([^`$]*)`/g, 'new URL("$1"'));
