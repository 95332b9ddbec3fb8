import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import { InterfaceError } from "../errors/errors.ts";
import { type ArraySyntax, parseArray, quoted } from "./array_text.ts";
import type { Codec } from "./codec.ts";
import {
  componentText,
  isBinaryComponent,
  malformed,
  type Mutable,
  readComponent,
  writeComponent,
} from "./component.ts";
import { elementLoop } from "./elements.ts";

/** array.h: MAXDIM. */
export const MAX_DIMENSIONS = 6;
/** array.h: MaxArraySize, 2^27 elements. */
const MAX_ELEMENTS = 1 << 27;

/** Options of {@linkcode arrayOf}. */
export interface ArrayOptions {
  /** Reads an array as a {@linkcode BoundedArray}, which keeps its lower bounds. Default `false`. */
  bounds?: boolean | undefined;
  /** `pg_type.typname` of the array type. Default: the element's name with `_` in front. */
  name?: string | undefined;
  /** The array type's OID. Default: the element's `arrayOid`. */
  oid?: number | undefined;
}

/**
 * An array with the lower bounds of its dimensions, PostgreSQL's `[0:1]={a,b}`. It can be written
 * wherever an array can. Arrays are read as one under `types: { arrays: "bounded" }`.
 */
export class BoundedArray<T = unknown> {
  /** Nested arrays, as deep as there are lower bounds; a deeper array is an element (json). */
  readonly elements: readonly T[];
  /** The first index of each dimension; PostgreSQL's default is 1. */
  readonly lowerBounds: readonly number[];

  /** Creates an array from nested `elements` and the lower bound of each dimension. */
  constructor(elements: readonly T[], lowerBounds: readonly number[]) {
    this.elements = elements;
    this.lowerBounds = lowerBounds;
  }
}

/** An array to write: `items` in row-major order, NULL as `null`. */
interface Flat {
  readonly sizes: readonly number[];
  readonly lowerBounds: readonly number[];
  readonly items: ArrayLike<unknown>;
}

/**
 * The codec of arrays of `element`: nested JavaScript arrays with `null`, up to six dimensions. It
 * also writes typed arrays other than `Uint8Array`.
 *
 * An array that the element itself accepts (json, multiranges, vectors) is an element; any other
 * array inside an array is a dimension. Of those types an array of several dimensions is therefore
 * read as a {@linkcode BoundedArray}, which is written as it was read. Source: arrayfuncs.c, `array_send`, `array_out`.
 *
 * @throws {InterfaceError} when encoding: sub-arrays differ in length, there are too many dimensions,
 * or the type cannot hold an element.
 */
export function arrayOf(element: Codec, options: ArrayOptions = {}): Codec {
  const bounds = options.bounds ?? false;
  const name = options.name ?? `_${element.name}`;
  const syntax: ArraySyntax = {
    name,
    delimiter: element.delimiter ?? ",",
    decode: (text) => element.decodeText(text),
  };
  const codec: Mutable<Codec> = {
    name,
    oid: options.oid ?? element.arrayOid,
    arrayOid: 0,
    decodeText(text: string): unknown {
      const { elements, lowerBounds } = parseArray(text, syntax);
      return bounds || isAmbiguous(element, lowerBounds.length)
        ? new BoundedArray(elements, lowerBounds)
        : elements;
    },
    accepts: (value) => value instanceof BoundedArray || isList(value),
    encodeText: (value) => textOf(element, flatten(element, value, name)),
  };
  if (element.decodeBinary) {
    codec.decodeBinary = (reader, length) => readArray(element, reader, length, bounds, name);
  }
  if (element.encodeBinary) {
    codec.encodeBinary = (value, out) => writeArray(element, flatten(element, value, name), out);
    codec.encodesBinary = (value) => goesInBinary(element, flatten(element, value, name));
  }
  return Object.freeze(codec);
}

/**
 * Reports whether nested arrays would not say how deep the elements lie, because an element may be an
 * array itself: `[[1]]` of `jsonb[]` is written as one document in one dimension.
 */
function isAmbiguous(element: Codec, dimensions: number): boolean {
  return dimensions > 1 && element.accepts([]);
}

function isList(value: unknown): value is ArrayLike<unknown> {
  if (Array.isArray(value)) return true;
  return ArrayBuffer.isView(value) && !(value instanceof Uint8Array) &&
    !(value instanceof DataView);
}

function readArray(
  element: Codec,
  reader: Reader,
  length: number,
  bounds: boolean,
  name: string,
): unknown {
  const end = reader.position + length;
  const dimensions = reader.int32();
  reader.int32();
  const elementOid = reader.uint32();
  if (dimensions < 0 || dimensions > MAX_DIMENSIONS) throw malformed(name, "its dimensions");
  if (element.oid !== 0 && elementOid !== element.oid) throw malformed(name, "its element type");
  const sizes: number[] = [];
  const lowerBounds: number[] = [];
  let total = 1;
  for (let d = 0; d < dimensions; d++) {
    const size = reader.int32();
    lowerBounds.push(reader.int32());
    total *= size;
    if (size < 1 || total > MAX_ELEMENTS) throw malformed(name, "the size of a dimension");
    sizes.push(size);
  }
  if (dimensions > 0) reader.count(total, 4);
  try {
    const elements = dimensions === 0 ? [] : readDimension(element, reader, end, sizes, 0);
    return bounds || isAmbiguous(element, dimensions)
      ? new BoundedArray(elements, lowerBounds)
      : elements;
  } finally {
    reader.end = end;
  }
}

function readDimension(
  element: Codec,
  reader: Reader,
  end: number,
  sizes: readonly number[],
  depth: number,
): unknown[] {
  const size = sizes[depth]!;
  const innermost = depth === sizes.length - 1;
  const loop = innermost ? elementLoop(element) : undefined;
  if (loop !== undefined) return loop(element, reader, end, size);
  const items: unknown[] = new Array(size);
  for (let i = 0; i < size; i++) {
    items[i] = innermost
      ? readComponent(element, reader, end)
      : readDimension(element, reader, end, sizes, depth + 1);
  }
  return items;
}

function writeArray(element: Codec, flat: Flat, out: Writer): void {
  const { sizes, lowerBounds, items } = flat;
  let hasNull = 0;
  for (let i = 0; i < items.length && hasNull === 0; i++) if (items[i] === null) hasNull = 1;
  out.int32(sizes.length);
  out.int32(hasNull);
  out.int32(element.oid);
  for (let d = 0; d < sizes.length; d++) {
    out.int32(sizes[d]!);
    out.int32(lowerBounds[d]!);
  }
  for (let i = 0; i < items.length; i++) writeComponent(element, items[i], out);
}

function goesInBinary(element: Codec, flat: Flat): boolean {
  if (element.oid === 0) return false;
  for (let i = 0; i < flat.items.length; i++) {
    if (!isBinaryComponent(element, flat.items[i])) return false;
  }
  return true;
}

function textOf(element: Codec, flat: Flat): string {
  const { sizes, lowerBounds, items } = flat;
  const delimiter = element.delimiter ?? ",";
  if (sizes.length === 0) return "{}";
  let at = 0;
  const write = (depth: number): string => {
    const parts: string[] = [];
    for (let i = 0; i < sizes[depth]!; i++) {
      if (depth < sizes.length - 1) parts.push(write(depth + 1));
      else parts.push(quoted(componentText(element, items[at++]), delimiter));
    }
    return `{${parts.join(delimiter)}}`;
  };
  if (lowerBounds.every((bound) => bound === 1)) return write(0);
  const ranges = sizes.map((size, d) => `[${lowerBounds[d]}:${lowerBounds[d]! + size - 1}]`);
  return `${ranges.join("")}=${write(0)}`;
}

function flatten(element: Codec, value: unknown, name: string): Flat {
  const bounded = value instanceof BoundedArray;
  const list = (bounded ? value.elements : value) as ArrayLike<unknown>;
  const sizes = sizesOf(element, list, name, bounded ? value.lowerBounds.length : undefined);
  const lowerBounds = bounded ? value.lowerBounds : sizes.map(() => 1);
  if (bounded && sizes.length > 0 && !areBounds(lowerBounds, sizes)) {
    throw new InterfaceError(`${name} needs one lower bound for each dimension`);
  }
  if (sizes.length === 0) return { sizes, lowerBounds: [], items: [] };
  if (sizes.length === 1) return { sizes, lowerBounds, items: list };
  const items: unknown[] = [];
  collect(list, sizes, 0, items, name);
  return { sizes, lowerBounds, items };
}

function areBounds(lowerBounds: readonly number[], sizes: readonly number[]): boolean {
  return lowerBounds.length === sizes.length &&
    lowerBounds.every((bound, d) => (bound | 0) === bound && bound + sizes[d]! <= 0x7fffffff);
}

/**
 * Returns the sizes of the dimensions, from the first item of each; none for an array without
 * elements. `depth` is their number; without it, a list that is no element is a dimension.
 */
function sizesOf(
  element: Codec,
  list: ArrayLike<unknown>,
  name: string,
  depth: number | undefined,
): number[] {
  const sizes: number[] = [];
  let inner: unknown = list;
  do {
    const { length } = inner as ArrayLike<unknown>;
    if (sizes.length === MAX_DIMENSIONS) {
      throw new InterfaceError(`${name} cannot have more than ${MAX_DIMENSIONS} dimensions`);
    }
    sizes.push(length);
    if (length === 0) return emptyOrJagged(sizes, list, name);
    inner = (inner as ArrayLike<unknown>)[0];
  } while (isList(inner) && (depth === undefined ? !element.accepts(inner) : sizes.length < depth));
  return sizes;
}

/** Returns no dimensions: an array of empty arrays is `{}`, as `'{{},{}}'` is since PostgreSQL 17. */
function emptyOrJagged(sizes: readonly number[], list: ArrayLike<unknown>, name: string): number[] {
  collect(list, sizes, 0, [], name);
  return [];
}

/** Appends the elements below `list` to `items`, in row-major order; refuses unequal lengths. */
function collect(
  list: ArrayLike<unknown>,
  sizes: readonly number[],
  depth: number,
  items: unknown[],
  name: string,
): void {
  const size = sizes[depth]!;
  if (list.length !== size) throw jagged(name);
  for (let i = 0; i < size; i++) {
    const item = list[i];
    if (depth === sizes.length - 1) items.push(item);
    else if (isList(item)) collect(item, sizes, depth + 1, items, name);
    else throw jagged(name);
  }
}

function jagged(name: string): InterfaceError {
  return new InterfaceError(`${name} needs sub-arrays of equal length`, { code: "2202E" });
}
