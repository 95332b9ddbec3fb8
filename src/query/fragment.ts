import { InterfaceError } from "../errors/errors.ts";
import { Lexer } from "./lexer.ts";

/**
 * A piece of SQL with its values, made by the `sql` tag or one of its functions. It is put into a
 * template, or run by `db.query(fragment)`; by itself it does nothing.
 */
export abstract class Fragment {
  /** @internal Appends itself to the text that is being assembled. */
  abstract writeTo(assembly: Assembly): void;
}

/** A fragment that is appended by a function. */
export class WrittenFragment extends Fragment {
  readonly #write: (assembly: Assembly) => void;

  constructor(write: (assembly: Assembly) => void) {
    super();
    this.#write = write;
  }

  writeTo(assembly: Assembly): void {
    this.#write(assembly);
  }
}

/** A text as it grows together, with the values for its `$1`, `$2`, … */
export class Assembly {
  /** The SQL so far. */
  text = "";
  /** The values so far, `$1` first. */
  readonly values: unknown[] = [];
  /** OIDs of the parameters' types, 0 for those that the server is to choose. */
  readonly types: number[] = [];

  /** Appends SQL as it is. */
  add(text: string): void {
    this.text += text;
  }

  /** Appends a fragment, or a value as a parameter. */
  put(value: unknown): void {
    if (value instanceof Fragment) value.writeTo(this);
    else this.parameter(value);
  }

  /**
   * Appends a value as a parameter, `oid` being its type where the server is not to choose.
   *
   * @throws {InterfaceError} it is `undefined`.
   */
  parameter(value: unknown, oid: number = 0): void {
    const number = this.values.push(value);
    if (value === undefined) {
      throw new InterfaceError(`parameter $${number} is undefined; use null for NULL`);
    }
    this.types.push(oid);
    this.text += `$${number}`;
  }

  /** Appends the strings of a template, and its values between them. */
  template(strings: readonly string[], values: readonly unknown[]): void {
    this.text += strings[0]!;
    for (let i = 0; i < values.length; i++) {
      this.put(values[i]);
      this.text += strings[i + 1]!;
    }
  }

  /** Whether any parameter's type was fixed. */
  get isTyped(): boolean {
    return this.types.some((oid) => oid !== 0);
  }

  /** The last of `words` in the text so far, in lower case, outside of quotes and comments. */
  lastWord(words: ReadonlySet<string>): string | undefined {
    let last: string | undefined;
    for (const lexer = new Lexer(this.text); lexer.next();) {
      if (lexer.kind !== "word") continue;
      const word = this.text.slice(lexer.start, lexer.end).toLowerCase();
      if (words.has(word)) last = word;
    }
    return last;
  }

  /** What the text ends with, spaces and comments aside: a word in lower case, or a symbol. */
  get lastToken(): string {
    let last = "";
    for (const lexer = new Lexer(this.text); lexer.next();) {
      if (lexer.kind === "space" || lexer.kind === "comment") continue;
      last = this.text.slice(lexer.start, lexer.end).toLowerCase();
    }
    return last;
  }
}

/** Assembles a fragment into a whole text. */
export function assemble(fragment: Fragment): Assembly {
  const assembly = new Assembly();
  fragment.writeTo(assembly);
  return assembly;
}
