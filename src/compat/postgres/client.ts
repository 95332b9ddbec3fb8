import type { OwnTypes } from "../../query/statement.ts";
import { Assembly, inferType, type Template } from "./interpolation.ts";
import type { ParsedOptions } from "./options.ts";
import { genericError } from "./postgres_error.ts";
import { RawTypes } from "./postgres_types.ts";
import type { Runnable } from "./runnable.ts";

/** A statement as it is sent. */
export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
  /** OIDs of their types; `undefined` where the server decides about all. */
  readonly types: readonly number[] | undefined;
  /** Whether the text is a COPY. */
  readonly isCopy: boolean;
}

/** The text of a template whose values are all parameters. */
interface PlainText {
  readonly text: string;
  readonly isCopy: boolean;
}

/** The number of parameters from which on postgres.js refuses a statement. */
const MOST_PARAMETERS = 65534;
/** Marks the types of `raw()` in the keys of kept statements. The driver numbers its own from 1. */
const RAW = -1;
const NOTHING: readonly unknown[] = Object.freeze([]);

/** The options of a client, and what its queries share. */
export class Client {
  readonly options: ParsedOptions;
  /** The types of rows as they came. */
  readonly raw: OwnTypes;
  /** The texts of files, by their paths. */
  readonly files: Map<string, string> = new Map();
  /** The texts of templates, for as long as the templates exist. */
  readonly #texts = new WeakMap<readonly string[], PlainText>();
  /** The stacks of templates. */
  readonly #origins = new WeakMap<readonly string[], Error>();
  readonly #isPart: (value: unknown) => value is Template;

  constructor(options: ParsedOptions, isPart: (value: unknown) => value is Template) {
    this.options = options;
    this.raw = { registry: new RawTypes(options), id: RAW };
    this.#isPart = isPart;
  }

  /** Returns the stack of the first caller of a template; with the option `debug`, of each. */
  originOf(strings: readonly string[]): Error | undefined {
    if (this.options.debug) return new Error();
    const known = this.#origins.get(strings);
    if (known !== undefined) return known;
    const origin = new Error();
    this.#origins.set(strings, origin);
    return origin;
  }

  /** Returns the statement of a query. @throws {Error} UNDEFINED_VALUE, MAX_PARAMETERS_EXCEEDED. */
  statementOf({ tagged, strings, args }: Runnable): Statement {
    const given = tagged ? undefined : "" + strings[0];
    if (this.#arePlain(args)) {
      // An array of the program may change before it is sent.
      return plain(this.#textOf(strings, given), tagged ? args : [...args]);
    }
    const assembly = new Assembly(this.options, this.#isPart);
    const text = given ?? assembly.text({ strings, args });
    if (!tagged) { for (const value of args) assembly.add(value); }
    const { parameters, types, isTyped } = assembly;
    if (parameters.length >= MOST_PARAMETERS) throw tooMany();
    return {
      text,
      values: parameters,
      types: isTyped ? types : undefined,
      isCopy: isCopy(text),
    };
  }

  #arePlain(values: readonly unknown[]): boolean {
    for (const value of values) {
      const type = typeof value;
      if (type === "undefined" || type === "object" && !isPlainObject(value)) return false;
    }
    return true;
  }

  /** Returns the text of a template, or the text that was `given` instead of one. */
  #textOf(strings: readonly string[], given: string | undefined): PlainText {
    if (given !== undefined) return { text: given, isCopy: isCopy(given) };
    const known = this.#texts.get(strings);
    if (known !== undefined) return known;
    let text = strings[0]!;
    for (let i = 1; i < strings.length; i++) text += `$${i}${strings[i]}`;
    const made = { text, isCopy: isCopy(text) };
    this.#texts.set(strings, made);
    return made;
  }
}

/** Returns the statement of a text whose values are all parameters. */
function plain({ text, isCopy }: PlainText, values: readonly unknown[]): Statement {
  if (values.length === 0) return { text, values: NOTHING, types: undefined, isCopy };
  if (values.length >= MOST_PARAMETERS) throw tooMany();
  let types: number[] | undefined;
  for (let i = 0; i < values.length; i++) {
    const type = inferType(values[i]);
    if (type !== 0) types ??= new Array<number>(values.length).fill(0);
    if (types !== undefined) types[i] = type;
  }
  return { text, values, types, isCopy };
}

/** Reports whether an object is a value, rather than a part of the text. */
function isPlainObject(value: unknown): boolean {
  return value === null || value instanceof Date || value instanceof Uint8Array;
}

function isCopy(text: string): boolean {
  const first = text.charCodeAt(0);
  // A letter other than C and c decides without a search.
  if (first > 0x40 && first < 0x7f && (first | 0x20) !== 0x63) return false;
  return /^\s*copy\s/i.test(text);
}

function tooMany(): Error {
  return genericError(
    "MAX_PARAMETERS_EXCEEDED",
    `Max number of parameters (${MOST_PARAMETERS}) exceeded`,
  );
}
