import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import { DataError, InterfaceError } from "../errors/errors.ts";
import type { Codec } from "./codec.ts";
import { expectLength, malformed, primitiveText } from "./component.ts";
import { COMMON_OIDS } from "./common_oids.ts";

/** JavaScript values for `int8` and `xid8`. */
export type Int8Policy = "bigint" | "number" | "safe" | "string";

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);
const INTEGER = /^-?\d+$/;
const FLOAT = /^-?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Infinity)$|^NaN$/;

/** `int2` ↔ number. Source: int.c, `int2send`. */
export const int2Codec: Codec<number | bigint> = Object.freeze({
  ...integer("int2", COMMON_OIDS.int2, COMMON_OIDS._int2, -0x8000, 0x7fff),
  primitive: "int2",
  decodeBinary(reader: Reader, length: number): number {
    expectLength(length, 2, "int2");
    return reader.int16();
  },
  encodeBinary(value: number | bigint, out: Writer): void {
    out.int16(checked(value, "int2", -0x8000, 0x7fff));
  },
});

/** `int4` ↔ number. Source: int.c, `int4send`. */
export const int4Codec: Codec<number | bigint> = Object.freeze({
  ...integer("int4", COMMON_OIDS.int4, COMMON_OIDS._int4, -0x80000000, 0x7fffffff),
  primitive: "int4",
  decodeBinary(reader: Reader, length: number): number {
    expectLength(length, 4, "int4");
    return reader.int32();
  },
  encodeBinary(value: number | bigint, out: Writer): void {
    out.int32(checked(value, "int4", -0x80000000, 0x7fffffff));
  },
});

/**
 * A 32-bit unsigned type (`oid`, `xid`, `cid`) ↔ number. Negative numbers are taken as the server
 * takes their text: -1 is 4294967295. Source: oid.c, xid.c; numutils.c, `uint32in_subr`.
 */
export function unsignedCodec(name: string, oid: number, arrayOid: number): Codec<number | bigint> {
  const wrapped = (value: number | bigint): number =>
    checked(value, name, -0x80000000, 0xffffffff) >>> 0;
  return Object.freeze({
    ...integer(name, oid, arrayOid, 0, 0xffffffff),
    encodeText: (value: number | bigint): string => String(wrapped(value)),
    primitive: "uint4",
    decodeBinary(reader: Reader, length: number): number {
      expectLength(length, 4, name);
      return reader.uint32();
    },
    encodeBinary(value: number | bigint, out: Writer): void {
      out.int32(wrapped(value));
    },
  });
}

/** `float8` ↔ number: NaN, both infinities and -0 included. Source: float.c. */
export const float8Codec: Codec<number | bigint> = Object.freeze({
  name: "float8",
  oid: COMMON_OIDS.float8,
  arrayOid: COMMON_OIDS._float8,
  primitive: "float8",
  decodeText: (text: string): number => float(text, "float8"),
  decodeBinary(reader: Reader, length: number): number {
    expectLength(length, 8, "float8");
    return reader.float64();
  },
  accepts: isNumeric,
  encodeText: (value: number | bigint): string => primitiveText(float64(value))!,
  encodeBinary: (value: number | bigint, out: Writer): void => out.float64(float64(value)),
});

/**
 * `int8` as a bigint, a number or its decimal text. Source: int8.c, `int8send`.
 *
 * A value beyond `Number.MAX_SAFE_INTEGER` is refused with a `DataError` as `"number"`, and is a
 * bigint as `"safe"`.
 */
export function int8Codec(policy: Int8Policy): Codec<number | bigint> {
  return Object.freeze({
    ...wide(
      "int8",
      COMMON_OIDS.int8,
      COMMON_OIDS._int8,
      -0x8000000000000000n,
      0x7fffffffffffffffn,
      policy,
    ),
    primitive: policy === "bigint" ? "int8" : undefined,
  });
}

/** Reports whether a value is a number or a bigint. */
export function isNumeric(value: unknown): boolean {
  return typeof value === "number" || typeof value === "bigint";
}

function integer(name: string, oid: number, arrayOid: number, min: number, max: number) {
  return {
    name,
    oid,
    arrayOid,
    decodeText(text: string): number {
      const value = INTEGER.test(text) ? Number(text) : NaN;
      if (!(value >= min && value <= max)) throw malformed(name);
      return value;
    },
    accepts: isNumeric,
    encodeText: (value: number | bigint): string => String(checked(value, name, min, max)),
  };
}

function checked(value: number | bigint, name: string, min: number, max: number): number {
  if (typeof value === "number" && !Number.isInteger(value)) throw notAnInteger(name);
  if (value < min || value > max) throw outOfRange(name);
  return Number(value);
}

/** Returns the parts of a 64-bit integer's codec: values by the policy, within `min` and `max`. */
export function wide(
  name: string,
  oid: number,
  arrayOid: number,
  min: bigint,
  max: bigint,
  policy: Int8Policy,
): Codec<number | bigint> {
  const present = presenter(policy, name);
  return {
    name,
    oid,
    arrayOid,
    decodeText(text: string): bigint {
      if (!INTEGER.test(text) || text.length > 20) throw malformed(name);
      const value = BigInt(text);
      if (value < min || value > max) throw malformed(name);
      return present(value);
    },
    decodeBinary(reader: Reader, length: number): bigint {
      expectLength(length, 8, name);
      return present(min === 0n ? reader.uint64() : reader.int64());
    },
    accepts: isNumeric,
    encodeText: (value: number | bigint): string => String(checkedWide(value, name, min, max)),
    encodeBinary(value: number | bigint, out: Writer): void {
      out.int64(checkedWide(value, name, min, max));
    },
  };
}

/** Returns the integer of a value. @throws {InterfaceError} it is none, or is out of the range. */
export function checkedWide(value: unknown, name: string, min: bigint, max: bigint): bigint {
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw Number.isInteger(value) ? unsafe(name) : notAnInteger(name);
  }
  if (typeof value === "string" && !INTEGER.test(value)) throw notAnInteger(name);
  const integer = BigInt(value as bigint);
  if (integer < min || integer > max) throw outOfRange(name);
  return integer;
}

/** Returns the function that converts a 64-bit integer by the policy, typed as if it were a bigint. */
function presenter(policy: Int8Policy, name: string): (value: bigint) => bigint {
  const views: Record<Int8Policy, (value: bigint) => unknown> = {
    bigint: (value) => value,
    string: String,
    safe: (value) => value >= -MAX_SAFE && value <= MAX_SAFE ? Number(value) : value,
    number(value) {
      const number = Number(value);
      if (Number.isSafeInteger(number)) return number;
      throw new DataError(`${name} does not fit a number without losing digits`, { code: "22003" });
    },
  };
  return views[policy] as (value: bigint) => bigint;
}

/** Returns the number of a float's text. @throws {DataError} it is none. */
export function float(text: string, name: string): number {
  if (!FLOAT.test(text)) throw malformed(name);
  return Number(text);
}

function float64(value: number | bigint): number {
  if (typeof value === "number") return value;
  const nearest = Number(value);
  if (!Number.isFinite(nearest)) throw outOfRange("float8");
  return nearest;
}

function notAnInteger(name: string): InterfaceError {
  return new InterfaceError(`not an integer, which ${name} needs`, { code: "22023" });
}

/** Returns the error for a value that the type `name` cannot hold. */
export function outOfRange(name: string): InterfaceError {
  return new InterfaceError(`out of range for ${name}`, { code: "22003" });
}

function unsafe(name: string): InterfaceError {
  return new InterfaceError(
    `beyond the safe integers, where a number is not exact; use a bigint for ${name}`,
    {
      code: "22003",
    },
  );
}
