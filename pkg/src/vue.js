// foreclick/vue: the predictor as composables. Every one is documented in vue.d.ts.
import { getCurrentInstance, markRaw, onMounted, onScopeDispose, shallowRef, toValue, watch } from "vue";
import { Session } from "./session.js";

export function usePredictor(load, source) {
  const session = new Session();
  const predictor = shallowRef(null);
  const error = shallowRef(null);
  const changes = shallowRef(0);
  session.subscribe(() => {
    // Its private members can't be reached through a reactive proxy.
    predictor.value = session.predictor && markRaw(session.predictor);
    error.value = session.error;
    changes.value = session.changes();
  });
  const restart = () => {
    session.stop();
    session.start(load);
  };
  const begin = () => {
    session.start(load);
    if (source) watch(source, restart);
  };
  // Mounted, and not before: a server renders too.
  if (getCurrentInstance()) onMounted(begin);
  else begin();
  onScopeDispose(() => session.stop());
  return { predictor, error, changes, observe: session.observe, reset: session.reset };
}

export function usePredictions(session, options) {
  const items = shallowRef([]);
  const question = () => [toValue(options)];
  const error = useAnswer(session, question, (predictor, [options]) => predictor.predict(options), (answer) => {
    items.value = answer?.items ?? [];
  });
  return { items, error };
}

export function useExplanation(session, item, options) {
  const explanation = shallowRef(null);
  const question = () => [toValue(item), toValue(options)];
  const ask = (predictor, [item, options]) => (item === null || item === undefined ? null : predictor.explain(item, options));
  const error = useAnswer(session, question, ask, (answer) => {
    explanation.value = answer;
  });
  return { explanation, error };
}

// Asks anew after each event, and where the question has changed; until the answer is there the last one stays.
function useAnswer({ predictor, changes }, question, ask, take) {
  const error = shallowRef(null);
  const finish = (answer, problem) => {
    take(answer);
    error.value = problem;
  };
  const answer = async (_now, _before, onCleanup) => {
    if (!predictor.value) return finish(null, null);
    let isLatest = true;
    onCleanup(() => {
      isLatest = false;
    });
    try {
      const answer = await ask(predictor.value, question());
      if (isLatest) finish(answer, null);
    } catch (problem) {
      if (isLatest) finish(null, problem);
    }
  };
  watch([predictor, changes, () => JSON.stringify(question())], answer, { immediate: true });
  return error;
}
