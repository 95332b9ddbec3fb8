/**
 * Names of types in SQL: `integer[]`, `"my schema"."Odd type"`, `timestamp(3) with time zone`.
 *
 * They are put into SQL as they are, so that anything else must be refused.
 * Source: gram.y, `Typename`; manual, "Data Types".
 */
import { checkWellFormed } from "../bytes/well_formed.ts";
import { InterfaceError } from "../errors/errors.ts";

/** A type's name taken apart. */
export interface ParsedTypeName {
  /** The SQL of the type, or of an array's element. */
  readonly element: string;
  /** `pg_type.typname` of that type where the name can be a built-in type's; else `undefined`. */
  readonly typname: string | undefined;
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
  const parsed = parse(name);
  if (parsed !== undefined) return parsed;
  const shown = JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}…` : name);
  throw new InterfaceError(`${where}: ${shown} is not the name of a type`);
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

/** A float of up to so many binary digits is a float4. Source: gram.y, `opt_float`. */
const FLOAT4_DIGITS = 24;

const TOKEN =
  /[ \t\n\r\f\v]*(?:([A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|"(?:[^"\0]|"")+"|[+-]?\d{1,10}(?![\w$\u0080-\uffff]))|([()[\],.]))/y;
const BLANK = /^[ \t\n\r\f\v]*$/;

// The grammar reads tokens with one space between them; a quoted name is `"`, other words are in lower
// case, and only numbers begin with a digit or a sign.
const WORD = String.raw`[^ "()[\],.+\d-][^ ]*`;
const PART = `(?:"|${WORD})`;
/** `(10, -2)` or PostGIS's `(Point, 4326)`. */
const MODIFIERS = String.raw`(?: \( [^ "()[\],.]+(?: , [^ "()[\],.]+)* \))?`;
const INTERVAL = "interval(?: (?:year(?: to month)?|month|day(?: to (?:hour|minute))?|" +
  `hour(?: to minute)?|minute)|(?: (?:(?:day|hour|minute) to )?second)?${MODIFIERS})`;
const ZONED = `time(?:stamp)?${MODIFIERS} with(?:out)? time zone`;
const WORDS = `(?:double precision|bit varying|n?char(?: varying)?|character(?: varying)?|` +
  `national char(?:acter)?(?: varying)?)${MODIFIERS}`;
/** `schema.name(modifiers)`. A name of one of these words alone is none. */
const PLAIN = String.raw`(?!(?:double|national)(?! \.)(?: |$))${PART}(?: \. ${PART})*${MODIFIERS}`;
/** `[]`, `[3][]`, `array` or `array[3]`. */
const BOUNDS = String.raw` array(?: \[ \d+ \])?|(?: \[(?: \d+)? \])+`;
const GRAMMAR = new RegExp(
  `^(?!setof(?: |$))(?:${INTERVAL}|${ZONED}|${WORDS}|${PLAIN})(${BOUNDS})?$`,
);

function parse(name: string): ParsedTypeName | undefined {
  const tokens = tokensOf(name);
  if (tokens === undefined) return undefined;
  const found = GRAMMAR.exec(tokens.map(readable).join(" "));
  if (found === null) return undefined;
  const bounds = found[1]?.trim().split(" ") ?? [];
  const own = tokens.slice(0, tokens.length - bounds.length);
  return { element: sqlOf(own), typname: typnameOf(own), isArray: bounds.length > 0 };
}

function tokensOf(name: string): readonly string[] | undefined {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  for (let at = 0; at < name.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(name);
    if (found === null) return BLANK.test(name.slice(at)) ? tokens : undefined;
    tokens.push(found[1] ?? found[2]!);
  }
  return tokens;
}

function readable(token: string): string {
  return token.startsWith('"') ? '"' : folded(token);
}

/** Returns the SQL of tokens: no space but between words and behind commas. */
function sqlOf(tokens: readonly string[]): string {
  return tokens.reduce((sql, token, i) =>
    sql + (".,()".includes(token) || ".(".includes(tokens[i - 1]!) ? "" : " ") + token
  );
}

function typnameOf(tokens: readonly string[]): string | undefined {
  const open = tokens.indexOf("(");
  const close = tokens.indexOf(")");
  const words = tokens.filter((token, i) => token !== "." && !(i >= open && i <= close));
  if (tokens[0]!.startsWith('"') || tokens[1] === ".") {
    const names = words.map(nameOf);
    return names.length === 1 || names.length === 2 && names[0] === "pg_catalog"
      ? names.at(-1)
      : undefined;
  }
  const name = words.map(folded).join(" ");
  if (name.startsWith("interval ")) return "interval";
  if (name === "float" && open > 0 && Number(tokens[open + 1]) <= FLOAT4_DIGITS) return "float4";
  return Object.hasOwn(ALIASES, name) ? ALIASES[name] : name;
}

/** The identifier that a token stands for. */
function nameOf(token: string): string {
  return token.startsWith('"') ? token.slice(1, -1).replaceAll('""', '"') : folded(token);
}

/** An identifier without quotes in the case that the server gives it: only ASCII is folded. */
function folded(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
