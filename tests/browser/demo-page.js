// The demo's pages as a visitor meets them: served with their strict policy, in Chromium, watched.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { serve } from "../../www/serve.js";
import { launchChromium } from "./chromium.js";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
export const DESK = { width: 1440, height: 900 };
export const PHONE = { width: 360, height: 740 };
const READY = 'body[data-state="ready"]';

/** The demo's server and a browser, with or without a GPU: `{ url, browser, open, stop }`. */
export async function startDemo(options) {
  const folders = { "/": "www", "/foreclick/": "pkg", "/model/": "build/demo" };
  const served = Object.fromEntries(Object.entries(folders).map(([path, to]) => [path, join(ROOT, to)]));
  const [server, browser] = await Promise.all([serve(served, 0), launchChromium(options)]);
  return {
    url: server.url,
    browser,
    open: (path, options) => open(browser, server.url + path, options),
    stop: async () => {
      await browser.close();
      server.close();
    },
  };
}

// A page, loaded; it keeps the requests that follow the load, and what went wrong.
async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: DESK, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  const console = [];
  const requests = [];
  page.on("console", (message) => message.type() === "error" && console.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => console.push(`error: ${error.stack}`));
  await page.addInitScript(() => {
    globalThis.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => {
      globalThis.violations.push(`policy: ${event.effectiveDirective} ${event.blockedURI}`);
    });
  });
  await page.goto(url);
  await page.waitForSelector(READY);
  page.on("request", (request) => requests.push(request.url()));
  const troubles = async () => [...console, ...(await page.evaluate(() => globalThis.violations))];
  return { page, requests, troubles, close: () => context.close() };
}

/** A picture of the page. A software GPU that is being tried can keep Chromium from taking one, so it is asked again. */
export async function shoot(page, path) {
  for (let left = 3; ; left--) {
    try {
      return await page.screenshot({ path });
    } catch (error) {
      if (left === 0) throw error;
      await page.waitForTimeout(500);
    }
  }
}

/** How many distinct colours a screenshot has. */
export function colours(page, png) {
  return page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    return new Set(new Uint32Array(canvas.getImageData(0, 0, image.width, image.height).data.buffer)).size;
  }, png.toString("base64"));
}
