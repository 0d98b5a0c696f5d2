// The same small app with Vue's composables.
import { createApp, h, onMounted, shallowReactive } from "vue";
import { useExplanation, usePredictions, usePredictor } from "foreclick/vue";

const Shop = {
  props: ["load", "model", "k", "first", "explained"],
  setup(props) {
    const session = usePredictor((signal) => props.load(signal), () => props.model);
    if (props.first) onMounted(() => session.observe({ item: props.first }));
    globalThis.session = session;
    const { items, error } = usePredictions(session, () => ({ k: props.k, exclude: ["0000002"] }));
    const why = useExplanation(session, () => props.explained, { events: 2 });
    const state = () => (session.error.value ? session.error.value.code : session.predictor.value ? "loaded" : "loading");
    const explained = () => {
      if (why.error.value) return why.error.value.code;
      return why.explanation.value ? `${why.explanation.value.item} ${why.explanation.value.events.length}` : "none";
    };
    return () => [
      h("p", { id: "load" }, state()),
      h("ol", { id: "items", title: error.value?.code ?? "" }, items.value.map(({ item }) => h("li", { key: item }, item))),
      h("p", { id: "why" }, explained()),
    ];
  },
};

globalThis.mount = (props) => {
  const state = shallowReactive({ ...props });
  const app = createApp({ render: () => h(Shop, state) });
  app.mount(document.body.appendChild(document.createElement("main")));
  return { render: (props) => Object.assign(state, props), unmount: () => app.unmount() };
};
