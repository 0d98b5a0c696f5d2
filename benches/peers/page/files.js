// No runtime: our files for the same model, fetched and compiled and no more. What loads them can't be faster.
export async function load(model) {
  const whole = fetch(model).then((response) => response.arrayBuffer());
  await Promise.all([WebAssembly.compileStreaming(fetch("/foreclick/wasm/foreclick_bg.wasm")), whole]);
  return {};
}
