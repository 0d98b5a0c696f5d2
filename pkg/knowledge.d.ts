/**
 * Rules and relations beside the model, which no log tells: what is in stock, what costs too much, what must not be recommended,
 * what goes together. Made or loaded once, given to `Predictor.load(url, { knowledge })` or `predictor.setKnowledge(knowledge)`,
 * and replaced whenever it changes: the model stays.
 *
 * What a rule takes out leaves the softmax: probabilities are those among the candidates that are left. What it adds is added to
 * scores, in logits: 0.69 doubles the odds. `explain` names the rules. `foreclick predict --knowledge` and `foreclick evaluate
 * --knowledge` go by the same file.
 *
 * @example
 * import { Predictor } from "foreclick";
 * import { Knowledge } from "foreclick/knowledge";
 *
 * const knowledge = await Knowledge.load("/knowledge.json");
 * const predictor = await Predictor.load("/model.safetensors", { knowledge });
 * predictor.setKnowledge(new Knowledge({ version: 1, items: { "oat-milk": { stock: 0 } } })); // sold out meanwhile
 */
export class Knowledge {
  /**
   * @param source What is known, as an object or as JSON.
   * @throws {ForeclickError} `knowledge` where it is none: the message names the member, what it has and what was expected.
   */
  constructor(source: KnowledgeFile | string);

  /**
   * Loads a file.
   *
   * @throws {ForeclickError} `fetch` where it can't be had; `knowledge` as the constructor.
   */
  static load(source: string | URL | Response, options?: { signal?: AbortSignal | undefined }): Promise<Knowledge>;

  /** What is known, as it was given. */
  readonly source: KnowledgeFile;

  /** For predictors. */
  apply(inner: object): object;
}

/** What is known: every member but `version` may be left out. */
export interface KnowledgeFile {
  /** The version of this form. */
  version: 1;
  /** Of items, by their keys. What is said of items that the model does not know is counted and passed over. */
  items?: Record<string, ItemFacts>;
  /** The tree: of a category the one above it. One without is at the top. At most 32 levels. */
  categories?: Record<string, string>;
  /**
   * What goes together: of an item others, each with a strength in logits, -50 to 50. It is added to the other's score while the item is in
   * the open group or, for models without groups, among the latest ten events; several add up.
   */
  together?: Record<string, Record<string, number>>;
  /** At most 1,000. */
  rules?: KnowledgeRule[];
  /** No candidate costs less. Items without a price are not concerned. Each call may say otherwise. */
  minPrice?: number | null;
  /** No candidate costs more. */
  maxPrice?: number | null;
}

/** What is known of an item. */
export interface ItemFacts {
  /** How many there are: at 0 it is no candidate ("out of stock"). Left out or null: there are some. */
  stock?: number | null;
  /** In whatever unit `minPrice` and `maxPrice` have. */
  price?: number | null;
  /** Its category; it is in those above as well. */
  category?: string | null;
  /** Whatever else rules are to name. */
  tags?: string[];
}

/** Which items: those that are named, or are in a category or one below it, or have a tag. */
export interface ItemChoice {
  /** Their keys. */
  items?: string[];
  categories?: string[];
  tags?: string[];
}

/** A rule for some items: either `boost` or `never`. An item that it names in several ways is concerned once. */
export interface KnowledgeRule extends ItemChoice {
  /** What explanations call it. Default: "rule 1" and so on, by its place. */
  name?: string | null;
  /** Added to the items' scores, in logits: -50 to 50. */
  boost?: number | null;
  /** True takes the items out of the candidates. */
  never?: boolean;
  /** Acts only while one of these items is there. Default: always. */
  when?: (ItemChoice & { within?: "session" | "group" }) | null;
}

/** What knowledge came to with a model. */
export interface KnowledgeSummary {
  /** Items of the model of which it knows something. */
  items: number;
  /** Mentions of items that the model does not know, which are passed over. */
  unknownItems: number;
  /** The first of them. */
  firstUnknownItem: string | null;
  /** Rules. */
  rules: number;
  /** Rules that can never act, because no item of the model has what they name: a typing error, perhaps. */
  idleRules: number;
  /** The name of the first of them. */
  firstIdleRule: string | null;
  /** Pairs of items that go together. */
  relations: number;
}

/** What a rule did for an item. */
export interface RuleEffect {
  /** The rule's name; `out of stock`, `price below minPrice`, `price above maxPrice`; `together with` and an item's key. */
  rule: string;
  /** In logits; minus infinity where it takes the item out of the candidates. */
  effect: number;
}
