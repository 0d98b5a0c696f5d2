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

export const LINKS = ["a", "b", "c"].map((item) => `<a id="${item}" href="/p/${item}">${item}</a>`).join(" ");
const prediction = (probabilities) => Object.entries(probabilities).map(([item, probability]) => ({ item, score: 0, probability }));

/**
 * Opens the shop and gives the page `prefetcher`; `work` gets the page and the shop. `before` runs in each page before
 * its scripts, `options` are the Prefetcher's.
 */
export async function inShop(browser, work, { body = LINKS, policy = POLICY, before, options } = {}) {
  const shop = await openShop({ body, policy });
  const context = await browser.newContext();
  try {
    if (before) await context.addInitScript(before);
    const page = await context.newPage();
    await page.goto(shop.url);
    await begin(page, { nonce: NONCE, ...options });
    await work(page, shop, context);
  } finally {
    await context.close();
    shop.close();
  }
}

/** Gives the page a `prefetcher` with these options. */
export async function begin(page, options) {
  await page.evaluate(async (options) => {
    const { Prefetcher } = await import("/foreclick/prefetch.js");
    globalThis.Prefetcher = Prefetcher;
    globalThis.prefetcher = new Prefetcher({ url: (item) => `/p/${item}`, ...options });
  }, options);
}

export const update = (page, probabilities) => page.evaluate((items) => prefetcher.update(items), prediction(probabilities));
export const report = (page) => page.evaluate(() => prefetcher.report());
export const openPaths = async (page) => (await report(page)).open.map(({ url }) => new URL(url).pathname);

/** The pages that were asked for without a click, once there are as many as expected and no more come. */
export async function prefetched({ requests }, count) {
  const found = () => requests.filter(({ purpose }) => purpose.startsWith("prefetch")).map(({ path }) => path);
  for (let round = 0; round < 100 && found().length < count; round++) await new Promise((resolve) => setTimeout(resolve, 20));
  await new Promise((resolve) => setTimeout(resolve, 150));
  return found();
}
