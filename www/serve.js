// Serves the demo on this machine, under a policy as strict as any site's: only its own files, no inline script.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { pipeline } from "node:stream";
import { fileURLToPath } from "node:url";
import { constants, createGzip } from "node:zlib";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const DEMO = { "/": join(ROOT, "www"), "/foreclick/": join(ROOT, "pkg"), "/model/": join(ROOT, "build/demo") };

const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "connect-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".woff2": "font/woff2",
};

// A model is numbers that hardly pack, and a page can show its progress only where it knows the length.
const PACKED = new Set([".css", ".html", ".js", ".json", ".svg", ".wasm"]);

/**
 * Serves folders by the beginning of the path, the longest that fits; resolves to `{ url, close }`.
 * Port 0 is any free one.
 */
export async function serve(folders, port) {
  const server = createServer((request, response) => answer(folders, request, response));
  await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

async function answer(folders, request, response) {
  const headers = { "content-security-policy": POLICY, "x-content-type-options": "nosniff", "cache-control": "no-cache" };
  const file = locate(folders, request.url);
  const found = file && (await stat(file).catch(() => undefined));
  if (!found?.isFile()) {
    response.writeHead(404, { ...headers, "content-type": "text/plain; charset=utf-8" });
    response.end(`${request.url} is not here\n`);
    return;
  }
  headers["content-type"] = TYPES[extname(file)] ?? "application/octet-stream";
  const parts = [createReadStream(file)];
  if (PACKED.has(extname(file)) && /\bgzip\b/.test(request.headers["accept-encoding"])) {
    headers["content-encoding"] = "gzip";
    parts.push(createGzip({ level: constants.Z_BEST_COMPRESSION }));
  } else {
    headers["content-length"] = found.size;
  }
  response.writeHead(200, headers);
  // A visitor who leaves half-way is no error.
  pipeline(...parts, response, () => {});
}

function locate(folders, url) {
  try {
    // A URL's path has no ".." left in it, but an encoded one could bring it back.
    const path = decodeURIComponent(new URL(url, "http://localhost").pathname);
    if (path.split(/[/\\]/).includes("..") || path.includes("\0")) return undefined;
    const prefix = Object.keys(folders)
      .filter((prefix) => path.startsWith(prefix))
      .reduce((a, b) => (a.length > b.length ? a : b));
    return join(folders[prefix], path.slice(prefix.length), path.endsWith("/") ? "index.html" : "");
  } catch {
    return undefined;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const port = Number(process.env.PORT ?? 8080);
  try {
    const { url } = await serve(DEMO, port);
    console.error(`serving the demo on ${url}`);
  } catch (error) {
    if (error.code !== "EADDRINUSE") throw error;
    console.error(`port ${port} is in use; name another: PORT=${port + 1} ./build.sh demo`);
    process.exitCode = 2;
  }
}
