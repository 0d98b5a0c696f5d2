// On a server: every entry can be imported, and hooks render a page without a predictor.
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { createSSRApp, h } from "vue";
import { renderToString as renderVue } from "vue/server-renderer";

const modules = {};
for (const entry of ["index", "worker", "cache", "knowledge", "prefetch", "collect", "bandit", "state", "react", "vue", "devtools"]) {
  modules[entry] = await import(entry === "index" ? "foreclick" : `foreclick/${entry}`);
  console.log(`${entry}: ${typeof Object.values(modules[entry])[0]}`);
}

// What needs a page says so.
for (const make of [
  () => new modules.prefetch.Prefetcher({ url: (item) => item }),
  () => new modules.collect.Collector({ to() {} }),
  () => new modules.devtools.Devtools({ diagnostics() {} }),
]) {
  try {
    make();
  } catch ({ code, message }) {
    console.log(code, /document|page/.test(message));
  }
}

// There is no store, which is no error.
const predictor = { observe() {}, reset() {}, free() {}, diagnostics: () => ({ model: "none" }) };
console.log(`state: ${(await modules.state.openState(predictor)).status.mode}`);

const load = () => {
  throw new Error("a server loads nothing");
};

function WithReact() {
  const session = modules.react.usePredictor(load);
  const { items } = modules.react.usePredictions(session, { k: 3 });
  const { explanation } = modules.react.useExplanation(session, items[0]?.item);
  return createElement("p", null, `${items.length} ${explanation}`);
}
console.log(`react: ${renderToString(createElement(WithReact))}`);

const WithVue = {
  setup() {
    const session = modules.vue.usePredictor(load);
    const { items } = modules.vue.usePredictions(session, { k: 3 });
    const { explanation } = modules.vue.useExplanation(session, () => items.value[0]?.item);
    return () => h("p", `${items.value.length} ${explanation.value}`);
  },
};
console.log(`vue: ${await renderVue(createSSRApp(WithVue))}`);
