import { InterfaceError } from "../errors/errors.ts";

/** The style of a text's parameters: `?`, `:1`, `:name`, `%s`, `%(name)s`. */
export type ParamStyle = "qmark" | "numeric" | "named" | "format" | "pyformat";

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
