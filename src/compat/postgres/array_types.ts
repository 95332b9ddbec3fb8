/** The array types of a database, which are read at the first connection of a client. */
import { own } from "../../errors/own.ts";
import * as ownSql from "../../own_sql.ts";
import type { Executor } from "../../query/executor.ts";
import { arrayText, delimiterOf, parseArray } from "./array_text.ts";
import { Parameter } from "./interpolation.ts";
import type { ParsedOptions } from "./options.ts";
import { genericError } from "./postgres_error.ts";

/** Reads the array types and adds their conversions, unless the program has its own. */
export async function fetchArrayTypes(executor: Executor, options: ParsedOptions): Promise<void> {
  const rows = await executor.execute(ownSql.ARRAY_TYPES, [], own({}));
  for (const row of rows as unknown as [number, number][]) addArrayType(...row, options);
}

function addArrayType(oid: number, arrayOid: number, options: ParsedOptions): void {
  const { parsers, serializers, shared } = options;
  if (parsers[arrayOid] !== undefined && serializers[arrayOid] !== undefined) return;
  shared.typeArrayMap[oid] = arrayOid;
  const delimiter = delimiterOf(arrayOid);
  const parse = parsers[oid];
  parsers[arrayOid] = (text: string) => parseArray(text, parse, delimiter);
  serializers[arrayOid] = (value: unknown) => {
    if (!Array.isArray(value)) return value;
    return arrayText(value, (element) => elementText(element, oid, options), delimiter);
  };
}

function elementText(given: unknown, oid: number, options: ParsedOptions): string | null {
  const element = given instanceof Parameter ? given.value : given;
  const value = element === undefined ? options.transform.undefined : element;
  if (value === undefined) {
    throw genericError("UNDEFINED_VALUE", "Undefined values are not allowed");
  }
  if (value === null) return null;
  const serialize = options.serializers[oid];
  return serialize === undefined ? "" + value : String(serialize(value));
}
