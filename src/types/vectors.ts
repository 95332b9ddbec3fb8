import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import { InterfaceError } from "../errors/errors.ts";
import type { Codec } from "./codec.ts";
import { expectLength, malformed, primitiveText } from "./component.ts";
import { shortestFloat32 } from "./float32.ts";

/** A vector: it is read as an array of numbers, and written from any of these. */
export type Vector = number[] | Float32Array | Float64Array;

/** pgvector's `sparsevec`: `values[i]` is at `indices[i]`, counted from 0; the rest is zero. */
export interface SparseVector {
  /** The number of dimensions. */
  readonly dimensions: number;
  /** Positions in ascending order, from 0 (the text `{1:1.5}/3` counts from 1). */
  readonly indices: readonly number[];
  /** The numbers that are not zero. */
  readonly values: readonly number[];
}

const SPARSE = /^\{((?:\d+:[^,:{}]+(?:,\d+:[^,:{}]+)*)?)\}\/(\d+)$/;
const NUMBER = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i;
/** vector.h: the number of dimensions is sent in 16 bits. */
const MAX_DIMENSIONS = 0xffff;
const HALF_MAX = 65504;

/** pgvector's `vector` ↔ array of numbers; `Float32Array` is taken too. Source: vector.c, `vector_send`. */
export const vectorCodec: Codec<Vector> = Object.freeze({
  name: "vector",
  oid: 0,
  arrayOid: 0,
  decodeText: (text: string): number[] => parseVector(text, "vector"),
  decodeBinary(reader: Reader, length: number): number[] {
    const items = readHeader(reader, length, 4, "vector");
    for (let i = 0; i < items.length; i++) items[i] = shortestFloat32(reader.float32());
    return items;
  },
  accepts: isVector,
  encodeText: (value: Vector): string => `[${Array.from(value, singleText).join(",")}]`,
  encodeBinary(value: Vector, out: Writer): void {
    writeHeader(value, out, "vector");
    for (const item of value) out.float32(single(item));
  },
});

/** pgvector's `halfvec` ↔ array of numbers. Source: halfvec.c, `halfvec_send`. */
export const halfvecCodec: Codec<Vector> = Object.freeze({
  name: "halfvec",
  oid: 0,
  arrayOid: 0,
  decodeText: (text: string): number[] => parseVector(text, "halfvec"),
  decodeBinary(reader: Reader, length: number): number[] {
    const items = readHeader(reader, length, 2, "halfvec");
    for (let i = 0; i < items.length; i++) {
      items[i] = shortestFloat32(halfFromBits(reader.uint16()));
    }
    return items;
  },
  accepts: isVector,
  encodeText: (value: Vector): string => `[${Array.from(value, singleText).join(",")}]`,
  encodeBinary(value: Vector, out: Writer): void {
    writeHeader(value, out, "halfvec");
    for (const item of value) out.int16(bitsOfHalf(single(item)));
  },
});

/** pgvector's `sparsevec` ↔ {@linkcode SparseVector}. Source: sparsevec.c, `sparsevec_send`. */
export const sparsevecCodec: Codec<SparseVector> = Object.freeze({
  name: "sparsevec",
  oid: 0,
  arrayOid: 0,
  decodeText(text: string): SparseVector {
    const parts = SPARSE.exec(text);
    if (parts === null) throw malformed("sparsevec");
    const pairs = parts[1] === "" ? [] : parts[1]!.split(",").map((pair) => pair.split(":"));
    return {
      dimensions: Number(parts[2]),
      indices: pairs.map(([index]) => Number(index) - 1),
      values: pairs.map(([, value]) => number(value!, "sparsevec")),
    };
  },
  decodeBinary(reader: Reader, length: number): SparseVector {
    const dimensions = reader.int32();
    const count = reader.int32();
    reader.int32();
    reader.count(count, 8);
    expectLength(length, 12 + 8 * count, "sparsevec");
    const indices = Array.from({ length: count }, () => reader.int32());
    const values = indices.map(() => shortestFloat32(reader.float32()));
    return { dimensions, indices, values };
  },
  accepts: (value: unknown): boolean =>
    typeof value === "object" && Array.isArray((value as Partial<SparseVector>).indices) &&
    Array.isArray((value as Partial<SparseVector>).values),
  encodeText(value: SparseVector): string {
    checkSparse(value);
    const pairs = value.indices.map((index, i) => `${index + 1}:${singleText(value.values[i]!)}`);
    return `{${pairs.join(",")}}/${value.dimensions}`;
  },
  encodeBinary(value: SparseVector, out: Writer): void {
    checkSparse(value);
    out.int32(value.dimensions);
    out.int32(value.indices.length);
    out.int32(0);
    for (const index of value.indices) out.int32(index);
    for (const item of value.values) out.float32(single(item));
  },
});

function isVector(value: unknown): boolean {
  if (value instanceof Float32Array || value instanceof Float64Array) return true;
  return Array.isArray(value) && value.every((item) => typeof item === "number");
}

function parseVector(text: string, name: string): number[] {
  if (text[0] !== "[" || text.at(-1) !== "]") throw malformed(name);
  return text.slice(1, -1).split(",").map((item) => number(item, name));
}

function number(text: string, name: string): number {
  if (!NUMBER.test(text)) throw malformed(name);
  return Number(text);
}

/** Reads the 16-bit count and 16 unused bits; returns an array of that length. */
function readHeader(reader: Reader, length: number, size: number, name: string): number[] {
  const count = reader.uint16();
  reader.int16();
  expectLength(length, 4 + size * count, name);
  return new Array<number>(count).fill(0);
}

function writeHeader(value: Vector, out: Writer, name: string): void {
  if (value.length > MAX_DIMENSIONS) throw new InterfaceError(`${name} has too many dimensions`);
  out.int16(value.length);
  out.int16(0);
}

function checkSparse({ dimensions, indices, values }: SparseVector): void {
  const fits = Number.isInteger(dimensions) && indices.length === values.length &&
    indices.every((index) => Number.isInteger(index) && index >= 0 && index < dimensions);
  if (!fits) {
    throw new InterfaceError("sparsevec needs an index below its dimensions for each value");
  }
}

/** Returns a number unchanged if it is finite and within float4's range. */
function single(value: number): number {
  if (typeof value !== "number") throw new InterfaceError("a vector's elements are numbers");
  if (Number.isFinite(Math.fround(value))) return value;
  throw new InterfaceError("a vector's elements are finite", { code: "22003" });
}

function singleText(value: number): string {
  return primitiveText(single(value))!;
}

/** Returns the number of an IEEE 754 binary16: a sign, five bits of exponent, ten of fraction. */
function halfFromBits(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = bits >> 10 & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Rounds to the nearest half, ties to the even one. */
function bitsOfHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(Math.fround(value));
  let exponent = Math.max(-14, Math.min(15, Math.floor(Math.log2(size || 1))));
  if (size < 2 ** exponent && exponent > -14) exponent--;
  const units = roundToEven(size * 2 ** (10 - exponent));
  const bits = (units >= 1024 ? (exponent + 15 << 10) + (units - 1024) : units) | sign;
  if (halfFromBits(bits & 0x7fff) > HALF_MAX || size > 65520) {
    throw new InterfaceError("out of range for halfvec", { code: "22003" });
  }
  return bits;
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
