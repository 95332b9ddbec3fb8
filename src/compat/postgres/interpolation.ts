/** The values of templates: identifiers, helpers, typed parameters, and parts of queries. */
import { escapeIdentifier, escapeIdentifiers } from "./identifiers.ts";
import type { ParsedOptions } from "./options.ts";
import { genericError } from "./postgres_error.ts";
import type { Anything } from "./value_types.ts";

/** An object that is not a query, though it may be awaited by mistake. */
export class NotTagged {
  /**
   * Refuses to be awaited.
   *
   * @throws {Error} NOT_TAGGED_CALL.
   */
  then(): never {
    throw notTagged();
  }

  /**
   * Refuses to be awaited.
   *
   * @throws {Error} NOT_TAGGED_CALL.
   */
  catch(): never {
    throw notTagged();
  }

  /**
   * Refuses to be awaited.
   *
   * @throws {Error} NOT_TAGGED_CALL.
   */
  finally(): never {
    throw notTagged();
  }
}

function notTagged(): Error {
  return genericError("NOT_TAGGED_CALL", "Query not called as a tagged template literal");
}

/** A quoted name, made by `sql("name")`. */
export class Identifier extends NotTagged {
  /** The name in quotes. */
  readonly value: string;

  /** Quotes the parts of a name between its dots. */
  constructor(value: string) {
    super();
    this.value = escapeIdentifier(value);
  }
}

/** A value with a type, made by `sql.typed()`, `sql.array()` and `sql.json()`. */
export class Parameter<T = Anything> extends NotTagged {
  /** The value. */
  value: T;
  /** The OID of the type; 0 leaves the choice to the server. */
  readonly type: number;
  /** The OIDs of array types by those of their elements, for a value that is an array. */
  readonly array: Readonly<Record<string, number>> | undefined;

  /** Makes a parameter. */
  constructor(value: T, type: number, array?: Readonly<Record<string, number>>) {
    super();
    this.value = value;
    this.type = type;
    this.array = array;
  }
}

/** A list of columns and values, made by `sql(object)` or `sql(array)`. The text before it decides how it is written. */
export class Builder<T = Anything> extends NotTagged {
  /** The object, or the array of objects, rows or values. */
  readonly first: T;
  /** The names of columns. */
  readonly rest: readonly unknown[];

  /** Makes a helper. */
  constructor(first: T, rest: readonly unknown[]) {
    super();
    this.first = first;
    this.rest = rest;
  }
}

/** The template of a query or of a part of one. */
export interface Template {
  /** The texts between the values. */
  readonly strings: readonly string[];
  /** The values. */
  readonly args: readonly unknown[];
}

/** A statement with its parameters. */
export class Assembly {
  /** The values as they were given. */
  readonly parameters: unknown[] = [];
  /** The OIDs of their types; 0 where the server decides. */
  readonly types: number[] = [];
  /** Whether a type is given. */
  isTyped = false;
  readonly #options: ParsedOptions;
  readonly #isPart: (value: unknown) => value is Template;

  /** `isPart` reports whether a value is a query, which becomes a part of the statement. */
  constructor(options: ParsedOptions, isPart: (value: unknown) => value is Template) {
    this.#options = options;
    this.#isPart = isPart;
  }

  /** Returns the text of a template, and collects its parameters. */
  text({ strings, args }: Template): string {
    let text = strings[0]!;
    for (let i = 1; i < strings.length; i++) {
      text += this.#written(text, args[i - 1]) + strings[i];
    }
    return text;
  }

  /** Adds a parameter and returns its place in the text. @throws {Error} UNDEFINED_VALUE. */
  add(given: unknown): string {
    const value = given instanceof Parameter ? given.value : given;
    const known = value === undefined ? this.#options.transform.undefined : value;
    if (known === undefined) {
      throw genericError("UNDEFINED_VALUE", "Undefined values are not allowed");
    }
    const type = given instanceof Parameter ? typeOf(given) : inferType(known);
    if (type !== 0) this.isTyped = true;
    this.parameters.push(known);
    return `$${this.types.push(type)}`;
  }

  #written(before: string, value: unknown): string {
    if (typeof value !== "object" || value === null) return this.add(value);
    if (value instanceof Builder) return this.#helper(before, value);
    if (this.#isPart(value)) return this.text(value);
    if (value instanceof Identifier) return value.value;
    if (Array.isArray(value) && (this.#isPart(value[0]) || value[0] instanceof Identifier)) {
      return value.map((part) => ` ${this.#plain(part)}`).join("");
    }
    return this.add(value);
  }

  /** Writes one value of a helper or a list. */
  #plain(value: unknown): string {
    if (this.#isPart(value)) return this.text(value);
    return value instanceof Identifier ? value.value : this.add(value);
  }

  #helper(before: string, { first, rest }: Builder): string {
    switch (lastKeyword(before)) {
      case undefined:
        return this.#names(first);
      case "values":
        return this.#values(first, rest);
      case "in": {
        const list = this.#values(first, rest);
        return list === "()" ? "(null)" : list;
      }
      case "update":
        return columnsOf(first, rest)
          .map((name) => `${this.#name(name)}=${this.#plain(first[name])}`).join(",");
      case "insert": {
        const rows: readonly Anything[] = Array.isArray(first) ? first : [first];
        const columns = columnsOf(rows[0] ?? {}, rest);
        return `(${columns.map((name) => this.#name(name)).join(",")})values${
          this.#tuples(rows, columns)
        }`;
      }
      default:
        return this.#selected(first, rest);
    }
  }

  #selected(first: Anything, rest: readonly unknown[]): string {
    if (typeof first === "string") return this.#names([first, ...rest]);
    if (Array.isArray(first)) return this.#names(first);
    return columnsOf(first, rest)
      .map((name) => `${this.#plain(first[name])} as ${this.#name(name)}`).join(",");
  }

  #values(first: Anything, rest: readonly unknown[]): string {
    const isMultiple = Array.isArray(first[0]);
    return this.#tuples(
      isMultiple ? first : [first],
      columnsOf(isMultiple ? first[0] : first, rest),
    );
  }

  #tuples(rows: readonly Anything[], columns: readonly string[]): string {
    return rows
      .map((row) => `(${columns.map((name) => this.#plain(row[name])).join(",")})`).join(",");
  }

  #names(names: unknown): string {
    return escapeIdentifiers(names, this.#options.transform.column.to);
  }

  #name(name: string): string {
    const { to } = this.#options.transform.column;
    return escapeIdentifier(to === undefined ? name : to(name));
  }
}

function columnsOf(row: object, rest: readonly unknown[]): string[] {
  return rest.length > 0 ? rest.flat() as string[] : Object.keys(row);
}

/** Returns the word before a helper that decides how it is written. */
function lastKeyword(before: string): string | undefined {
  let last: string | undefined;
  for (const [word] of before.matchAll(KEYWORD)) last = word;
  return last?.toLowerCase();
}

const KEYWORD = /(?<=^|[\s(])(?:values|in|select|as|returning|update|insert|\()(?=$|[\s(])/gi;

/** Returns the OID of a value's type; 0 where the server decides. */
export function inferType(value: unknown): number {
  switch (typeof value) {
    case "boolean":
      return 16;
    case "bigint":
      return 20;
    case "object":
      if (value === null) return 0;
      if (value instanceof Parameter) return value.type;
      if (value instanceof Date) return 1184;
      if (value instanceof Uint8Array) return 17;
      return Array.isArray(value) ? inferType(value[0]) : 0;
    default:
      return 0;
  }
}

function typeOf({ value, type, array }: Parameter): number {
  if (array === undefined) return type;
  return array[type || inferType(value)] || type || (firstOf(value) === "string" ? 1009 : 0);
}

function firstOf(value: unknown): string {
  return Array.isArray(value) ? firstOf(value[0]) : typeof value;
}
