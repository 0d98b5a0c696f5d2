// Each framework's hooks in a page that Vite has built; `rendered` has how many items each shows.
import { createElement } from "react";
import { createRoot } from "react-dom/client";
import { createApp, h } from "vue";
import { Predictor } from "foreclick";
import * as react from "foreclick/react";
import * as vue from "foreclick/vue";

const load = (signal) => Predictor.load("/model.safetensors", { backend: "cpu", signal });
const place = () => document.body.appendChild(document.createElement("div"));
globalThis.rendered = [0, 0];

function WithReact() {
  const { items } = react.usePredictions(react.usePredictor(load));
  globalThis.rendered[0] = items.length;
  return createElement("p", null, items.length);
}
createRoot(place()).render(createElement(WithReact));

const WithVue = {
  setup() {
    const { items } = vue.usePredictions(vue.usePredictor(load));
    return () => {
      globalThis.rendered[1] = items.value.length;
      return h("p", items.value.length);
    };
  },
};
createApp(WithVue).mount(place());
