/** The driver's own SQL texts for tests: each of them, and a check that no name in them is open. */
import * as callSql from "../../src/dbapi/call_sql.ts";
import * as lateSql from "../../src/features/late_sql.ts";
import * as ownSql from "../../src/own_sql.ts";
import * as sessionSql from "../../src/pool/session_sql.ts";
import * as catalogSql from "../../src/query/catalog_sql.ts";
import * as transactionSql from "../../src/query/transaction_sql.ts";
import * as roleSql from "../../src/session/role_sql.ts";

/** Arguments for the functions that make texts: names as their callers quote them. */
const SAMPLES: Readonly<Record<string, readonly (readonly unknown[])[]>> = {
  begin: [[], ["isolation level serializable, read only, deferrable"]],
  createDatabase: [['"a"']],
  dropDatabase: [['"a"']],
  startTransaction: [["isolation level serializable read only"]],
  savepoint: [["cornac_1"]],
  rollbackTo: [['"a"']],
  release: [['"a"']],
  releaseSavepoint: [["cornac_1"]],
  undoSavepoint: [["cornac_1"]],
  rollbackToSavepoint: [['"s0_name"']],
  prepareTransaction: [["'a gid'"]],
  commitPrepared: [["'a gid'"]],
  rollbackPrepared: [["'a gid'"]],
  listen: [['"a channel"']],
  unlisten: [['"a channel"']],
  columnsOf: [[['"a"', '"b"'], '"s"."t"']],
  asText: [['"a"']],
  copyInto: [['"s"."t"', ['"a"', '"b"'], "binary"], ['"t"', ['"a"'], "text"]],
  copyOut: [[lateSql.columnsOf([lateSql.asText('"a"'), '"b"'], '"s"."t"')]],
  callProcedure: [['"s"."p"', 0], ['"s"."p"', 2]],
  cleaning: [[[]], [[["'a'", "'b'"]]]],
  keptBySession: [[[]], [["'a.b'"]]],
  isPlainRead: [["'{a,b}'", "'{+}'"]],
  catalogQuery: [[true], [false]],
};

/** A text under the name of what makes it. */
export type NamedText = readonly [name: string, text: string];

/** Every text that `src/own_sql.ts` and the files beside it export or make. */
export function ownTexts(): NamedText[] {
  const all = {
    ...ownSql,
    ...lateSql,
    ...sessionSql,
    ...catalogSql,
    ...transactionSql,
    ...roleSql,
    ...callSql,
  };
  return Object.entries<unknown>(all).flatMap(
    ([name, value]): NamedText[] => {
      if (typeof value === "string") return [[name, value]];
      if (typeof value === "object") {
        return Object.entries<string>(value as Record<string, string>)
          .map(([key, text]) => [`${name}.${key}`, text]);
      }
      const samples = SAMPLES[name];
      if (samples === undefined) {
        throw new Error(`tests/_kit/own_sql.ts has no sample of ${name}()`);
      }
      const make = value as (...all: unknown[]) => string;
      return samples.map((sample) => [`${name}(${sample})`, make(...sample)]);
    },
  );
}

/** A token of SQL; a word is in small letters. */
interface Token {
  readonly kind: "word" | "quoted" | "string" | "number" | "parameter" | "operator" | "mark";
  readonly text: string;
}

const TOKENS: readonly (readonly [Token["kind"] | "space", RegExp])[] = [
  ["space", /\s+/y],
  ["string", /'(?:[^']|'')*'/y],
  ["quoted", /"(?:[^"]|"")*"/y],
  ["word", /[a-z_][\w$]*/iy],
  ["number", /\d+(?:\.\d+)?/y],
  ["parameter", /\$\d+/y],
  ["mark", /::|[()[\],;.]/y],
  ["operator", /[-+*/<>=~!@#%^&|`?:]+/y],
];

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length;) {
    const found = TOKENS.find(([, pattern]) => (pattern.lastIndex = at, pattern.test(text)));
    if (found === undefined) throw new Error(`no token of SQL: ${text.slice(at, at + 20)}`);
    const [kind, { lastIndex }] = found;
    const part = text.slice(at, lastIndex);
    if (kind !== "space") tokens.push({ kind, text: kind === "word" ? part.toLowerCase() : part });
    at = lastIndex;
  }
  return tokens;
}

/**
 * Words that look an operator or a function up by its bare name, or might. Source: gram.y;
 * parse_expr.c, `transformAExprIn` and its neighbours. `union` and `all` after it are not among them.
 */
const LOOK_UP: ReadonlySet<string> = new Set(
  ("between like ilike similar any some nullif natural overlaps distinct greatest least row " +
    "except intersect group having window over cast collate at extract escape isnull notnull")
    .split(" "),
);

/** Words that a parenthesis may follow without a function being called. */
const BEFORE_PARENTHESIS: ReadonlySet<string> = new Set(
  "as operator lateral array copy stdin stdout on or and not any exists coalesce select where"
    .split(" "),
);

/** Words that name a relation next. */
const BEFORE_RELATION: ReadonlySet<string> = new Set(["from", "join"]);

/** Texts without expressions: transactions, settings, channels, whose names are no relations'. */
const COMMANDS =
  /^(?:begin|commit|rollback|savepoint|release|prepare|listen|unlisten|show|set|reset|discard|deallocate|close)\b/;

/**
 * The faults of a text: each name that a schema on the search path could define. A quoted identifier
 * is the caller's own choice.
 */
export function faultsOf(text: string): string[] {
  return text.split(";").flatMap((part) => {
    const tokens = tokensOf(part);
    return COMMANDS.test(part.trim()) ? commandFaults(tokens) : new Check(tokens).faults();
  });
}

/** A command takes words, names and one literal. */
function commandFaults(tokens: readonly Token[]): string[] {
  return tokens.flatMap(({ kind, text }, i) => {
    const isStar = text === "*" && tokens[i - 1]?.text === "unlisten";
    const isPlain = ["word", "quoted", "string"].includes(kind) || text === "," || isStar;
    return isPlain ? [] : [`"${text}" in a command`];
  });
}

class Check {
  readonly #tokens: readonly Token[];
  readonly #faults: string[] = [];
  /** Names of common table expressions, which come before any relation's. */
  readonly #expressions: ReadonlySet<string>;
  #isCall = false;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
    this.#expressions = new Set(
      tokens.filter((_, i) =>
        ["with", "recursive"].includes(this.#text(i - 1)) ||
        this.#text(i - 1) === "," && this.#text(i + 1) === "as" && this.#text(i + 2) === "("
      ).map(({ text }) => text),
    );
  }

  faults(): string[] {
    this.#isCall = this.#text(0) === "call";
    this.#tokens.forEach(({ kind }, i) => {
      if (kind === "operator") this.#operator(i);
      else if (kind === "word") this.#word(i);
      else if (["string", "number", "parameter"].includes(kind)) this.#constant(i);
      else if (this.#text(i) === "::") this.#type(i);
      else if (this.#text(i) === "[" && this.#text(i + 1) !== "]") this.#fault(i, "a subscript");
    });
    return this.#faults;
  }

  #text(i: number): string {
    return this.#tokens[i]?.text ?? "";
  }

  #fault(i: number, what: string): void {
    const around = this.#tokens.slice(Math.max(0, i - 2), i + 3).map(({ text }) => text).join(" ");
    this.#faults.push(`${what}: … ${around} …`);
  }

  /** Whether `pg_catalog.` stands before. */
  #isQualified(i: number): boolean {
    return this.#text(i - 1) === "." && this.#text(i - 2) === "pg_catalog";
  }

  #operator(i: number): void {
    const isNamed = this.#isQualified(i) && this.#text(i - 3) === "(" &&
      this.#text(i - 4) === "operator" && this.#text(i + 1) === ")";
    if (!isNamed) this.#fault(i, "an operator without a schema");
  }

  #word(i: number): void {
    const word = this.#text(i);
    if (this.#text(i - 1) === ".") {
      if (this.#text(i + 1) === "(" && !this.#isQualified(i)) this.#fault(i, "a function");
      return;
    }
    // ANY behind an operator with a schema compares by that.
    const isNamed = word === "any" && this.#text(i - 1) === ")" && this.#isQualified(i - 2);
    if (LOOK_UP.has(word) && !isNamed) this.#fault(i, "a word that looks names up");
    if (word === "in") this.#fault(i, "IN");
    if (word === "case" && this.#text(i + 1) !== "when") this.#fault(i, "CASE with an operand");
    if (word === "using" && this.#text(i + 1) !== "operator") this.#fault(i, "USING");
    if (word === "order") this.#order(i);
    if (BEFORE_RELATION.has(word)) this.#relation(i + 1);
    if (this.#text(i + 1) === "(" && !BEFORE_PARENTHESIS.has(word)) this.#call(i);
  }

  #call(i: number): void {
    if (!this.#expressions.has(this.#text(i))) this.#fault(i, "a function without a schema");
  }

  #relation(i: number): void {
    const { kind, text } = this.#tokens[i]!;
    const isKnown = kind === "quoted" || text === "lateral" || text === "stdin" ||
      this.#expressions.has(text) || (text === "pg_catalog" && this.#text(i + 1) === ".");
    if (!isKnown) this.#fault(i, "a relation without a schema");
  }

  /** Up to the end of its list, each item names its operator. */
  #order(i: number): void {
    let depth = 0;
    let isNamed = false;
    for (let at = i + 2; at <= this.#tokens.length; at++) {
      const text = this.#text(at);
      const isEnd = depth === 0 && ["", ")", ",", "limit"].includes(text);
      if (isEnd && !isNamed) this.#fault(i, "ORDER BY without an operator");
      if (isEnd && text !== ",") return;
      if (isEnd) isNamed = false;
      if (text === "using") isNamed = true;
      if (text === "(") depth++;
      if (text === ")") depth--;
    }
  }

  /** Of `call`, the parameters are of the types that the user's own procedure takes. */
  #constant(i: number): void {
    if (this.#text(i + 1) !== "::" && !this.#isCall) this.#fault(i, "a value without a type");
  }

  #type(i: number): void {
    if (this.#text(i + 1) !== "pg_catalog" || this.#text(i + 2) !== ".") {
      this.#fault(i, "a type without a schema");
    }
  }
}
