// Serves the shop: its pages after `delay` milliseconds, everything else at once and to be kept.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { render } from "./site.js";

const TYPES = { js: "text/javascript", mjs: "text/javascript", css: "text/css", wasm: "application/wasm" };
/** `folders` are served by the beginning of the path; bare imports are found by `modules`, an import map. */
export async function openShop({ pages, folders, model, modules, delay }) {
  const documents = new Map([...pages].map(([path, page]) => [path, withModules(render(path, page), modules)]));
  const server = createServer(({ url }, response) => {
    const { pathname } = new URL(url, "http://localhost");
    const page = documents.get(pathname);
    if (page) {
      setTimeout(() => {
        response.writeHead(200, { "content-type": "text/html", "cache-control": "no-cache" });
        response.end(page);
      }, delay);
      return;
    }
    const prefix = Object.keys(folders).find((prefix) => pathname.startsWith(prefix));
    const file = pathname === "/model.safetensors" ? model : prefix && folders[prefix] + pathname.slice(prefix.length);
    try {
      const body = readFileSync(file);
      response.writeHead(200, { "content-type": TYPES[pathname.split(".").at(-1)] ?? "application/octet-stream", "cache-control": "max-age=3600" });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bytesOf = (path) => documents.get(path).length;
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, bytesOf, close };
}

const withModules = (page, modules) => page.replace("<nav>", `<script type="importmap">${JSON.stringify({ imports: modules })}</script><nav>`);
