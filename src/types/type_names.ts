/**
 * Names of types in SQL: `integer[]`, `"my schema"."Odd type"`, `timestamp(3) with time zone`.
 *
 * They are put into SQL as they are, so that anything else must be refused.
 * Source: gram.y, `Typename`; manual, "Data Types".
 */
import { checkWellFormed } from "../bytes/well_formed.ts";
import { InterfaceError } from "../errors/errors.ts";
import { OIDS } from "./oids.ts";

/** A type's name taken apart. */
export interface ParsedTypeName {
  /** The SQL of the type, or of an array's element. */
  readonly element: string;
  /** `pg_type.typname` of that type where the name is a built-in type's; else `undefined`. */
  readonly builtin: string | undefined;
  /** Whether it ends in `[]` or `array`. */
  readonly isArray: boolean;
}

/**
 * Takes a type's name apart.
 *
 * @throws {InterfaceError} `name` is anything else than one type's name, `setof` included; the
 * message begins with `where`.
 */
export function parseTypeName(name: string, where: string): ParsedTypeName {
  if (typeof name !== "string") throw new InterfaceError(`${where}: a type's name is a string`);
  checkWellFormed(name, `${where}: the name of the type`);
  const parsed = new Parser(name).parse();
  if (parsed !== undefined) return parsed;
  const shown = JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}…` : name);
  throw new InterfaceError(`${where}: ${shown} is not the name of a type`);
}

/** Returns the OID of a built-in type by pg_type's name for it; `undefined` for others. */
export function builtinOid(name: string): number | undefined {
  const bare = name.replace(/^pg_catalog\./, "");
  return Object.hasOwn(OIDS, bare) ? OIDS[bare as keyof typeof OIDS] : undefined;
}

/** SQL's names for types that pg_type calls otherwise. */
const ALIASES: Readonly<Record<string, string>> = {
  "bigint": "int8",
  "bit varying": "varbit",
  "boolean": "bool",
  "char": "bpchar",
  "char varying": "varchar",
  "character": "bpchar",
  "character varying": "varchar",
  "dec": "numeric",
  "decimal": "numeric",
  "double precision": "float8",
  "float": "float8",
  "int": "int4",
  "integer": "int4",
  "national char": "bpchar",
  "national char varying": "varchar",
  "national character": "bpchar",
  "national character varying": "varchar",
  "nchar": "bpchar",
  "nchar varying": "varchar",
  "real": "float4",
  "smallint": "int2",
  "time with time zone": "timetz",
  "time without time zone": "time",
  "timestamp with time zone": "timestamptz",
  "timestamp without time zone": "timestamp",
};

/** Names of several words: the words that may follow a word. */
const FOLLOWERS: ReadonlyMap<string, readonly string[]> = new Map([
  ["bit", ["varying"]],
  ["char", ["varying"]],
  ["character", ["varying"]],
  ["double", ["precision"]],
  ["national", ["character", "char"]],
  ["national char", ["varying"]],
  ["national character", ["varying"]],
  ["nchar", ["varying"]],
]);

/** The last fields of an interval, by its first. */
const INTERVAL_FIELDS: Readonly<Record<string, readonly string[]>> = {
  year: ["month"],
  month: [],
  day: ["hour", "minute", "second"],
  hour: ["minute", "second"],
  minute: ["second"],
  second: [],
};

/** A float of up to so many binary digits is a float4. Source: gram.y, `opt_float`. */
const FLOAT4_DIGITS = 24;

const TOKEN =
  /[ \t\n\r\f\v]*(?:([A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|("(?:[^"\0]|"")+")|([+-]?\d{1,10}(?![\w$\u0080-\uffff]))|([()[\],.]))/y;
const BLANK = /^[ \t\n\r\f\v]*$/;

/** A token of a name; words are compared in lower case. */
interface Token {
  readonly kind: "word" | "quoted" | "number" | "sign";
  readonly text: string;
}

/** One walk over a name; each method returns `undefined` or `false` where the name does not fit. */
class Parser {
  readonly #tokens: readonly Token[] | undefined;
  #at = 0;

  constructor(name: string) {
    this.#tokens = tokensOf(name);
  }

  parse(): ParsedTypeName | undefined {
    if (this.#tokens === undefined) return undefined;
    const simple = this.#simple();
    if (simple === undefined) return undefined;
    const isArray = this.#bounds();
    if (isArray === undefined) return undefined;
    return this.#at === this.#tokens.length ? { ...simple, isArray } : undefined;
  }

  #simple(): Omit<ParsedTypeName, "isArray"> | undefined {
    const first = this.#next("word") ?? this.#next("quoted");
    if (first === undefined || folded(first.text) === "setof") return undefined;
    if (first.kind === "quoted" || this.#isSign(".")) return this.#generic(first);
    const word = folded(first.text);
    if (word === "interval") return this.#interval();
    if (word === "time" || word === "timestamp") return this.#zoned(word);
    return this.#words(first.text);
  }

  /** `schema.name(modifiers)`, in quotes or not. */
  #generic(first: Token): Omit<ParsedTypeName, "isArray"> | undefined {
    const parts = [first];
    while (this.#sign(".")) {
      const part = this.#next("word") ?? this.#next("quoted");
      if (part === undefined) return undefined;
      parts.push(part);
    }
    const modifiers = this.#modifiers();
    if (modifiers === undefined) return undefined;
    const names = parts.map(nameOf);
    const isBuiltin = names.length === 1 || (names.length === 2 && names[0] === "pg_catalog");
    const last = names.at(-1)!;
    return {
      element: parts.map(({ text }) => text).join(".") + modifiers,
      builtin: isBuiltin && Object.hasOwn(OIDS, last) ? last : undefined,
    };
  }

  /** A name that begins with an unquoted word: one of SQL's, of several words, or any other. */
  #words(first: string): Omit<ParsedTypeName, "isArray"> | undefined {
    let name = folded(first);
    let text = first;
    for (;;) {
      const follower = FOLLOWERS.get(name)?.find((one) => this.#word(one));
      if (follower === undefined) break;
      name += ` ${follower}`;
      text += ` ${follower}`;
    }
    if (name === "double" || name === "national") return undefined;
    const modifiers = this.#modifiers();
    if (modifiers === undefined) return undefined;
    const alias = Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined;
    const isFloat4 = name === "float" && modifiers !== "" &&
      Number(modifiers.slice(1, -1)) <= FLOAT4_DIGITS;
    const typname = isFloat4 ? "float4" : alias ?? name;
    return {
      element: text + modifiers,
      builtin: Object.hasOwn(OIDS, typname) ? typname : undefined,
    };
  }

  /** `time(3) with time zone`. */
  #zoned(word: "time" | "timestamp"): Omit<ParsedTypeName, "isArray"> | undefined {
    const modifiers = this.#modifiers();
    if (modifiers === undefined) return undefined;
    const preposition = ["with", "without"].find((one) => this.#word(one));
    if (preposition === undefined) return { element: word + modifiers, builtin: word };
    if (!this.#word("time") || !this.#word("zone")) return undefined;
    return {
      element: `${word}${modifiers} ${preposition} time zone`,
      builtin: preposition === "with" ? `${word}tz` : word,
    };
  }

  /** `interval day to second(3)`. */
  #interval(): Omit<ParsedTypeName, "isArray"> | undefined {
    let element = "interval";
    const first = Object.keys(INTERVAL_FIELDS).find((field) => this.#word(field));
    if (first !== undefined) element += ` ${first}`;
    let last = first;
    if (first !== undefined && this.#word("to")) {
      last = INTERVAL_FIELDS[first]!.find((field) => this.#word(field));
      if (last === undefined) return undefined;
      element += ` to ${last}`;
    }
    const modifiers = last === undefined || last === "second" ? this.#modifiers() : "";
    return modifiers === undefined
      ? undefined
      : { element: element + modifiers, builtin: "interval" };
  }

  /** `(10, -2)` or PostGIS's `(Point, 4326)`; an empty string where there are none. */
  #modifiers(): string | undefined {
    if (!this.#sign("(")) return "";
    const modifiers: string[] = [];
    do {
      const modifier = this.#next("number") ?? this.#next("word");
      if (modifier === undefined) return undefined;
      modifiers.push(modifier.text);
    } while (this.#sign(","));
    return this.#sign(")") ? `(${modifiers.join(", ")})` : undefined;
  }

  /** `[]`, `[3][]`, `array`, `array[3]`, or nothing. */
  #bounds(): boolean | undefined {
    const isWord = this.#word("array");
    let count = 0;
    for (; this.#sign("["); count++) {
      const size = this.#next("number");
      const fits = size === undefined ? !isWord : !/^[+-]/.test(size.text);
      if (!fits || !this.#sign("]") || (isWord && count > 0)) return undefined;
    }
    return isWord || count > 0;
  }

  #next(kind: Token["kind"]): Token | undefined {
    const token = this.#tokens![this.#at];
    if (token?.kind !== kind) return undefined;
    this.#at++;
    return token;
  }

  #word(word: string): boolean {
    const token = this.#tokens![this.#at];
    if (token?.kind !== "word" || folded(token.text) !== word) return false;
    this.#at++;
    return true;
  }

  #isSign(sign: string): boolean {
    const token = this.#tokens![this.#at];
    return token?.kind === "sign" && token.text === sign;
  }

  #sign(sign: string): boolean {
    const is = this.#isSign(sign);
    if (is) this.#at++;
    return is;
  }
}

function tokensOf(name: string): readonly Token[] | undefined {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  for (let at = 0; at < name.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(name);
    if (found === null) return BLANK.test(name.slice(at)) ? tokens : undefined;
    const [, word, quoted, number] = found;
    const kind = word !== undefined
      ? "word"
      : quoted !== undefined
      ? "quoted"
      : number !== undefined
      ? "number"
      : "sign";
    tokens.push({ kind, text: word ?? quoted ?? number ?? found[4]! });
  }
  return tokens;
}

/** The identifier that a token stands for. */
function nameOf({ kind, text }: Token): string {
  return kind === "quoted" ? text.slice(1, -1).replaceAll('""', '"') : folded(text);
}

/** An identifier without quotes in the case that the server gives it: only ASCII is folded. */
function folded(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
