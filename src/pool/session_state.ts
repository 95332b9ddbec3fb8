/**
 * The changes that a text makes to its session, which must be undone before the next borrower.
 * Source: manual, DISCARD.
 */
import * as ownSql from "../own_sql.ts";
import { Lexer, type TokenKind } from "../query/lexer.ts";

/** A kind of change that outlives its statement. */
export type StateChange =
  | "settings"
  | "listeners"
  | "statements"
  | "temporary"
  | "locks"
  | "cursors";

/** The effects of a text on its session. */
export interface TextEffect {
  readonly changes: readonly StateChange[];
  /** Whether it begins or ends a transaction. */
  readonly transaction: boolean;
  /** Whether the pool may have to refuse it as a query of its own; `session_need.ts` decides. */
  readonly mayBeRefused: boolean;
}

/** The beginning of a statement. Comments and strings are removed from the texts before. */
const START = String.raw`(?:^|;)\s*`;
/** The arguments of a call up to its closing parenthesis; they may contain calls. */
const ARGUMENTS = String.raw`(?:[^()]|\((?:[^()]|\([^()]*\))*\))*`;
const TEMP = String.raw`(?:(?:global|local)\s+)?temp(?:orary)?\s+`;

const CHANGES: readonly (readonly [StateChange, RegExp])[] = [
  [
    "settings",
    new RegExp(`${START}(?:set|reset)\\s+(?!local\\b|transaction\\b|constraints\\b)`, "i"),
  ],
  // With `true` as the last argument the change ends with the transaction.
  [
    "settings",
    new RegExp(
      `\\bset_config\\s*\\((?!${ARGUMENTS},\\s*(?:is_local\\s*(?:=>|:=)\\s*)?true\\s*\\))`,
      "i",
    ),
  ],
  ["listeners", new RegExp(`${START}listen\\b`, "i")],
  ["statements", new RegExp(`${START}(?:prepare\\s+(?!transaction\\b)|deallocate\\b)`, "i")],
  [
    "temporary",
    new RegExp(
      `\\bcreate\\s+(?:or\\s+replace\\s+)?${TEMP}(?![^;]*\\bon\\s+commit\\s+drop\\b)`,
      "i",
    ),
  ],
  // A table may have this name: `insert into temp values …`.
  [
    "temporary",
    new RegExp(`(?<!\\b(?:insert|merge)\\s+)\\binto\\s+${TEMP}(?:table\\s+)?["\\w]`, "i"),
  ],
  ["temporary", /\bcreate\s[^;]*?\bpg_temp\s*\./i],
  ["locks", /\bpg_(?:try_)?advisory_lock(?:_shared)?\s*\(/i],
  ["cursors", /\bdeclare\b[^;]*\bwith\s+hold\b/i],
];

/** The words that begin or end a transaction, or a part of one. */
const BOUNDARIES = "begin|start|commit|end|rollback|abort|savepoint|release";

const TRANSACTION = new RegExp(`${START}(?:${BOUNDARIES}|prepare\\s+transaction)\\b`, "i");

/** The first words of statements that need a session, and the names that stand anywhere in such. */
const BEGINNINGS = BOUNDARIES +
  "|set|reset|listen|unlisten|prepare|execute|deallocate|declare|fetch|move|close";
const NAMES = "temp|temporary|pg_temp|set_config";
const LOCK = "advisory_(?:un)?lock";

/** Words without which a text has no effect on its session; most texts have none of them. */
const SUSPECT = new RegExp(`\\b(?:${BEGINNINGS}|${NAMES})\\b|${LOCK}`, "i");

/** The signs of all that `session_need.ts` refuses. */
const REFUSABLE = new RegExp(
  `${START}(?:${BEGINNINGS})\\b|\\b(?:${NAMES})\\b|${LOCK}`,
  "i",
);

const NO_EFFECT: TextEffect = Object.freeze({
  changes: Object.freeze([]),
  transaction: false,
  mayBeRefused: false,
});

/** The number of texts that are remembered. */
const REMEMBERED = 1000;

/** The effects of texts; each text is read once. */
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
  const code = codeOf(text, true);
  const changes = new Set(CHANGES.flatMap(([change, sign]) => sign.test(code) ? [change] : []));
  const outside = codeOf(text, false);
  const transaction = TRANSACTION.test(outside);
  const mayBeRefused = REFUSABLE.test(outside);
  if (changes.size === 0 && !transaction && !mayBeRefused) return NO_EFFECT;
  return { changes: [...changes], transaction, mayBeRefused };
}

/** Reports whether a text may need a session. */
export function isSuspect(text: string): boolean {
  return SUSPECT.test(text);
}

/** Returns the text without comments and quoted parts; with `bodies` the body of a DO is kept. */
function codeOf(text: string, bodies: boolean): string {
  let code = "";
  let last = "";
  for (const lexer = new Lexer(text); lexer.next();) {
    const token = text.slice(lexer.start, lexer.end);
    if (lexer.kind === "comment" || lexer.kind === "space") {
      code += " ";
      continue;
    }
    const isBody = bodies && lexer.kind === "string" && last === "do";
    code += isBody ? token : STAND_INS.get(lexer.kind) ?? token;
    last = token.toLowerCase();
  }
  return code;
}

const STAND_INS: ReadonlyMap<TokenKind, string> = new Map([["string", "''"], ["quoted", '"x"']]);

/** The changes to a session since it was last reset. */
export class StateChanges {
  readonly #changes = new Set<StateChange>();

  add(changes: readonly StateChange[]): void {
    for (const change of changes) this.#changes.add(change);
  }

  get any(): boolean {
    return this.#changes.size > 0;
  }

  /** Whether settings were changed, which `onConnect` may have made. */
  get settings(): boolean {
    return this.#changes.has("settings");
  }

  /** Whether statements were prepared or dropped by their names. */
  get statements(): boolean {
    return this.#changes.has("statements");
  }

  /** Returns the statements that undo the changes, for one simple query. */
  undo(): string {
    return [...this.#changes].map((change) => ownSql.UNDO[change]).join("; ");
  }

  clear(): void {
    this.#changes.clear();
  }
}

/** The name of each change in the error that refuses it, and the alternative. */
export const CHANGE_NAMES: Readonly<Record<StateChange, readonly [name: string, instead: string]>> =
  {
    settings: ["SET", "SET LOCAL in a transaction"],
    listeners: ["LISTEN", "a connection that goes past the pooler"],
    statements: ["PREPARE", "a query with parameters"],
    temporary: ["a temporary table", "one that is made ON COMMIT DROP in a transaction"],
    locks: ["a session's advisory lock", "pg_advisory_xact_lock"],
    cursors: ["a cursor WITH HOLD", "a stream, or a cursor within a transaction"],
  };
