import { InterfaceError } from "../errors/errors.ts";

/** The text of a parameter and its source. */
export interface GivenValue {
  /** The text as given, not parsed. */
  readonly text: string;
  /** The kind of source. */
  readonly source: "option" | "dsn" | "service" | "environment";
  /** The parameter's name in its source, for messages. */
  readonly name: string;
}

/**
 * The given parameters of libpq by keyword, from all sources. An empty text asks for the default and
 * overrides weaker sources.
 */
export type Given = ReadonlyMap<string, GivenValue>;

/** Returns the value of a keyword, or `undefined` if none or an empty one was given. */
export function given(values: Given, keyword: string): GivenValue | undefined {
  const value = values.get(keyword);
  return value === undefined || value.text === "" ? undefined : value;
}

/** Returns the text of a keyword, or `undefined` if none or an empty one was given. */
export function givenText(values: Given, keyword: string): string | undefined {
  return given(values, keyword)?.text;
}

/**
 * Returns the value of a keyword that takes one of `choices`, in the case of the list.
 *
 * @throws {InterfaceError} the value is not in the list.
 */
export function givenChoice<T extends string>(
  values: Given,
  keyword: string,
  choices: readonly T[],
  fallback: T,
): T {
  const value = given(values, keyword);
  return value === undefined ? fallback : choice(value.name, value.text, choices);
}

/** Returns the member of `choices` that equals `text`; versions of TLS compare in any case. */
export function choice<T extends string>(name: string, text: string, choices: readonly T[]): T {
  const found = choices.find((one) =>
    one === text || (one.startsWith("TLS") && one.toLowerCase() === text.toLowerCase())
  );
  if (found !== undefined) return found;
  throw new InterfaceError(`${name} must be one of ${choices.join(", ")}`);
}

/**
 * Returns the whole number given for a keyword, or `undefined` if none was given.
 *
 * @throws {InterfaceError} the value is not a whole number.
 */
export function givenWhole(values: Given, keyword: string): number | undefined {
  const value = given(values, keyword);
  if (value === undefined) return undefined;
  const number = wholeNumber(value.text);
  if (number === undefined) throw new InterfaceError(`${value.name} must be a whole number`);
  return number;
}

/** Returns the number if all of `text` is one to C's `strtol` and fits an int, else `undefined`. */
export function wholeNumber(text: string): number | undefined {
  if (!/^[ \t\n\v\f\r]*[+-]?[0-9]+[ \t\n\v\f\r]*$/.test(text)) return undefined;
  const number = Number(text);
  return Math.abs(number) > 0x7fffffff ? undefined : number;
}
