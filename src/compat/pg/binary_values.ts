/**
 * Values in binary format, for clients and queries with the option `binary`. Source: the `…send`
 * functions of PostgreSQL's types.
 */
import type { Buffer } from "../node.ts";
import { Reader } from "../../bytes/reader.ts";
import { readInstant, readLocalTime } from "./dates.ts";

type BinaryParser = (value: Buffer) => unknown;

/** Returns the default parser of a type's binary form; `undefined`: its bytes are read as text. */
export function binaryParser(oid: number): BinaryParser | undefined {
  return BINARY.get(oid);
}

const BINARY: ReadonlyMap<number, BinaryParser> = new Map<number, BinaryParser>([
  [16, (value) => value[0] !== 0],
  [20, (value) => value.readBigInt64BE().toString()],
  [21, (value) => value.readInt16BE()],
  [23, (value) => value.readInt32BE()],
  [26, (value) => value.readUInt32BE()],
  [25, (value) => value.toString("utf8")],
  [700, (value) => value.readFloatBE()],
  [701, (value) => value.readDoubleBE()],
  [1114, (value) => readLocalTime(new Reader(copied(value)))],
  [1184, (value) => readInstant(new Reader(copied(value)))],
  [1700, numeric],
  ...[1000, 1007, 1008, 1009, 1016].map((oid) => [oid, array] as const),
]);

function copied(value: Buffer): Uint8Array<ArrayBuffer> {
  return new Uint8Array(value);
}

const NEGATIVE = 0x4000;
const NOT_A_NUMBER = 0xc000;
const BASE = 10_000;

/** Reads a `numeric` as a number. Source: numeric.c, `numeric_send`. */
function numeric(value: Buffer): number {
  const sign = value.readUInt16BE(4);
  if (sign === NOT_A_NUMBER) return NaN;
  let weight = BASE ** value.readInt16BE(2);
  let sum = 0;
  for (let i = 0; i < value.readUInt16BE(0); i++) {
    sum += value.readUInt16BE(8 + 2 * i) * weight;
    weight /= BASE;
  }
  const scale = 10 ** value.readUInt16BE(6);
  const rounded = Math.round(sum * scale) / scale;
  return sign === NEGATIVE ? -rounded : rounded;
}

/** Reads an array. Source: arrayfuncs.c, `array_send`. */
function array(value: Buffer): unknown[] {
  const element = BINARY.get(value.readUInt32BE(8)) ?? ((bytes: Buffer) => bytes.toString("utf8"));
  const lengths: number[] = [];
  const dimensions = value.readInt32BE(0);
  for (let i = 0; i < dimensions; i++) lengths.push(value.readInt32BE(12 + 8 * i));
  let at = 12 + 8 * dimensions;
  const read = (depth: number): unknown[] =>
    Array.from({ length: lengths[depth] ?? 0 }, () => {
      if (depth + 1 < dimensions) return read(depth + 1);
      const size = value.readInt32BE(at);
      at += 4;
      if (size < 0) return null;
      return element(value.subarray(at, at += size) as Buffer);
    });
  return read(0);
}
