import { InterfaceError } from "../errors/errors.ts";

/** A parameter's text and where it comes from. */
export interface GivenValue {
  /** As given, not yet parsed. */
  readonly text: string;
  /** The kind of source. */
  readonly source: "option" | "dsn" | "service" | "environment";
  /** The parameter as the user knows it, for messages. */
  readonly name: string;
}

/**
 * What was given of libpq's parameters, by keyword, from all sources together. An empty text is one
 * that was given to ask for the default and to keep weaker sources from being asked.
 */
export type Given = ReadonlyMap<string, GivenValue>;

/** The value of a keyword; `undefined` when none or an empty one was given. */
export function given(values: Given, keyword: string): GivenValue | undefined {
  const value = values.get(keyword);
  return value === undefined || value.text === "" ? undefined : value;
}

/** The text of a keyword; `undefined` when none or an empty one was given. */
export function givenText(values: Given, keyword: string): string | undefined {
  return given(values, keyword)?.text;
}

/**
 * The value of a keyword whose values are listed, in the list's own case.
 *
 * @throws {InterfaceError} it is none of the list.
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

/** The member of `choices` that `text` is; versions of TLS may be written in any case. */
export function choice<T extends string>(name: string, text: string, choices: readonly T[]): T {
  const found = choices.find((one) =>
    one === text || (one.startsWith("TLS") && one.toLowerCase() === text.toLowerCase())
  );
  if (found !== undefined) return found;
  throw new InterfaceError(`${name} must be one of ${choices.join(", ")}`);
}

/**
 * The whole number that a keyword was given; `undefined` when none.
 *
 * @throws {InterfaceError} it is not a whole number.
 */
export function givenWhole(values: Given, keyword: string): number | undefined {
  const value = given(values, keyword);
  if (value === undefined) return undefined;
  const number = wholeNumber(value.text);
  if (number === undefined) throw new InterfaceError(`${value.name} must be a whole number`);
  return number;
}

/** What C's `strtol` takes for a number, all of it and within an int; otherwise `undefined`. */
export function wholeNumber(text: string): number | undefined {
  if (!/^[ \t\n\v\f\r]*[+-]?[0-9]+[ \t\n\v\f\r]*$/.test(text)) return undefined;
  const number = Number(text);
  return Math.abs(number) > 0x7fffffff ? undefined : number;
}
