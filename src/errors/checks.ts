/** Checks of the values of options. */
import { InterfaceError } from "./errors.ts";

/** The longest time of a timer, in seconds. A longer one overflows and fires at once. */
export const LONGEST_TIME = 2147483;

/** Checks the value of the option `name`. @throws {InterfaceError} it is of another kind. */
export type Check = (name: string, value: unknown) => void;

/** Throws the error for an option that is of another kind than `what`. */
export const fail = (name: string, what: string): never => {
  throw new InterfaceError(`${name} must be ${what}`);
};

/** A boolean. */
export const bool: Check = (name, value) => {
  if (typeof value !== "boolean") fail(name, "a boolean");
};

/** A number of seconds that a timer can wait. */
export const seconds: Check = (name, value) => {
  if (typeof value !== "number" || !(value >= 0 && value <= LONGEST_TIME)) {
    fail(name, `a number of seconds from 0 to ${LONGEST_TIME}`);
  }
};

/** An object. */
export const object: Check = (name, value) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) fail(name, "an object");
};

/** A function. */
export const callback: Check = (name, value) => {
  if (typeof value !== "function") fail(name, "a function");
};

/** Returns the check for a whole number. */
export const whole = (least: number, most: number = Infinity): Check => (name, value) => {
  if (Number.isInteger(value) && value as number >= least && value as number <= most) return;
  fail(name, `a whole number from ${least}${most === Infinity ? "" : ` to ${most}`}`);
};

/** Returns the check for one of several values. */
export const oneOf = (...values: readonly unknown[]): Check => (name, value) => {
  if (!values.includes(value)) fail(name, `one of ${values.join(", ")}`);
};

/** An object with the parts of an AbortSignal that the driver uses. */
export const signal: Check = (name, value) => {
  const { aborted, addEventListener: listen } = Object(value);
  if (typeof aborted !== "boolean" || typeof listen !== "function") fail(name, "an AbortSignal");
};

/** The checks of the options of a call, by their names. */
export type Checks = Readonly<Record<string, Check>>;

/** The options of a call that runs one query of the driver's. */
export const CALL_OPTIONS: Checks = { signal, timeout: seconds };

/**
 * Checks the names and values of options. An option that is `undefined` counts as not given. `path`
 * stands in front of their names in errors.
 *
 * @throws {InterfaceError} the message names the option.
 */
export function checkOptions(options: object, checks: Checks, path = ""): void {
  object("options", options);
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(checks, name)) throw new InterfaceError(`unknown option "${path}${name}"`);
    if (value !== undefined) checks[name]!(path + name, value);
  }
}
