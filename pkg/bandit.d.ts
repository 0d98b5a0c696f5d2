import type { ForeclickError, PredictedItem, Prediction } from "./index.js";

/**
 * Learns from rewards which of some actions to take in which context: a banner, an offer, a way to order a list. A
 * contextual bandit with one ridge regression an action, by Thompson sampling (Agrawal and Goyal 2013, arXiv 1209.3352) or
 * LinUCB (Li et al. 2010, arXiv 1003.0146). It runs in the page, sends nothing and stores nothing: keep what
 * `JSON.stringify(bandit)` gives where you like.
 *
 * Each action of a slate is given with the probability that it had. Log that with the reward, where you log at all, and
 * `foreclick policy evaluate` tells what another policy would have earned.
 *
 * @example
 * import { Bandit } from "foreclick/bandit";
 *
 * const bandit = new Bandit({ actions: ["discount", "free-shipping", "none"], dimension: 32 });
 * const context = Bandit.contextOf(await predictor.predict({ k: 20 }), 32);
 * const { id, slate } = bandit.choose(context);
 * show(slate[0].action);
 * // Seconds or minutes later; without it the reward is taken to be 0 after half an hour.
 * bandit.reward(id, 1);
 */
export class Bandit {
  /**
   * One that has not learned anything, or what `start` knows.
   *
   * @throws {ForeclickError} `argument` for a wrong option, and where the state could exceed 65,536 bytes; `format` and
   * `version` where `start` is no policy that can be used.
   */
  constructor(options: BanditOptions);

  /**
   * One that goes on from what `toJSON` gave. Give the same options; actions may have come or gone (what was learned of
   * those that are gone is dropped), and bounds, `scale` and times may differ.
   *
   * @throws {ForeclickError} `version` where another version wrote it, or contexts are seen differently (another
   * `dimension` or `rank`, or a `start` with another scaling): begin anew then. `format` where it is damaged. Otherwise as
   * the constructor.
   */
  static fromJSON(state: BanditState, options: BanditOptions): Bandit;

  /**
   * What a prediction says of the visitor, as a context: its items' probabilities, each at the place and with the sign
   * that a hash of its key gives, brought to length 1.
   *
   * @param dimension How many numbers to make; 32 for the 20 best items, say.
   */
  static contextOf(prediction: Prediction | readonly PredictedItem[], dimension: number): Float64Array;

  /**
   * Picks a slate of different actions, the first position first. `context` has `dimension` numbers, best of length about
   * 1. Costs about .13 ms with 20 actions and a rank of 16, a reward .02 ms.
   *
   * @throws {ForeclickError} `argument` for a context of another length or with a number that is not finite, an unknown
   * candidate or a wrong option.
   */
  choose(context?: ArrayLike<number>, options?: ChooseOptions): Decision;

  /**
   * Learns what an action of a decision earned, however late, and until `expiry`. An action's reward counts once. `action`
   * may be left out where one action of the slate waits.
   *
   * @returns Whether it was learned: not, where the decision or the action has had its reward, has expired, or is unknown.
   * @throws {ForeclickError} `argument` for a reward that is not finite, or where `action` is needed.
   */
  reward(id: string, value: number, action?: string): boolean;

  /**
   * Ends a decision now: the actions that wait for a reward get `expired`.
   *
   * @returns Whether there was one to end.
   */
  settle(id: string): boolean;

  /** Forgets all that was learned here, and the decisions under way; what `start` knows stays. */
  forget(): void;

  /** What was done and learned so far. */
  report(): BanditReport;

  /** The state, for `JSON.stringify`, of less than 65,536 bytes. What `start` knows is not in it. */
  toJSON(): BanditState;
}

/** What to choose from, and how. */
export interface BanditOptions {
  /** The actions' keys. Of those that are expected to earn alike the first counts as the best. */
  actions: readonly string[];
  /** How many numbers a context has. Default: what `start` says, else 0, which learns one mean an action. */
  dimension?: number | undefined;
  /** `"thompson"`: an action is picked as often as it is the best by what is believed. `"linucb"`: the best upper bound. Default `"thompson"`. */
  kind?: "thompson" | "linucb" | undefined;
  /** What a file of `foreclick policy train` holds, parsed: beliefs to begin with. Default: none. */
  start?: object | undefined;
  /**
   * How many numbers are kept of a context, so that an action takes (rank + 1)(rank + 4) / 2 numbers of the state: of a
   * longer context the directions that `start` found contexts to differ most in, or without it sums of its numbers with
   * random signs, which cost more accuracy. Default: what `start` says, else 16.
   */
  rank?: number | undefined;
  /** As many rewards as the first belief counts, for actions that `start` does not have. Default: what `start` says, else 1. */
  ridge?: number | undefined;
  /**
   * What the standard deviation of an estimate is multiplied by: larger explores more. About a reward's own standard
   * deviation. Default: what `start` measured, else 0.5, for rewards of 0 and 1.
   */
  scale?: number | undefined;
  /**
   * The least probability of each candidate, at each position: above 0, any other policy can be evaluated on what is
   * logged. Default 0.
   */
  floor?: number | undefined;
  /** The most probability that all candidates but the best estimated have together, at each position. Default 0.3. */
  ceiling?: number | undefined;
  /** What stays of what was learned of an action with each new reward of it; 0.99 follows change. Default 1: all. */
  forgetting?: number | undefined;
  /** So many shown actions wait for a reward; the oldest decisions are settled for more. Default 32. */
  pending?: number | undefined;
  /** How long a decision waits for its rewards, in milliseconds. Default 30 minutes. */
  expiry?: number | undefined;
  /** The reward of a shown action that got none; `"drop"` learns nothing of it. Default 0. */
  expired?: number | "drop" | undefined;
  /** Gives numbers from 0 to below 1. Default `Math.random`. */
  random?: (() => number) | undefined;
  /** The time in milliseconds. Default `Date.now`. */
  now?: (() => number) | undefined;
}

/** What a slate is made of. */
export interface ChooseOptions {
  /** How many actions. Default 1. */
  slate?: number | undefined;
  /** Those that may be shown now. Default: all actions. */
  candidates?: readonly string[] | undefined;
}

/** A slate, to be shown. */
export interface Decision {
  /** For `reward` and `settle`. */
  id: string;
  /** The actions, the first position first; fewer than asked for where candidates run out. */
  slate: DecidedAction[];
}

/** An action of a slate. */
export interface DecidedAction {
  action: string;
  /**
   * How likely it was here, given those before it and the models that were drawn: log it as the propensity.
   */
  probability: number;
  /** The reward to expect. */
  expected: number;
}

/** What a bandit did and learned. */
export interface BanditReport {
  /** How many actions were shown. */
  decisions: number;
  /** How many of them were not the best estimated. */
  explored: number;
  /** How many wait for a reward. */
  pending: number;
  /** For each action, of how many rewards something is left after forgetting; those in `start` do not count. */
  actions: { action: string; rewards: number }[];
}

/** What was learned, as JSON: `gram`, `moment` and `context` are numbers in Base64. */
export interface BanditState {
  foreclick: "bandit";
  version: number;
  /** How contexts are seen. */
  features: string;
  numbered: number;
  decisions: number;
  explored: number;
  actions: { id: string; rewards: number; gram: string; moment: string }[];
  pending: { id: string; time: number; context: string; open: string[] }[];
}
