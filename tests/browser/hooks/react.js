// A small React app over the hooks; the tests drive it through globalThis.
import { createElement as h, StrictMode, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { useExplanation, usePredictions, usePredictor } from "foreclick/react";

function Shop({ load, model, k, first, explained }) {
  const session = usePredictor(load, [model]);
  useEffect(() => {
    if (first) session.observe({ item: first });
  }, [session.observe, first]);
  globalThis.session = session;
  const state = session.error ? session.error.code : session.predictor ? "loaded" : "loading";
  return h("div", null, h("p", { id: "load" }, state), h(List, { session, k }), h(Why, { session, explained }));
}

function List({ session, k }) {
  const { items, error } = usePredictions(session, { k, exclude: ["0000002"] });
  return h("ol", { id: "items", title: error?.code ?? "" }, ...items.map(({ item }) => h("li", { key: item }, item)));
}

function Why({ session, explained }) {
  const { explanation, error } = useExplanation(session, explained, { events: 2 });
  return h("p", { id: "why" }, error ? error.code : explanation ? `${explanation.item} ${explanation.events.length}` : "none");
}

globalThis.mount = (props, isStrict) => {
  const root = createRoot(document.body.appendChild(document.createElement("main")));
  const render = (props) => root.render(h(isStrict ? StrictMode : "div", null, h(Shop, props)));
  render(props);
  return { render, unmount: () => root.unmount() };
};
