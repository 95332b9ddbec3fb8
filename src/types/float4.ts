import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import type { Codec } from "./codec.ts";
import { expectLength, malformed, primitiveText } from "./component.ts";
import { isBetweenFloats, shortestFloat32 } from "./float32.ts";
import { float, isNumeric, outOfRange } from "./numbers.ts";
import { OIDS } from "./oids.ts";

/**
 * `float4` ↔ number: the shortest decimal that is read as the 32-bit value, as the server prints it,
 * so that `1.1::float4` is `1.1`. Source: float.c; extra_float_digits at its default.
 */
export const float4Codec: Codec<number | bigint> = Object.freeze({
  name: "float4",
  oid: OIDS.float4,
  arrayOid: OIDS._float4,
  decodeText(text: string): number {
    const value = float(text, "float4");
    if (Number.isFinite(value) && !Number.isFinite(Math.fround(value))) throw malformed("float4");
    return value;
  },
  decodeBinary(reader: Reader, length: number): number {
    expectLength(length, 4, "float4");
    return shortestFloat32(reader.float32());
  },
  accepts: isNumeric,
  encodeText: (value: number | bigint): string => primitiveText(float32(value))!,
  encodesBinary: (value: number | bigint): boolean => !isBetweenFloats(Number(value)),
  encodeBinary: (value: number | bigint, out: Writer): void => out.float32(float32(value)),
});

/** Checks a float4: as the server does, refuses overflow to infinity and underflow to zero. */
function float32(value: number | bigint): number {
  const number = Number(value);
  const single = Math.fround(number);
  const overflows = !Number.isFinite(single) &&
    (Number.isFinite(number) || typeof value === "bigint");
  if (overflows || (single === 0 && number !== 0)) throw outOfRange("float4");
  return number;
}
