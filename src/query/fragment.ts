import { InterfaceError } from "../errors/errors.ts";
import { Lexer } from "./lexer.ts";

/** A property of all fragments. */
const BRAND: unique symbol = Symbol("fragment");

/**
 * A piece of SQL with its values, made by the `sql` tag or one of its functions. A template can contain
 * it; `db.query(fragment)` and `db.batch()` run it. `Row` is the type of its rows when it is run.
 */
export abstract class Fragment<Row = unknown> {
  /** The type of the rows, for TypeScript. Never set. */
  declare protected readonly rowType?: Row;

  static {
    Object.defineProperty(this.prototype, BRAND, { value: true });
  }

  /** Makes queries `instanceof Fragment`, although they inherit from `Promise.prototype`. */
  static [Symbol.hasInstance](this: unknown, value: unknown): boolean {
    if (this === Fragment) return isFragment(value);
    return Function.prototype[Symbol.hasInstance].call(this as typeof Fragment, value);
  }

  /** @internal Appends the fragment to the text that is being assembled. */
  abstract writeTo(assembly: Assembly): void;
}

/** Reports whether a value is a fragment. Cheaper than `instanceof`, which calls it. */
export function isFragment(value: unknown): value is Fragment {
  return typeof value === "object" && value !== null && BRAND in value;
}

/** Reports whether a value of a template is SQL: a fragment, or an array that begins with one. */
export function isSql(value: unknown): boolean {
  return typeof value === "object" && value !== null && (BRAND in value || isList(value));
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && isFragment(value[0]);
}

/**
 * Makes the objects of a class `instanceof Promise`, for frameworks that check it. Only the prototype
 * is that of a promise. The objects have no promise state, so that `await` calls their `then()`, which
 * sends the query. A subclass of Promise would hang where a runtime waits for its state without a call
 * of `then()`, as Bun's test runner does.
 */
export function inheritFromPromise(prototype: object): void {
  const parent = Object.getPrototypeOf(prototype);
  const inherited = Object.getOwnPropertyDescriptors(parent === Object.prototype ? {} : parent);
  Object.setPrototypeOf(prototype, Object.create(Promise.prototype, inherited));
}

/** A fragment that is appended by a function. */
export class WrittenFragment<Row = unknown> extends Fragment<Row> {
  readonly #write: (assembly: Assembly) => void;

  constructor(write: (assembly: Assembly) => void) {
    super();
    this.#write = write;
  }

  writeTo(assembly: Assembly): void {
    this.#write(assembly);
  }
}

/** A text under construction, with the values for its `$1`, `$2`, … */
export class Assembly {
  /** The SQL so far. */
  text = "";
  /** The values so far, `$1` first. */
  readonly values: unknown[] = [];
  /** OIDs of the parameters' types. 0 lets the server choose. */
  readonly types: number[] = [];
  /** The start and end of each piece of SQL that may contain a `$1`. Usually there is none. */
  #numbered: [start: number, end: number][] | undefined;
  /** The start of the last token, where scanning resumes as the text grows, and the place before it. */
  #scanned = 0;
  #place = "";

  /** Appends SQL as it is. */
  add(text: string): void {
    if (NUMBER.test(text)) {
      (this.#numbered ??= []).push([this.text.length, this.text.length + text.length]);
    }
    this.text += text;
  }

  /** Appends a fragment, an array that begins with one, or a value as a parameter. */
  put(value: unknown): void {
    if (isFragment(value)) value.writeTo(this);
    else if (isList(value)) this.list(value, " ");
    else this.parameter(value);
  }

  /** Appends items, each as {@linkcode put} does, with a separator between them. */
  list(items: readonly unknown[], separator: string | Fragment): void {
    items.forEach((item, i) => {
      if (i > 0 && typeof separator === "string") this.add(separator);
      else if (i > 0) this.put(separator);
      this.put(item);
    });
  }

  /**
   * Appends a value as a parameter. `oid` is its type; 0 lets the server choose.
   *
   * @throws {InterfaceError} the value is `undefined`.
   */
  parameter(value: unknown, oid: number = 0): void {
    const number = this.values.push(value);
    if (value === undefined) {
      throw new InterfaceError(`parameter $${number} is undefined; use null for NULL`);
    }
    this.types.push(oid);
    this.text += `$${number}`;
  }

  /**
   * Appends the strings of a template with its values between them.
   *
   * @throws {InterfaceError} a value is `undefined`, or a digit follows a value.
   */
  template(strings: readonly string[], values: readonly unknown[]): void {
    this.add(strings[0]!);
    for (let i = 0; i < values.length; i++) {
      this.put(values[i]);
      const next = strings[i + 1]!;
      if (DIGIT.test(next) && DIGIT_AT_END.test(this.text)) throw glued(this.values.length);
      this.add(next);
    }
  }

  /**
   * Checks the whole text.
   *
   * @throws {InterfaceError} the SQL contains a `$1`, which would have the number of a value.
   */
  finish(): void {
    if (this.#numbered === undefined || this.values.length === 0) return;
    // The session's standard_conforming_strings is unknown: refuse only what is no string either way.
    const [plain, escaping] = [this.#ownNumber(false), this.#ownNumber(true)];
    if (plain === undefined || escaping === undefined) return;
    throw new InterfaceError(
      `sql: the SQL has ${plain} beside values, which are numbered as well: write \${value}`,
    );
  }

  /** Reports whether any parameter has a type of its own. */
  get isTyped(): boolean {
    return this.types.some((oid) => oid !== 0);
  }

  /** The last of the words INSERT, INTO, SET and VALUES, in lower case, or `""`. */
  get lastPlace(): string {
    let place = this.#place;
    const lexer = new Lexer(this.text);
    for (lexer.end = this.#scanned; lexer.next();) {
      if (lexer.kind === "space" || lexer.kind === "comment") continue;
      this.#scanned = lexer.start;
      this.#place = place;
      const word = lexer.kind === "word" ? this.text.slice(lexer.start, lexer.end) : "";
      if (PLACE.test(word)) place = word.toLowerCase();
    }
    return place;
  }

  /** The last token that is neither space nor comment: a word in lower case, or a symbol. */
  get lastToken(): string {
    void this.lastPlace;
    const lexer = new Lexer(this.text);
    lexer.end = this.#scanned;
    return lexer.next() ? this.text.slice(lexer.start, lexer.end).toLowerCase() : "";
  }

  #ownNumber(backslashes: boolean): string | undefined {
    const pieces = this.#numbered ?? [];
    for (const lexer = new Lexer(this.text, backslashes); lexer.next();) {
      const { kind, start, end } = lexer;
      if (kind === "parameter" && pieces.some(([from, to]) => from <= start && start < to)) {
        return this.text.slice(start, end);
      }
    }
    return undefined;
  }
}

const NUMBER = /\$\d/;
const DIGIT = /^\d/;
const DIGIT_AT_END = /\$\d+$/;
const PLACE = /^(?:insert|into|set|values)$/i;

function glued(number: number): InterfaceError {
  return new InterfaceError(
    `sql: a digit follows value ${number} directly and would become a part of $${number}`,
  );
}

/** Assembles a fragment into a whole text. */
export function assemble(fragment: Fragment): Assembly {
  const assembly = new Assembly();
  fragment.writeTo(assembly);
  assembly.finish();
  return assembly;
}
