/** Bind of a statement whose types are known. */
import type { Writer } from "../bytes/writer.ts";
import { InterfaceError } from "../errors/errors.ts";
import { beginBind, endBind } from "../protocol/frontend.ts";
import { writeParameters } from "./parameters.ts";
import type { Statement } from "./statement.ts";

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

/** Appends a Bind of a described statement, in binary wherever the codecs can. */
export function bindKnown(
  out: Writer,
  portal: string,
  name: string,
  statement: Statement,
  values: readonly unknown[],
): void {
  const at = beginBind(out, portal, name);
  writeParameters(out, values, statement.parameters);
  endBind(out, at, statement.resultFormats);
}
