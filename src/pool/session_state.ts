/**
 * What of a session's state outlives a query, told from the texts that are run: what must be undone
 * before somebody else gets the session. Source: manual, DISCARD.
 */

/** Something that a text leaves behind in the session. */
export type StateChange =
  | "settings"
  | "listeners"
  | "statements"
  | "temporary"
  | "locks"
  | "cursors";

/** What a text does that concerns others on the same session. */
export interface TextEffect {
  readonly changes: readonly StateChange[];
  /** It begins or ends a transaction. */
  readonly transaction: boolean;
}

/** A statement's beginning, comments before it aside. */
const START = String.raw`(?:^|;)(?:\s|--[^\n]*\n|/\*[^]*?\*/)*`;

const CHANGES: readonly (readonly [StateChange, RegExp])[] = [
  [
    "settings",
    new RegExp(`${START}(?:set|reset)\\s+(?!local\\b|transaction\\b|constraints\\b)`, "i"),
  ],
  // With `true` as its last argument it ends with the transaction.
  ["settings", /\bset_config\s*\((?![^;]*,\s*true\s*\))/i],
  ["listeners", new RegExp(`${START}listen\\b`, "i")],
  ["statements", new RegExp(`${START}(?:prepare\\s+(?!transaction\\b)|deallocate\\b)`, "i")],
  ["temporary", /\b(?:temp|temporary)\s|\bpg_temp\b/i],
  ["locks", /\bpg_(?:try_)?advisory_lock/i],
  ["cursors", /\bdeclare\b[^;]*\bwith\s+hold\b/i],
];

const TRANSACTION = new RegExp(
  `${START}(?:begin|start|commit|end|rollback|abort|savepoint|release|prepare\\s+transaction)\\b`,
  "i",
);

/** Nearly all texts have none of these words. */
const SUSPECT =
  /\b(?:set|reset|set_config|listen|prepare|deallocate|temp|temporary|pg_temp|declare|begin|start|commit|end|rollback|abort|savepoint|release)\b|advisory_lock/i;

const NO_EFFECT: TextEffect = Object.freeze({ changes: Object.freeze([]), transaction: false });

/** How many texts are remembered. */
const REMEMBERED = 1000;

/** The effects of texts, each read once. */
export class TextEffects {
  readonly #known = new Map<string, TextEffect>();

  of(text: string): TextEffect {
    let effect = this.#known.get(text);
    if (effect !== undefined) return effect;
    effect = effectOf(text);
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    this.#known.set(text, effect);
    return effect;
  }
}

/** Reads the effect of a text. */
export function effectOf(text: string): TextEffect {
  if (!SUSPECT.test(text)) return NO_EFFECT;
  const changes = new Set(CHANGES.flatMap(([change, sign]) => sign.test(text) ? [change] : []));
  const transaction = TRANSACTION.test(text);
  if (changes.size === 0 && !transaction) return NO_EFFECT;
  return { changes: [...changes], transaction };
}

/** What the users of a session have left behind in it since it was last reset. */
export class StateChanges {
  readonly #changes = new Set<StateChange>();

  add(changes: readonly StateChange[]): void {
    for (const change of changes) this.#changes.add(change);
  }

  get any(): boolean {
    return this.#changes.size > 0;
  }

  /** Whether `onConnect` may have set what a reset undoes. */
  get settings(): boolean {
    return this.#changes.has("settings");
  }

  /** The statements that undo it, for one simple query. */
  undo(): string {
    return [...this.#changes].map((change) => UNDO[change]).join("; ");
  }

  clear(): void {
    this.#changes.clear();
  }
}

const UNDO: Readonly<Record<StateChange, string>> = {
  settings: "set session authorization default; reset all",
  listeners: "unlisten *",
  statements: "deallocate all",
  temporary: "discard temp",
  locks: "select pg_advisory_unlock_all()",
  cursors: "close all",
};

/** What a change is called in the error that refuses it. */
export const CHANGE_NAMES: Readonly<Record<StateChange, string>> = {
  settings: "SET (other than SET LOCAL)",
  listeners: "LISTEN",
  statements: "PREPARE",
  temporary: "a temporary table",
  locks: "a session's advisory lock",
  cursors: "a cursor WITH HOLD",
};
