// Serves folders from memory: scripts and WebAssembly packed once, as a site's server has them, so that nobody waits for
// a compressor or a disk.
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { gzipSync } from "node:zlib";

// Larger files, models of a million items, would fill the memory: they go out as they are read.
const LARGEST_KEPT = 64 << 20;
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".mjs": "text/javascript; charset=utf-8",
  ".wasm": "application/wasm",
};

/** Serves folders by the beginning of the path, the longest first; resolves to `{ url, packedSize, close }`. */
export async function serve(folders) {
  const prefixes = Object.keys(folders).sort((a, b) => b.length - a.length);
  const files = new Map();
  function nameOf(path) {
    const prefix = prefixes.find((prefix) => path.startsWith(prefix));
    return join(folders[prefix], path.slice(prefix.length) || "index.html");
  }
  async function file(path) {
    const name = nameOf(path);
    const type = TYPES[extname(name)];
    const { size } = await stat(name);
    if (size > LARGEST_KEPT) return { size };
    const bytes = await readFile(name);
    return { type, body: type ? gzipSync(bytes, { level: 9 }) : bytes };
  }
  function keep(path) {
    if (!files.has(path)) files.set(path, file(path));
    return files.get(path);
  }
  const server = createServer(async ({ url }, response) => {
    const path = new URL(url, "http://localhost").pathname;
    try {
      const { type, body, size } = await keep(path);
      if (!body) {
        response.writeHead(200, { "content-type": "application/octet-stream", "content-length": size });
        return createReadStream(nameOf(path), { highWaterMark: 1 << 20 }).pipe(response);
      }
      const headers = { "content-type": type ?? "application/octet-stream", "content-length": body.length };
      response.writeHead(200, type ? { ...headers, "content-encoding": "gzip" } : headers).end(body);
    } catch (error) {
      response.writeHead(404).end(String(error));
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    /** The bytes of a path as it goes over the wire. */
    packedSize: async (path) => (await keep(path)).body.length,
    close: () => server.close(),
  };
}
