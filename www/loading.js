// How a page of the demo begins: the package and its model are loaded, or it is said what is missing.
import { byId } from "./dom.js";

/** Imports the package late, so that a page can say what to do where it is not built. */
export function loadPackage() {
  return import("/foreclick/index.js").catch((error) => {
    throw Object.assign(error, { code: "fetch" });
  });
}

/** Fetches a file. Throws an error of code `fetch`, as the package does, where it is missing. */
export async function request(url) {
  const response = await fetch(url).catch((error) => {
    throw Object.assign(error, { code: "fetch" });
  });
  if (!response.ok) throw Object.assign(new Error(`${url} answered ${response.status}`), { code: "fetch" });
  return response;
}

/** For `Predictor.load`'s `onProgress`. */
export function showProgress({ loaded, total }) {
  const megabytes = (count) => (count / 1e6).toFixed(1);
  byId("loading-text").textContent = total
    ? `Loading the model: ${megabytes(loaded)} of ${megabytes(total)} MB`
    : `Loading the model: ${megabytes(loaded)} MB`;
  if (total) byId("progress").value = loaded / total;
}

/** Ends the page with an error. */
export function fail(error) {
  document.body.dataset.state = "failed";
  byId("failed").hidden = false;
  byId("failed-title").textContent = "The predictor stopped";
  byId("failed-text").textContent = error.message;
}

/** Every file that the demo's command makes is missing together; a browser that is too old is another matter. */
export function failToLoad(error) {
  fail(error);
  if (error.code !== "fetch") {
    byId("failed-title").textContent = "The demo can't start here";
    return;
  }
  byId("failed-title").textContent = "There is no model here yet";
  byId("failed-text").textContent =
    `${error.message}. This command trains one, builds the package and serves this page:`;
  byId("failed-command").textContent = "./build.sh demo";
  byId("failed-command").hidden = false;
}
