import type { Explanation, ExplainOptions, ForeclickError, PredictedItem, Prediction, PredictOptions, VisitorEvent } from "./index.js";

/** What the hooks need of a predictor: those of `foreclick` and `foreclick/worker` have it. */
export interface HookPredictor {
  observe(event: VisitorEvent): void;
  predict(options?: PredictOptions): Promise<Prediction>;
  explain(item: string, options?: ExplainOptions): Promise<Explanation>;
  reset(): void;
  free(): void;
}

/** A predictor with the component that holds it. */
export interface PredictorSession<P extends HookPredictor = HookPredictor> {
  /** The predictor, null until it is loaded. What it observes otherwise than through `observe` changes no hook. */
  readonly predictor: P | null;
  /** Why it could not be loaded; null where it could. */
  readonly error: ForeclickError | Error | null;
  /**
   * Takes one event, and every hook of this session asks anew. Events from before the predictor is there wait for it.
   * Always the same function.
   *
   * @throws {ForeclickError} As the predictor's `observe`. An event that waited and is refused is told to `reportError`.
   */
  readonly observe: (event: VisitorEvent) => void;
  /** Forgets all events. Always the same function. @throws {ForeclickError} As the predictor's `reset`. */
  readonly reset: () => void;
  /** Calls a listener after each change, until the function that it returns is called: for stores of one's own. */
  readonly subscribe: (listener: () => void) => () => void;
  /** Counts the changes. */
  readonly changes: () => number;
}

/**
 * Loads a predictor when the component is mounted, and frees it when it is unmounted. React 18 or newer; on a server it
 * does nothing. In StrictMode, which mounts twice, the first load is aborted and what it still brings is freed.
 *
 * @param load Loads it; the signal ends where the component has gone meanwhile.
 * @param deps As of `useEffect`: where one has changed, the predictor is freed and another loaded. Default: none.
 * @example
 * const session = usePredictor((signal) => Predictor.load("/model.safetensors", { signal }));
 * const { items } = usePredictions(session, { k: 3 });
 */
export function usePredictor<P extends HookPredictor>(
  load: (signal: AbortSignal) => Promise<P>,
  deps?: readonly unknown[],
): PredictorSession<P>;

/**
 * Predicts after each event of the session, and when the options have changed in content. Until an answer is there, the
 * last one stays.
 *
 * @returns The items, best first; none while there is no predictor. The error of the last `predict`, or null.
 */
export function usePredictions(
  session: PredictorSession,
  options?: PredictOptions,
): { readonly items: readonly PredictedItem[]; readonly error: ForeclickError | Error | null };

/**
 * Explains an item after each event of the session, and when the item or the options have changed.
 *
 * @param item Its key; null for none.
 * @returns The explanation; null while there is none. The error of the last `explain`, or null.
 */
export function useExplanation(
  session: PredictorSession,
  item: string | null | undefined,
  options?: ExplainOptions,
): { readonly explanation: Explanation | null; readonly error: ForeclickError | Error | null };
