// Starts the Chromium that build.sh found, with a WebGPU adapter on any machine.
import { chromium } from "playwright-core";

const ALWAYS = [
  "--no-sandbox", // tests also run as root, in containers
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-quic",
  "--no-first-run",
];
// A software adapter: it shows that results are right, not how fast a real GPU is.
const WITH_GPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];
const WITHOUT_GPU = ["--disable-gpu", "--disable-features=WebGPU"];

/** A browser; `gpu: false` gives one whose pages find no WebGPU adapter. The caller closes it. */
export function launchChromium({ gpu = true } = {}) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [...ALWAYS, ...(gpu ? WITH_GPU : WITHOUT_GPU)],
  });
}
