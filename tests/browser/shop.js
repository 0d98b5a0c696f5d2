// A shop of several pages, for what happens from one page to the next: it logs every request that reaches it.
import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { MODEL, PACKAGE } from "./harness.js";

export const NONCE = "bm9uY2U";
/** Strict: only the shop's own files, and inline scripts that have the nonce. */
export const POLICY = `default-src 'none'; script-src 'self' 'nonce-${NONCE}' 'wasm-unsafe-eval'; connect-src 'self'; img-src data:`;

/**
 * Serves a page at every path, with `body` in it, the package below /foreclick/, and the model. Resolves to
 * `{ url, requests, close }`, where `requests` are the pages asked for, as `{ path, purpose, time }`: `purpose` is what
 * the browser says of a load that nobody asked for, `time` in milliseconds since 1970.
 */
export async function openShop({ body = "", policy = POLICY } = {}) {
  const requests = [];
  const server = createServer(({ url, headers }, response) => {
    const { pathname } = new URL(url, "http://localhost");
    if (pathname.startsWith("/foreclick/")) return send(response, join(PACKAGE, pathname.slice("/foreclick/".length)));
    if (pathname === "/model.safetensors") return send(response, MODEL);
    requests.push({ path: url, purpose: headers["sec-purpose"] ?? "", time: Date.now() });
    response.writeHead(200, { "content-type": "text/html", "content-security-policy": policy, "cache-control": "no-cache" });
    response.end(`<!doctype html><title>${pathname}</title><link rel="icon" href="data:,"><body>${body}`);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}/`, requests, close };
}

function send(response, file) {
  const type = { js: "text/javascript", wasm: "application/wasm" }[file.split(".").at(-1)] ?? "application/octet-stream";
  response.writeHead(200, { "content-type": type });
  createReadStream(file).pipe(response);
}
