/** Bind of a statement whose types are known. */
import type { Writer } from "../bytes/writer.ts";
import { InterfaceError } from "../errors/errors.ts";
import { beginBind, beginBindAgain, endBind } from "../protocol/frontend.ts";
import type { ExecuteOptions } from "./execute_options.ts";
import { writeParameters, writePlain } from "./parameters.ts";
import { ALL_BINARY, type Reading } from "./parsers.ts";
import { writeRaw } from "./raw_parameters.ts";
import type { Statement } from "./statement.ts";

/** The messages of the first flush, which decide about the replies. */
export type Messages =
  /** The statement is known. */
  | "Bind"
  /** Another query's Parse is on its way; values and results are text. */
  | "Bind to a shared Parse"
  /** The statement is new; values and results are text. */
  | "Parse, Describe, Bind"
  /** The statement is new, and its values depend on its types: Bind follows the description. */
  | "Parse, Describe, Flush"
  /** The statement is known and has no name. */
  | "Parse, Bind";

/** Thrown where parameters cannot be encoded before the catalogue is asked for these types. */
export class TypesWanted extends InterfaceError {
  readonly statement: Statement;
  readonly oids: readonly number[];

  constructor(statement: Statement, oids: readonly number[]) {
    const position = statement.parameters.findIndex(({ oid }) => oid === oids[0]) + 1;
    super(`parameter $${position} (type ${oids[0]}): the catalogue does not say what it takes`);
    this.statement = statement;
    this.oids = oids;
  }
}

/**
 * Appends a Bind of a described statement, in binary wherever the codecs can. The result is requested
 * as `reading` wants it.
 */
export function bindKnown(
  out: Writer,
  portal: string,
  name: string,
  statement: Statement,
  values: readonly unknown[],
  reading: Reading,
  options: ExecuteOptions,
): void {
  const at = portal === "" && name === statement.name
    ? beginBindAgain(out, statement.bindHead)
    : beginBind(out, portal, name);
  if (options.rawParameters === true) writeRaw(out, values);
  else writeParameters(out, values, statement.parameters);
  endBind(out, at, reading.resultFormats);
}

/** Appends a Bind of a statement whose types are not known yet: all as text, unless binary is asked for. */
export function bindPlain(
  out: Writer,
  name: string,
  values: readonly unknown[],
  options: ExecuteOptions,
): void {
  const at = beginBind(out, "", name);
  if (options.rawParameters === true) writeRaw(out, values);
  else writePlain(out, values);
  endBind(out, at, options.binary === true ? ALL_BINARY : ALL_TEXT);
}

const ALL_TEXT: readonly number[] = Object.freeze([]);
