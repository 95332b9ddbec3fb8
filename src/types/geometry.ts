import { Reader } from "../bytes/reader.ts";
import { Writer } from "../bytes/writer.ts";
import { InterfaceError } from "../errors/errors.ts";
import type { Codec } from "./codec.ts";
import { malformed } from "./component.ts";
import { byteaCodec } from "./scalars.ts";

/** A position: two to four numbers, as {@linkcode Geometry.layout} says; of an empty point none. */
export type Position = readonly number[];

/** A PostGIS geometry in the manner of GeoJSON (RFC 7946), with what GeoJSON leaves out. */
export interface Geometry {
  /** The kind of geometry, as in GeoJSON. */
  readonly type: GeometryType;
  /** The positions, nested as in GeoJSON; absent for a `GeometryCollection`. */
  readonly coordinates?: unknown;
  /** The members of a `GeometryCollection`. */
  readonly geometries?: readonly Geometry[];
  /** The spatial reference system; absent for 0, unknown. */
  readonly srid?: number;
  /** The meaning of the third and fourth number of a position; absent for `XY` and `XYZ`. */
  readonly layout?: "XYM" | "XYZM";
}

/** The geometries that GeoJSON defines. */
export type GeometryType =
  | "Point"
  | "LineString"
  | "Polygon"
  | "MultiPoint"
  | "MultiLineString"
  | "MultiPolygon"
  | "GeometryCollection";

const TYPES: readonly (GeometryType | undefined)[] = [
  undefined,
  "Point",
  "LineString",
  "Polygon",
  "MultiPoint",
  "MultiLineString",
  "MultiPolygon",
  "GeometryCollection",
];
const COLLECTION = 7;
const HAS_Z = 0x80000000;
const HAS_M = 0x40000000;
const HAS_SRID = 0x20000000;
/** The deepest nesting of collections that is read. */
const MAX_DEPTH = 64;

/** The layout of positions. */
interface Layout {
  readonly size: number;
  readonly hasZ: boolean;
  readonly hasM: boolean;
}

/**
 * Returns the codec of PostGIS's `geometry` or `geography`: {@linkcode Geometry}. A kind that GeoJSON
 * does not define (curves, surfaces, TINs) is read as EWKB in hexadecimal, as the server prints it. Source: PostGIS manual,
 * "EWKB"; liblwgeom, lwin_wkb.c.
 */
export function geometryCodec(name: string): Codec<Geometry> {
  return Object.freeze({
    name,
    oid: 0,
    arrayOid: 0,
    decodeText(text: string): Geometry {
      const bytes = byteaCodec.decodeText(`\\x${text}`) as Uint8Array;
      return readGeometry(new Reader(bytes), bytes.length, name);
    },
    decodeBinary: (reader: Reader, length: number): Geometry => readGeometry(reader, length, name),
    accepts: isGeometry,
    encodeText(value: Geometry): string {
      const out = new Writer();
      writeGeometry(value, out, layoutOf(value), true);
      return hexOf(out.peek());
    },
    encodeBinary: (value: Geometry, out: Writer): void =>
      writeGeometry(value, out, layoutOf(value), true),
  });
}

/** Reads a geometry, or the hexadecimal EWKB of one that {@linkcode Geometry} cannot represent. */
function readGeometry(reader: Reader, length: number, name: string): Geometry {
  const start = reader.position;
  const end = start + length;
  const geometry = new Ewkb(reader, name).geometry(0);
  if (geometry !== undefined) {
    if (reader.position !== end) throw malformed(name);
    return geometry;
  }
  reader.position = start;
  const bytes = reader.bytes(length);
  return hexOf(bytes) as unknown as Geometry;
}

/** Returns bytes in hexadecimal, as the server prints EWKB. */
function hexOf(bytes: Uint8Array): string {
  return byteaCodec.encodeText(bytes).slice(2).toUpperCase();
}

class Ewkb {
  readonly #reader: Reader;
  readonly #name: string;
  #littleEndian = true;

  constructor(reader: Reader, name: string) {
    this.#reader = reader;
    this.#name = name;
  }

  /** Returns a geometry; `undefined` if it is or contains a kind that GeoJSON does not define. */
  geometry(depth: number): Geometry | undefined {
    if (depth > MAX_DEPTH) throw malformed(this.#name, "nested too deep");
    const order = this.#reader.uint8();
    if (order > 1) throw malformed(this.#name);
    this.#littleEndian = order === 1;
    const word = this.#uint32();
    const srid = word & HAS_SRID ? this.#uint32() : 0;
    const code = word & 0x0fffffff;
    const type = TYPES[code];
    if (type === undefined) return undefined;
    const hasZ = (word & HAS_Z) !== 0;
    const hasM = (word & HAS_M) !== 0;
    const layout = { size: 2 + Number(hasZ) + Number(hasM), hasZ, hasM };
    const content = this.#content(code, layout, depth);
    if (content === undefined) return undefined;
    return {
      type,
      ...(code === COLLECTION ? { geometries: content as Geometry[] } : { coordinates: content }),
      ...(srid === 0 ? {} : { srid }),
      ...(hasM ? { layout: hasZ ? "XYZM" : "XYM" } : {}),
    };
  }

  #content(code: number, layout: Layout, depth: number): unknown[] | undefined {
    if (code === 1) return this.#point(layout);
    if (code === 2) return this.#line(layout);
    const count = this.#count(4);
    const items: unknown[] = [];
    for (let i = 0; i < count; i++) {
      const item = code === 3 ? this.#line(layout) : this.geometry(depth + 1);
      if (item === undefined) return undefined;
      items.push(code === 3 || code === COLLECTION ? item : (item as Geometry).coordinates);
    }
    return items;
  }

  /** Reads a point; one with NaN for all coordinates is empty. */
  #point(layout: Layout): number[] {
    const point = this.#position(layout);
    return point.every(Number.isNaN) ? [] : point;
  }

  #line(layout: Layout): number[][] {
    const count = this.#count(8 * layout.size);
    return Array.from({ length: count }, () => this.#position(layout));
  }

  #position({ size }: Layout): number[] {
    const position: number[] = [];
    for (let i = 0; i < size; i++) {
      position.push(this.#reader.view.getFloat64(this.#reader.take(8), this.#littleEndian));
    }
    return position;
  }

  #count(size: number): number {
    return this.#reader.count(this.#uint32(), size);
  }

  #uint32(): number {
    return this.#reader.view.getUint32(this.#reader.take(4), this.#littleEndian);
  }
}

function isGeometry(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { type, coordinates, geometries } = value as Partial<Geometry>;
  return type !== undefined && TYPES.includes(type) && Array.isArray(coordinates ?? geometries);
}

function layoutOf(value: Geometry): Layout {
  if (value.layout === "XYZM") return { size: 4, hasZ: true, hasM: true };
  if (value.layout === "XYM") return { size: 3, hasZ: false, hasM: true };
  const size = sizeOf(value.coordinates ?? value.geometries);
  return { size: size === 3 ? 3 : 2, hasZ: size === 3, hasM: false };
}

/** Returns the length of the first position found, or 0. */
function sizeOf(value: unknown): number {
  if (!Array.isArray(value)) {
    const { coordinates, geometries } = (value ?? {}) as Partial<Geometry>;
    return coordinates || geometries ? sizeOf(coordinates ?? geometries) : 0;
  }
  if (typeof value[0] === "number") return value.length;
  for (const item of value) {
    const size = sizeOf(item);
    if (size !== 0) return size;
  }
  return 0;
}

function writeGeometry(value: Geometry, out: Writer, layout: Layout, isOutermost: boolean): void {
  const code = TYPES.indexOf(value.type);
  const hasSrid = isOutermost && value.srid !== undefined && value.srid !== 0;
  const flags = (layout.hasZ ? HAS_Z : 0) + (layout.hasM ? HAS_M : 0) + (hasSrid ? HAS_SRID : 0);
  out.uint8(1);
  uint32(code + flags, out);
  if (hasSrid) uint32(value.srid!, out);
  const items = listOf(code === COLLECTION ? value.geometries : value.coordinates);
  if (code === 1) return position(items.length === 0 ? [NaN, NaN, NaN, NaN] : items, out, layout);
  uint32(items.length, out);
  for (const item of items) writeItem(item, code, out, layout);
}

function writeItem(item: unknown, code: number, out: Writer, layout: Layout): void {
  if (code === 2) position(listOf(item), out, layout);
  else if (code === 3) writeLine(listOf(item), out, layout);
  else if (code === COLLECTION) writeMember(item, out, layout);
  else writeGeometry({ type: TYPES[code - 3]!, coordinates: item }, out, layout, false);
}

function writeMember(item: unknown, out: Writer, layout: Layout): void {
  if (!isGeometry(item)) throw unfit();
  writeGeometry(item as Geometry, out, layout, false);
}

function writeLine(positions: readonly unknown[], out: Writer, layout: Layout): void {
  uint32(positions.length, out);
  for (const item of positions) position(listOf(item), out, layout);
}

function position(numbers: readonly unknown[], out: Writer, { size }: Layout): void {
  out.reserve(8 * size);
  for (let i = 0; i < size; i++) {
    const number = numbers[i];
    if (typeof number !== "number") throw unfit();
    out.view.setFloat64(out.length, number, true);
    out.length += 8;
  }
}

function uint32(value: number, out: Writer): void {
  out.reserve(4);
  out.view.setUint32(out.length, value, true);
  out.length += 4;
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw unfit();
}

function unfit(): InterfaceError {
  return new InterfaceError("a geometry's coordinates do not fit its type");
}
