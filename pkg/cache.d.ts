/**
 * Keeps model files in the browser's Cache API from one visit to the next: they are the same for every visitor. Beside
 * each it keeps, with `backend: "auto"`, that the CPU was faster than the GPU, for this model, browser and adapter; the
 * GPU is tried again where one of these has changed. Nothing else is stored.
 *
 * A file is found by its address and its hash, and checked against the hash each time; a damaged one is dropped and
 * fetched again. Of one address only the version that was loaded last is kept. Where storage is missing, forbidden or
 * full, the file is fetched as without a cache; for a slow one the answer waits no longer than half a second.
 *
 * @example
 * import { Predictor } from "foreclick";
 * import { ModelCache } from "foreclick/cache";
 *
 * const cache = new ModelCache();
 * const predictor = await Predictor.load("/model.safetensors", { cache, integrity: "sha256-…" });
 */
export class ModelCache {
  /** @param name The name in the browser's storage, under which developer tools show it. Default `"foreclick"`. */
  constructor(name?: string);

  /** Erases all that is stored under this name; tells whether there was anything. */
  clear(): Promise<boolean>;

  /** For `Predictor.load`. */
  private read;
}
