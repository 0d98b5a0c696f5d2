// Starts the Chromium that build.sh found.
import { chromium } from "playwright-core";

export const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
export const ALWAYS = [
  "--no-sandbox", // tests also run as root, in containers
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-quic",
  "--no-first-run",
];
const GPU = {
  // On any machine: it shows that results are right, not how fast a real GPU is.
  software: ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"],
  // The machine's own, or a software one.
  any: ["--enable-unsafe-webgpu", "--enable-features=Vulkan"],
  // Pages find no WebGPU adapter.
  none: ["--disable-gpu", "--disable-features=WebGPU"],
};

/** A browser with one of these GPUs. The caller closes it. */
export function launchChromium({ gpu = "software" } = {}) {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [...ALWAYS, ...GPU[gpu]],
  });
}
