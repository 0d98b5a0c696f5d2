import type { MaybeRefOrGetter, ShallowRef, WatchSource } from "vue";
import type { Explanation, ExplainOptions, ForeclickError, PredictedItem, PredictOptions, VisitorEvent } from "./index.js";
import type { HookPredictor } from "./react.js";

/** A predictor with the component or the scope that holds it. */
export interface PredictorSession<P extends HookPredictor = HookPredictor> {
  /** The predictor, null until it is loaded. What it observes otherwise than through `observe` changes no composable. */
  readonly predictor: Readonly<ShallowRef<P | null>>;
  /** Why it could not be loaded; null where it could. */
  readonly error: Readonly<ShallowRef<ForeclickError | Error | null>>;
  /** Counts the changes, of the predictor and by events. */
  readonly changes: Readonly<ShallowRef<number>>;
  /**
   * Takes one event, and every composable of this session asks anew. Events from before the predictor is there wait for
   * it.
   *
   * @throws {ForeclickError} As the predictor's `observe`. An event that waited and is refused is told to `reportError`.
   */
  readonly observe: (event: VisitorEvent) => void;
  /** Forgets all events. @throws {ForeclickError} As the predictor's `reset`. */
  readonly reset: () => void;
}

/**
 * Loads a predictor when the component is mounted, and frees it when it is unmounted; in an effect scope without a
 * component at once, and when the scope ends. Vue 3.3 or newer; a component on a server loads nothing.
 *
 * @param load Loads it; the signal ends where the component has gone meanwhile.
 * @param source As of `watch`: where it has changed, the predictor is freed and another loaded. Default: none.
 * @example
 * const session = usePredictor((signal) => Predictor.load("/model.safetensors", { signal }));
 * const { items } = usePredictions(session, { k: 3 });
 */
export function usePredictor<P extends HookPredictor>(
  load: (signal: AbortSignal) => Promise<P>,
  source?: WatchSource<unknown> | WatchSource<unknown>[],
): PredictorSession<P>;

/**
 * Predicts after each event of the session, and when the options have changed in content. Until an answer is there, the
 * last one stays.
 *
 * @returns The items, best first; none while there is no predictor. The error of the last `predict`, or null.
 */
export function usePredictions(
  session: PredictorSession,
  options?: MaybeRefOrGetter<PredictOptions | undefined>,
): {
  readonly items: Readonly<ShallowRef<readonly PredictedItem[]>>;
  readonly error: Readonly<ShallowRef<ForeclickError | Error | null>>;
};

/**
 * Explains an item after each event of the session, and when the item or the options have changed.
 *
 * @param item Its key; null for none.
 * @returns The explanation; null while there is none. The error of the last `explain`, or null.
 */
export function useExplanation(
  session: PredictorSession,
  item: MaybeRefOrGetter<string | null | undefined>,
  options?: MaybeRefOrGetter<ExplainOptions | undefined>,
): {
  readonly explanation: Readonly<ShallowRef<Explanation | null>>;
  readonly error: Readonly<ShallowRef<ForeclickError | Error | null>>;
};
