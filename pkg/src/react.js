"use client"; // for servers that render components: these run in the browser
// foreclick/react: the predictor as hooks. Every one is documented in react.d.ts.
import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { Session } from "./session.js";

const nothing = () => null;
const zero = () => 0;
const UNANSWERED = { answer: null, error: null };

export function usePredictor(load, deps = []) {
  const [session] = useState(() => new Session());
  const { subscribe, changes, observe, reset } = session;
  const predictor = useSyncExternalStore(subscribe, () => session.predictor, nothing);
  const error = useSyncExternalStore(subscribe, () => session.error, nothing);
  useEffect(() => {
    session.start(load);
    return () => session.stop();
  }, deps);
  return useMemo(() => ({ predictor, error, observe, reset, subscribe, changes }), [session, predictor, error]);
}

export function usePredictions(session, options) {
  const { answer, error } = useAnswer(session, [options], (predictor) => predictor.predict(options));
  return useMemo(() => ({ items: answer?.items ?? [], error }), [answer, error]);
}

export function useExplanation(session, item, options) {
  const ask = (predictor) => (item === null || item === undefined ? null : predictor.explain(item, options));
  const { answer, error } = useAnswer(session, [item, options], ask);
  return useMemo(() => ({ explanation: answer, error }), [answer, error]);
}

// Asks anew after each event, and where the question has changed; until the answer is there the last one stays.
function useAnswer(session, question, ask) {
  const { predictor } = session;
  const changes = useSyncExternalStore(session.subscribe, session.changes, zero);
  const [state, setState] = useState(UNANSWERED);
  useEffect(() => {
    if (!predictor) return setState(UNANSWERED);
    let isLatest = true;
    const take = (answer) => isLatest && setState({ answer, error: null });
    const refuse = (error) => isLatest && setState({ answer: null, error });
    Promise.resolve(ask(predictor)).then(take, refuse);
    return () => {
      isLatest = false;
    };
  }, [predictor, changes, JSON.stringify(question)]);
  return state;
}
