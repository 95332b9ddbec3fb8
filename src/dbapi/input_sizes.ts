import { InterfaceError } from "../errors/errors.ts";
import { Interval } from "../types/interval.ts";
import { OIDS } from "../types/oids.ts";
import { PGInterval } from "./pg_interval.ts";

/** The type of a parameter: an OID, a JavaScript class, or `null` for the server's choice. */
// deno-lint-ignore ban-types -- any class will do, and that is what one is
export type InputSize = number | Function | null;

/**
 * Returns the OIDs for `setinputsizes()`. A class that implies no type gives `unknown`, which
 * leaves the choice to the server.
 *
 * @throws {InterfaceError} a size is neither an OID, a class nor null.
 */
export function typeOids(sizes: readonly InputSize[]): number[] {
  return sizes.map((size) => {
    if (size === null) return 0;
    if (typeof size === "function") return OID_OF_CLASS.get(size) ?? OIDS.unknown;
    if (Number.isInteger(size) && size >= -1 && size <= 0xffffffff) return Math.max(0, size);
    throw new InterfaceError("setinputsizes(): a size is the OID of a type, a class or null");
  });
}

const OID_OF_CLASS: ReadonlyMap<unknown, number> = new Map<unknown, number>([
  [String, OIDS.text],
  [Boolean, OIDS.bool],
  [BigInt, OIDS.int8],
  [Number, OIDS.float8],
  [Date, OIDS.timestamptz],
  [Uint8Array, OIDS.bytea],
  [ArrayBuffer, OIDS.bytea],
  [Object, OIDS.jsonb],
  [Interval, OIDS.interval],
  [PGInterval, OIDS.interval],
]);
