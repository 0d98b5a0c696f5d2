// Serves the package, the tests' models and the tests' own page, under the demo's policy.
import { fileURLToPath } from "node:url";
import { serve } from "../../www/serve.js";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Resolves to `{ url, close }`. */
export function startServer() {
  return serve({ "/": at("page"), "/foreclick/": at("../../pkg"), "/model/": at("../../build/test") }, 0);
}
