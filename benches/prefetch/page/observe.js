// In each page of the shop: the strategies, which see the same real events. `replay`, which the driver gives, names those that
// run. Watched, they only say what they would load; otherwise the one that runs has the browser load it.
import { ForesightManager } from "js.foresight";
import { Predictor } from "/foreclick/index.js";
import { Prefetcher } from "/foreclick/prefetch.js";
import { openState } from "/foreclick/state.js";

const { strategies, isWatched } = globalThis.replay;
const links = [...document.querySelectorAll("a[href]")];
globalThis.noted = []; // { strategy, path, time }, each page once

/** What a strategy wants to be loaded. */
function want(strategy, address) {
  const path = new URL(address, location.href).pathname;
  if (path === location.pathname || noted.some((one) => one.strategy === strategy && one.path === path)) return;
  noted.push({ strategy, path, time: performance.now() });
  if (isWatched) return;
  const script = Object.assign(document.createElement("script"), { type: "speculationrules" });
  script.textContent = JSON.stringify({ prefetch: [{ source: "list", urls: [path], eagerness: "immediate" }] });
  document.head.append(script);
}

const START = {
  none() {},

  // As instant.page: a link that the pointer has been on for 65 ms.
  hover() {
    for (const link of links) {
      let timer;
      link.addEventListener("mouseenter", () => (timer = setTimeout(() => want("hover", link.href), 65)));
      link.addEventListener("mouseleave", () => clearTimeout(timer));
    }
  },

  // As quicklink: every link in view.
  viewport() {
    const observer = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) if (isIntersecting) want("viewport", target.href);
    });
    for (const link of links) observer.observe(link);
  },

  // The library with its defaults.
  foresight() {
    ForesightManager.initialize();
    for (const element of links) ForesightManager.instance.register({ element, callback: () => want("foresight", element.href) });
  },

  foreclick: (predictor) => foreclick("foreclick", predictor, {}),
  both: (predictor) => foreclick("both", predictor, { hover: 65 }),
  eager: (predictor) => foreclick("eager", predictor, { hover: 65, threshold: 0.1 }),
};

async function foreclick(name, predictor, options) {
  const load = isWatched ? (address) => want(name, address) : undefined;
  const url = (item) => (item === "(left)" ? null : item);
  await new Prefetcher({ url, load, ...options }).refresh(await predictor, { k: 20 });
}

// The session lies on the device, from page to page.
async function begin() {
  const predictor = await Predictor.load("/model.safetensors", { backend: "cpu" });
  await openState(predictor);
  predictor.observe({ item: location.pathname, time: Date.now() });
  return predictor;
}

addEventListener("click", (event) => {
  if (isWatched) event.preventDefault();
  globalThis.clickedAt = performance.now();
  sessionStorage.setItem("clicked", performance.timeOrigin + performance.now());
});
const predictor = strategies.some((name) => ["foreclick", "both", "eager"].includes(name)) ? begin() : undefined;
for (const name of strategies) START[name](predictor);
await predictor;
globalThis.isReady = true;
