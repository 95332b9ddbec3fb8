import type { Checks } from "../errors/checks.ts";
import { InterfaceError } from "../errors/errors.ts";

/** The style of a text's parameters: `?`, `:1`, `:name`, `%s`, `%(name)s`. */
export type ParamStyle = "qmark" | "numeric" | "named" | "format" | "pyformat";

/** Arguments for a text: by position, or by name. */
export type Arguments = readonly unknown[] | Readonly<Record<string, unknown>>;

const PARAM_STYLES: readonly ParamStyle[] = ["qmark", "numeric", "named", "format", "pyformat"];

/**
 * Returns the style.
 *
 * @throws {InterfaceError} it is not one of the five.
 */
export function checkParamStyle(style: ParamStyle): ParamStyle {
  if (PARAM_STYLES.includes(style)) return style;
  const wanted = PARAM_STYLES.map((name) => `"${name}"`).join(", ");
  throw new InterfaceError(`paramstyle must be one of ${wanted}`);
}

/** The options of `execute()`. The stream itself is checked with the text. */
export const STREAM_OPTIONS: Checks = { stream: () => {} };

/** The options of a cursor. */
export const CURSOR_OPTIONS: Checks = {
  paramstyle: (_, style) => void checkParamStyle(style as ParamStyle),
};

/** Reports whether there are arguments. Without any, a text is not scanned. */
export function hasArguments(args: Arguments): boolean {
  if (typeof args !== "object" || args === null) {
    throw new InterfaceError("the arguments must be an array, or an object by their names");
  }
  return Array.isArray(args) ? args.length > 0 : Object.keys(args).length > 0;
}

/** Returns a copy of the arguments, for a statement that is not sent at once. */
export function copyArguments(args: Arguments): Arguments {
  if (typeof args !== "object" || args === null) return args;
  return Array.isArray(args) ? args.slice() : { ...args };
}
