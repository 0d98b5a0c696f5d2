// What a trial of the GPU decided on this device, kept beside the model's file in its cache.

export class Decisions {
  #name;
  #url;

  constructor([name, url]) {
    this.#name = name;
    this.#url = url;
  }

  // For another thread.
  get parts() {
    return [this.#name, this.#url];
  }

  // Whether the CPU was faster than this adapter, with this model in this browser.
  async wasCpu(adapter) {
    const cache = await this.#open();
    return Boolean(await cache?.match(this.#key(adapter)).catch(() => {}));
  }

  async keepCpu(adapter) {
    const cache = await this.#open();
    await cache?.put(this.#key(adapter), new Response()).catch(() => {});
  }

  // Storage may be missing or forbidden.
  async #open() {
    return globalThis.caches?.open(this.#name).catch(() => {});
  }

  // Another version of the model drops it, and another browser or adapter does not find it.
  #key({ info }) {
    const key = new URL(this.#url);
    const { vendor, architecture, device, description } = info ?? {};
    key.searchParams.set("cpu", [navigator.userAgent, vendor, architecture, device, description]);
    return key;
  }
}
