/**
 * The model of what a prepared statement depends on. The statement cache decides by it alone.
 *
 * The server fixes some things when it parses a statement and never looks at them again, or looks
 * again only when something else makes it do so. Each has a row here:
 *
 * | fixed by Parse                       | changed by                         | noticed by                 | then |
 * | ------------------------------------ | ---------------------------------- | -------------------------- | ---- |
 * | `'now'`, `'today'` and their like    | the clock                          | the text                   | the text is never kept |
 * | rows of FETCH, EXECUTE, SHOW, CALL   | whatever was declared under a name | the text                   | the text is never kept |
 * | literals of dates, times, intervals  | TimeZone, DateStyle, IntervalStyle | ParameterStatus, own texts | kept for each combination |
 * | where a string ends                  | standard_conforming_strings        | ParameterStatus, own texts | kept for each combination |
 * | which objects the names mean         | search_path, role, session user    | ParameterStatus, own texts | kept for each combination |
 * | literals of money, xml, arrays       | settings that are not reported     | own texts                  | kept for each combination |
 * | which objects the names mean; types of parameters | own DDL, DO and CALL, the end of a transaction with any of these | own texts | all are dropped |
 * | the same                             | another session's DDL              | a refusal, the lifetime    | described again, parsed again |
 *
 * A text counts from the moment at which it is sent: what is sent behind it is parsed by the server
 * behind it. Functions, triggers and rules that do such things by themselves are not seen; their
 * effect is bounded by the lifetime.
 *
 * Source: plancache.c, `RevalidateCachedQuery`; parse_coerce.c, `coerce_type`; guc_tables.c, GUC_REPORT.
 */
import type { SessionLock } from "../session/exchange.ts";
import { Lexer, type TokenKind } from "./lexer.ts";

/** The effects of a text on statements, its own included. */
export interface TextEffects {
  /** Whether the server analyses the text again by itself when tables change, so that it may be kept. */
  readonly isKept: boolean;
  /** Whether objects may be created, altered or dropped. */
  readonly objects: boolean;
  /** Settings that may change and that the parser reads, in lower case; `*`: any of them. */
  readonly settings: readonly string[];
  /** Whether the text is a SET LOCAL: the change ends with the transaction, and the text says the value. */
  readonly isLocal: boolean;
  /** Whether a transaction ends, or the part of it behind a savepoint. */
  readonly ends: "nothing" | "savepoint" | "transaction";
}

/** The statements that a change makes unusable. */
export type Reach =
  | "none"
  /** The statements of the present settings. Other settings are in force, which are not known yet. */
  | "settings"
  | "all";

/** The state of a session that the model reads. */
export interface DependenceSource {
  /** The last value of each reported parameter. */
  readonly parameterStatuses: ReadonlyMap<string, string>;
  /** Requests that are not answered yet. */
  readonly sent: number;
}

/** Keeps track of what the statements of one session depend on. */
export class Dependence {
  readonly #source: DependenceSource;
  readonly #known = new Map<string, TextEffects>();
  /** Stands for the values of settings that the server does not report. */
  #unreported = "0";
  #changes = 0;
  /** `#unreported` outside of the transaction that has changed it for its own duration. */
  #outside: string | undefined;
  /** Whether it was changed for longer. */
  #persists = false;
  /** Whether a transaction may have changed objects or settings. */
  #hasObjects = false;
  #hasSettings = false;
  /** The settings to which the session is reset, and what may have changed since. */
  #initial: string;
  #initialUnreported = "0";
  #hasMade = false;
  #hasSet = false;

  constructor(source: DependenceSource) {
    this.#source = source;
    this.#initial = this.settings;
  }

  /** Takes the present settings for those to which the session is reset. */
  begin(): void {
    this.#initial = this.settings;
    this.#initialUnreported = this.#unreported;
  }

  /** Takes note that the session is being reset: settings and temporary objects. */
  reset(): Reach {
    const isSame = this.settings === this.#initial && (!this.#hasSet || this.isSettled);
    const reach = this.#hasMade ? "all" : isSame ? "none" : "settings";
    this.#unreported = this.#initialUnreported;
    this.#hasObjects =
      this.#hasSettings =
      this.#persists =
      this.#hasMade =
        false;
    this.#outside = undefined;
    return reach;
  }

  /** Whether all is answered, so that the reported settings are those in force. */
  get isSettled(): boolean {
    return this.#source.sent === 0;
  }

  /** A string that is equal for equal settings. */
  get settings(): string {
    const { parameterStatuses } = this.#source;
    const values = REPORTED.map((name) => parameterStatuses.get(name) ?? "");
    return [...values, this.#unreported].join("\0");
  }

  /** Reports whether a statement depends on this parameter. */
  concerns(parameter: string): boolean {
    return REPORTED.includes(parameter);
  }

  /** The effects of a text; remembered, because a text often comes again. */
  effectsOf(text: string): TextEffects {
    let effects = this.#known.get(text);
    if (effects !== undefined) return effects;
    const escapes = this.#source.parameterStatuses.get("standard_conforming_strings") === "off";
    effects = textEffects(text, escapes);
    if (text.length > LONGEST_REMEMBERED || escapes) return effects;
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    this.#known.set(text, effects);
    return effects;
  }

  /** Takes note of a text that is being sent. */
  note(text: string, effects: TextEffects, lock: SessionLock | undefined): Reach {
    const { objects, settings, ends } = effects;
    let reach: Reach = "none";
    if (ends !== "nothing") reach = this.#end(ends);
    if (settings.length > 0) {
      this.#hasSettings = this.#hasSet = true;
      if (reach === "none") reach = "settings";
      if (settings.some((name) => !this.#isReported(name))) this.#assign(text, effects, lock);
    }
    if (objects) {
      this.#hasObjects = this.#hasMade = true;
      reach = "all";
    }
    return reach;
  }

  /** The end of a transaction undoes what is local to it; a rollback undoes everything. */
  #end(ends: "savepoint" | "transaction"): Reach {
    const reach = this.#hasObjects ? "all" : this.#hasSettings ? "settings" : "none";
    const [outside, persists] = [this.#outside, this.#persists];
    if (ends === "savepoint") {
      if (persists || outside !== undefined) this.#unreported = this.#unique();
      return reach;
    }
    if (persists) this.#unreported = this.#unique();
    else if (outside !== undefined) this.#unreported = outside;
    this.#hasObjects = this.#hasSettings = this.#persists = false;
    this.#outside = undefined;
    return reach;
  }

  /**
   * Within a transaction the text of a local change stands for the values: a failure fails the
   * transaction, and no statement is parsed until that is rolled back.
   */
  #assign(text: string, { isLocal, settings }: TextEffects, lock: SessionLock | undefined): void {
    const before = this.#unreported;
    const next = `${before}\0${text}`;
    const isCertain = lock?.isTransaction === true && isLocal && !settings.includes(ANY);
    if (isCertain) this.#outside ??= before;
    else this.#persists = true;
    this.#unreported = isCertain && next.length < LONGEST_REMEMBERED ? next : this.#unique();
  }

  #isReported(setting: string): boolean {
    const name = REPORTED.find((one) => one.toLowerCase() === setting);
    return name !== undefined && this.#source.parameterStatuses.has(name);
  }

  #unique(): string {
    return String(++this.#changes);
  }
}

/** Reads the effects of a text; `backslashes`: `standard_conforming_strings` is off. */
export function textEffects(text: string, backslashes: boolean = false): TextEffects {
  if (PLAIN.test(text) && !SUSPECT.test(text)) return KEPT;
  const statements = split(text, backslashes);
  const effects = statements.map((tokens) => statementEffects(tokens));
  const settings = effects.flatMap(({ settings }) => settings);
  return {
    isKept: effects.length === 1 && effects[0]!.isKept,
    objects: effects.some(({ objects }) => objects),
    settings,
    isLocal: effects.length === 1 && effects[0]!.isLocal,
    ends: effects.find(({ ends }) => ends === "transaction")?.ends ??
      effects.find(({ ends }) => ends !== "nothing")?.ends ?? "nothing",
  };
}

/** One token: a word in lower case, the content of a string, a symbol. */
interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

/** The statements of a text, without spaces and comments; those without any token are left out. */
function split(text: string, backslashes: boolean): Token[][] {
  const statements: Token[][] = [[]];
  for (const lexer = new Lexer(text, backslashes); lexer.next();) {
    const { kind, start, end } = lexer;
    if (kind === "space" || kind === "comment") continue;
    const token = text.slice(start, end);
    if (token === ";") statements.push([]);
    else statements.at(-1)!.push({ kind, text: kind === "word" ? token.toLowerCase() : token });
  }
  return statements.filter((tokens) => tokens.length > 0);
}

function statementEffects(tokens: readonly Token[]): TextEffects {
  const start = tokens.findIndex(({ text }) => text !== "(");
  const words = tokens.slice(Math.max(start, 0)).map(({ text }) => text);
  const [first = ""] = words;
  if (first === "set" || first === "reset") return assignment(words);
  if (ENDING.has(first) || (first === "prepare" && words[1] === "transaction")) {
    return ending(words);
  }
  const isQuery = REPLANNED.has(first);
  const objects = isQuery || first === "explain" ? makesTable(words) : mayChange(words);
  const isUnseen = first === "do" || first === "call" ||
    (first === "discard" && words[1] === "all");
  const settings = isUnseen ? [ANY] : assignedSettings(tokens);
  if (!objects && settings.length === 0 && isQuery && !mayNameTime(tokens)) return KEPT;
  return { ...NO_EFFECT, objects, settings };
}

/** SET and RESET. */
function assignment(words: readonly string[]): TextEffects {
  const isLocal = words[1] === "local" && words[2] !== ".";
  const isScoped = isLocal ||
    (words[1] === "session" && words[2] !== "." && words[2] !== "authorization");
  const rest = words.slice(isScoped ? 2 : 1);
  const named = rest[0]?.replace(/^"(.*)"$/, "$1").toLowerCase() ?? "";
  const form = SPECIAL_FORMS.get(rest.slice(0, 2).join(" ")) ?? SPECIAL_FORMS.get(named);
  const name = form ?? named;
  if (name === "all") return { ...NO_EFFECT, settings: [ANY], isLocal };
  return RELEVANT.has(name) && rest[1] !== "."
    ? { ...NO_EFFECT, settings: [name], isLocal }
    : NO_EFFECT;
}

/** COMMIT, ROLLBACK and their like; COMMIT PREPARED brings in objects. */
function ending([first, second, third]: readonly string[]): TextEffects {
  if (first !== "prepare" && second === "prepared") return { ...NO_EFFECT, objects: true };
  const isPart = second === "to" ||
    ((second === "work" || second === "transaction") && third === "to");
  return { ...NO_EFFECT, ends: isPart ? "savepoint" : "transaction" };
}

/** Reports whether a command may create, alter or drop an object, a statement included. */
function mayChange([first, second, third]: readonly string[]): boolean {
  if (first === "discard") return second !== "plans" && second !== "sequences";
  if (first === "deallocate") return second === "all" || (second === "prepare" && third === "all");
  return !HARMLESS.has(first!);
}

/** Reports whether a query is a SELECT INTO, or an EXPLAIN that may make a table. */
function makesTable(words: readonly string[]): boolean {
  return words.some((word, i) =>
    word === "into" && words[i - 1] !== "insert" && words[i - 1] !== "merge" ||
    word === "create" && words[0] === "explain"
  );
}

/** The settings that calls of `set_config()` and an UPDATE of `pg_settings` assign. */
function assignedSettings(tokens: readonly Token[]): readonly string[] {
  const names: string[] = [];
  const updates = tokens.some(({ text }) => text === "update");
  tokens.forEach(({ text, kind }, i) => {
    if (kind === "string") return;
    const name = kind === "quoted" ? text.slice(1, -1) : text;
    if (name === "pg_settings" && updates) names.push(ANY);
    if (name !== "set_config" || tokens[i + 1]?.text !== "(") return;
    const literal = tokens[i + 3]?.text === "," ? /^'([\w.]+)'$/.exec(tokens[i + 2]!.text) : null;
    const setting = literal?.[1]?.toLowerCase() ?? ANY;
    if (setting === ANY || RELEVANT.has(setting)) names.push(setting);
  });
  return names;
}

/**
 * Reports whether a string may be a date or a time that depends on the clock. Escapes and strings that
 * the parser joins may spell such a word, too. Source: datetime.c, `datetktbl`.
 */
function mayNameTime(tokens: readonly Token[]): boolean {
  return tokens.some(({ kind, text }, i) => {
    if (kind !== "string") return false;
    const isJoined = tokens[i + 1]?.kind === "string";
    return isJoined || TIME_WORD.test(text) || SPELLED.test(text);
  });
}

const ANY = "*";
const NO_EFFECT: TextEffects = Object.freeze({
  isKept: false,
  objects: false,
  settings: Object.freeze([]),
  isLocal: false,
  ends: "nothing",
});
/** The effects of most texts: none, and the server analyses them again when tables change. */
export const KEPT: TextEffects = Object.freeze({ ...NO_EFFECT, isKept: true });

/** Parameters that the server reports, where its version does, and that the parser reads. */
const REPORTED: readonly string[] = [
  "TimeZone",
  "DateStyle",
  "IntervalStyle",
  "standard_conforming_strings",
  "search_path",
  "session_authorization",
  "role",
];

/** Settings that the parser reads, or an input function that it calls. */
const RELEVANT: ReadonlySet<string> = new Set([
  ...REPORTED.map((name) => name.toLowerCase()),
  "array_nulls",
  "backslash_quote",
  "client_encoding",
  "lc_monetary",
  "timezone_abbreviations",
  "transform_null_equals",
  "xmloption",
]);

/** Forms of SET that do not begin with the setting's name. */
const SPECIAL_FORMS: ReadonlyMap<string, string> = new Map([
  ["time zone", "timezone"],
  ["session authorization", "session_authorization"],
  ["schema", "search_path"],
  ["names", "client_encoding"],
  ["xml option", "xmloption"],
]);

/** Commands that the server analyses again when what they name has changed. */
const REPLANNED: ReadonlySet<string> = new Set([
  "select",
  "insert",
  "update",
  "delete",
  "merge",
  "values",
  "table",
  "with",
]);

/** Other commands that change no object. All that are not named here may. */
const HARMLESS: ReadonlySet<string> = new Set([
  "analyze",
  "begin",
  "checkpoint",
  "close",
  "cluster",
  "comment",
  "copy",
  "declare",
  "execute",
  "explain",
  "fetch",
  "listen",
  "lock",
  "move",
  "notify",
  "prepare",
  "refresh",
  "reindex",
  "release",
  "savepoint",
  "show",
  "start",
  "truncate",
  "unlisten",
  "vacuum",
]);

const ENDING: ReadonlySet<string> = new Set(["commit", "end", "rollback", "abort"]);

/** Texts of one statement that is kept, unless there is something {@linkcode SUSPECT} in it. */
const PLAIN = /^[\s(]*(?:select|insert|update|delete|merge|values|table|with)\b/i;
const SUSPECT =
  /;|\bset_config\b|\bpg_settings\b|\binto\b(?<!\b(?:insert|merge)\s+into)|\\|u&'|'(?:\s|--[^\n]*\n)+'|now|today|tomorrow|yesterday/i;
const TIME_WORD = /(?<![a-z])(?:now|today|tomorrow|yesterday)(?![a-z])/i;
const SPELLED = /^u&|\\(?:[0-7xu])/i;

/** How many texts are remembered, and how long each may be. */
const REMEMBERED = 1000;
const LONGEST_REMEMBERED = 4096;
