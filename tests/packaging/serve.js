// A static server for one folder, with the demo's model beside it.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

/** Serves `folder` on a free port of this machine; resolves to `{ url, close }`. */
export async function serve(folder, model) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const file = pathname === "/model.safetensors" ? model : join(folder, normalize(pathname));
    try {
      const body = await readFile(pathname === "/" ? join(folder, "index.html") : file);
      response.writeHead(200, { "content-type": TYPES[extname(file) || ".html"] ?? "application/octet-stream" });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}
