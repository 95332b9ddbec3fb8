/** Checks of options: functions that throw an error that names the option. */
import { suggestion } from "../config/spelling.ts";
import { InterfaceError } from "../errors/errors.ts";

/** Checks the value of the option `name`. @throws {InterfaceError} it is wrong. */
export type Check = (name: string, value: unknown) => void;

/** Reports whether a value is an object with named properties. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Refuses an option, of which `what` says how it must be. */
export function fail(name: string, what: string): never {
  throw new InterfaceError(`${name} must be ${what}`);
}

/** Returns a check by a predicate. */
export function rule(isRight: (value: unknown) => boolean, what: string): Check {
  return (name, value) => {
    if (!isRight(value)) fail(name, what);
  };
}

/** Returns a check that accepts some values only. */
export function oneOf(...values: readonly unknown[]): Check {
  const list = values.map((value) => JSON.stringify(value)).join(", ");
  return rule((value) => values.includes(value), `one of ${list}`);
}

/** Returns a check for whole numbers from `least`. */
export function whole(least: number): Check {
  const isRight = (value: unknown): boolean =>
    Number.isSafeInteger(value) && (value as number) >= least;
  return rule(isRight, `a whole number from ${least}`);
}

export const BOOLEAN: Check = rule((value) => typeof value === "boolean", "a boolean");
export const FUNCTION: Check = rule((value) => typeof value === "function", "a function");

/** A timer takes milliseconds in 31 bits. */
export const SECONDS: Check = rule(
  (value) => typeof value === "number" && value > 0 && value <= 2147483,
  "a number of seconds above 0, at most 2147483",
);

export const NAME: Check = rule(
  (value) =>
    typeof value === "string" && value !== "" && !value.includes("\0") && value.isWellFormed(),
  "a string that is not empty and has no NUL",
);

export const NAMES: Check = (name, value) => {
  if (!Array.isArray(value) || value.length === 0) return fail(name, "a list that is not empty");
  for (const item of value) NAME(name, item);
};

/** Returns a check of an object's properties, of which some are needed. */
export function record(checks: Readonly<Record<string, Check>>, ...needed: string[]): Check {
  return (name, value) => {
    if (!isObject(value)) return fail(name, "an object");
    for (const [key, item] of Object.entries(value)) {
      if (!Object.hasOwn(checks, key)) {
        const near = suggestion(key, Object.keys(checks));
        throw new InterfaceError(`unknown option "${key}" in ${name}${near}`);
      }
      if (item !== undefined) checks[key]!(`${name}.${key}`, item);
    }
    for (const key of needed) {
      if (!Object.hasOwn(value, key) || value[key] === undefined) fail(`${name}.${key}`, "given");
    }
  };
}
