import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import { InterfaceError } from "../errors/errors.ts";
import type { Codec } from "./codec.ts";
import { expectLength, malformed } from "./component.ts";
import { OIDS } from "./oids.ts";

/** A `point`. Coordinates, also of the other types, are doubles, infinity and NaN included. */
export interface Point {
  /** The first coordinate. */
  readonly x: number;
  /** The second coordinate. */
  readonly y: number;
}

/**
 * A `line`: the points where a·x + b·y + c = 0. The server refuses a and b both within 1e-6
 * of 0 (EPSILON of geo_decls.h).
 */
export interface Line {
  /** The factor of x. */
  readonly a: number;
  /** The factor of y. */
  readonly b: number;
  /** The constant. */
  readonly c: number;
}

/** An `lseg`, a line segment, between its two end points. */
export interface LineSegment {
  /** The first end point. */
  readonly start: Point;
  /** The second end point. */
  readonly end: Point;
}

/**
 * A `box` by its upper right and lower left corners. Any two opposite corners can be written; the
 * server reorders them.
 */
export interface Box {
  /** The upper right corner. */
  readonly high: Point;
  /** The lower left corner. */
  readonly low: Point;
}

/** A `path` of one or more points, open or closed. */
export interface Path {
  /** Whether the last point is joined to the first. */
  readonly closed: boolean;
  /** The points in order, at least one. */
  readonly points: readonly Point[];
}

/** A `polygon` of one or more corners. */
export interface Polygon {
  /** The corners in order, at least one. */
  readonly points: readonly Point[];
}

/** A `circle`. The server refuses a negative radius. */
export interface Circle {
  /** The centre. */
  readonly center: Point;
  /** The radius, 0 or more. */
  readonly radius: number;
}

/** `point` ↔ {@linkcode Point}: `(1,2)`. Source of all: geo_ops.c. */
const pointCodec: Codec<Point> = Object.freeze({
  name: "point",
  oid: OIDS.point,
  arrayOid: OIDS._point,
  decodeText: (text: string) => only(pointsIn(text, "point"), 1, "point")[0]!,
  decodeBinary(reader: Reader, length: number): Point {
    expectLength(length, 16, "point");
    return readPoint(reader);
  },
  accepts: isPoint,
  encodeText: printPoint,
  encodeBinary: writePoint,
});

/** `line` ↔ {@linkcode Line}: `{1,2,3}`. */
const lineCodec: Codec<Line> = Object.freeze({
  name: "line",
  oid: OIDS.line,
  arrayOid: OIDS._line,
  decodeText(text: string): Line {
    const parts = inside(text, "{", "}", "line").split(",", 4);
    const [a, b, c] = only(parts, 3, "line").map((part) => float(part, "line"));
    return { a: a!, b: b!, c: c! };
  },
  decodeBinary(reader: Reader, length: number): Line {
    expectLength(length, 24, "line");
    return { a: reader.float64(), b: reader.float64(), c: reader.float64() };
  },
  accepts: (value: unknown) => isObject<Line>(value) && areNumbers(value.a, value.b, value.c),
  encodeText: ({ a, b, c }: Line) => `{${number(a)},${number(b)},${number(c)}}`,
  encodeBinary({ a, b, c }: Line, out: Writer): void {
    out.float64(a);
    out.float64(b);
    out.float64(c);
  },
});

/** `lseg` ↔ {@linkcode LineSegment}: `[(1,2),(3,4)]`. */
const lsegCodec: Codec<LineSegment> = Object.freeze({
  name: "lseg",
  oid: OIDS.lseg,
  arrayOid: OIDS._lseg,
  decodeText(text: string): LineSegment {
    const points = pointsIn(inside(text, "[", "]", "lseg"), "lseg");
    const [start, end] = only(points, 2, "lseg");
    return { start: start!, end: end! };
  },
  decodeBinary(reader: Reader, length: number): LineSegment {
    expectLength(length, 32, "lseg");
    return { start: readPoint(reader), end: readPoint(reader) };
  },
  accepts: (value: unknown) =>
    isObject<LineSegment>(value) && isPoint(value.start) && isPoint(value.end),
  encodeText: ({ start, end }: LineSegment) => `[${printPoint(start)},${printPoint(end)}]`,
  encodeBinary({ start, end }: LineSegment, out: Writer): void {
    writePoint(start, out);
    writePoint(end, out);
  },
});

/** `box` ↔ {@linkcode Box}: `(3,4),(1,2)`. Semicolons separate the elements of an array. */
const boxCodec: Codec<Box> = Object.freeze({
  name: "box",
  oid: OIDS.box,
  arrayOid: OIDS._box,
  delimiter: ";",
  decodeText(text: string): Box {
    const [high, low] = only(pointsIn(text, "box"), 2, "box");
    return { high: high!, low: low! };
  },
  decodeBinary(reader: Reader, length: number): Box {
    expectLength(length, 32, "box");
    return { high: readPoint(reader), low: readPoint(reader) };
  },
  accepts: (value: unknown) => isObject<Box>(value) && isPoint(value.high) && isPoint(value.low),
  encodeText: ({ high, low }: Box) => `${printPoint(high)},${printPoint(low)}`,
  encodeBinary({ high, low }: Box, out: Writer): void {
    writePoint(high, out);
    writePoint(low, out);
  },
});

/** `path` ↔ {@linkcode Path}: `[(1,2),(3,4)]` open, `((1,2),(3,4))` closed. */
const pathCodec: Codec<Path> = Object.freeze({
  name: "path",
  oid: OIDS.path,
  arrayOid: OIDS._path,
  decodeText(text: string): Path {
    const closed = text.startsWith("(");
    const points = closed ? inside(text, "(", ")", "path") : inside(text, "[", "]", "path");
    return { closed, points: pointsIn(points, "path") };
  },
  decodeBinary(reader: Reader, length: number): Path {
    const closed = reader.uint8();
    if (closed > 1) throw malformed("path");
    return { closed: closed === 1, points: readPoints(reader, length - 1, "path") };
  },
  accepts: (value: unknown) =>
    isObject<Path>(value) && typeof value.closed === "boolean" && arePoints(value.points),
  encodeText({ closed, points }: Path): string {
    return closed ? `(${printPoints(points, "path")})` : `[${printPoints(points, "path")}]`;
  },
  encodeBinary({ closed, points }: Path, out: Writer): void {
    out.uint8(closed ? 1 : 0);
    writePoints(points, out, "path");
  },
});

/** `polygon` ↔ {@linkcode Polygon}: `((1,2),(3,4),(5,6))`. */
const polygonCodec: Codec<Polygon> = Object.freeze({
  name: "polygon",
  oid: OIDS.polygon,
  arrayOid: OIDS._polygon,
  decodeText: (text: string) => ({
    points: pointsIn(inside(text, "(", ")", "polygon"), "polygon"),
  }),
  decodeBinary: (reader: Reader, length: number) => ({
    points: readPoints(reader, length, "polygon"),
  }),
  accepts: (value: unknown) => isObject<Polygon>(value) && arePoints(value.points),
  encodeText: ({ points }: Polygon) => `(${printPoints(points, "polygon")})`,
  encodeBinary: ({ points }: Polygon, out: Writer) => writePoints(points, out, "polygon"),
});

/** `circle` ↔ {@linkcode Circle}: `<(1,2),3>`. */
const circleCodec: Codec<Circle> = Object.freeze({
  name: "circle",
  oid: OIDS.circle,
  arrayOid: OIDS._circle,
  decodeText(text: string): Circle {
    const parts = inside(text, "<", ">", "circle");
    const comma = parts.lastIndexOf(",");
    const [center] = only(pointsIn(parts.slice(0, Math.max(comma, 0)), "circle"), 1, "circle");
    return { center: center!, radius: float(parts.slice(comma + 1), "circle") };
  },
  decodeBinary(reader: Reader, length: number): Circle {
    expectLength(length, 24, "circle");
    return { center: readPoint(reader), radius: reader.float64() };
  },
  accepts: (value: unknown) =>
    isObject<Circle>(value) && isPoint(value.center) && areNumbers(value.radius),
  encodeText: ({ center, radius }: Circle) => `<${printPoint(center)},${number(radius)}>`,
  encodeBinary({ center, radius }: Circle, out: Writer): void {
    writePoint(center, out);
    out.float64(radius);
  },
});

/** The codecs of all seven geometric types. */
export const geometricCodecs: readonly Codec[] = Object.freeze([
  pointCodec,
  lineCodec,
  lsegCodec,
  boxCodec,
  pathCodec,
  polygonCodec,
  circleCodec,
]);

const FLOAT = /^-?(?:\d+(?:\.\d+)?(?:e[-+]?\d+)?|Infinity)$|^NaN$/;

function float(text: string, what: string): number {
  if (!FLOAT.test(text)) throw malformed(what);
  return Number(text);
}

function inside(text: string, open: string, close: string, what: string): string {
  if (!text.startsWith(open) || !text.endsWith(close)) throw malformed(what);
  return text.slice(1, -1);
}

/** One or more points: `(1,2),(3,4)`. */
function pointsIn(text: string, what: string): Point[] {
  const parts = text.split(",");
  if (parts.length % 2 !== 0) throw malformed(what);
  const points: Point[] = [];
  for (let i = 0; i < parts.length; i += 2) {
    const x = parts[i]!;
    const y = parts[i + 1]!;
    if (!x.startsWith("(") || !y.endsWith(")")) throw malformed(what);
    points.push({ x: float(x.slice(1), what), y: float(y.slice(0, -1), what) });
  }
  return points;
}

function only<T>(items: T[], count: number, what: string): T[] {
  if (items.length !== count) throw malformed(what);
  return items;
}

function readPoint(reader: Reader): Point {
  return { x: reader.float64(), y: reader.float64() };
}

function readPoints(reader: Reader, length: number, what: string): Point[] {
  const count = reader.count(reader.int32(), 16);
  if (count === 0) throw malformed(what);
  expectLength(length, 4 + count * 16, what);
  return Array.from({ length: count }, () => readPoint(reader));
}

function number(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

function printPoint({ x, y }: Point): string {
  return `(${number(x)},${number(y)})`;
}

function printPoints(points: readonly Point[], what: string): string {
  return some(points, what).map(printPoint).join(",");
}

function writePoint({ x, y }: Point, out: Writer): void {
  out.float64(x);
  out.float64(y);
}

function writePoints(points: readonly Point[], out: Writer, what: string): void {
  out.int32(some(points, what).length);
  for (const point of points) writePoint(point, out);
}

function some(points: readonly Point[], what: string): readonly Point[] {
  if (points.length === 0) throw new InterfaceError(`a ${what} needs at least one point`);
  return points;
}

function isPoint(value: unknown): boolean {
  return isObject<Point>(value) && areNumbers(value.x, value.y);
}

function arePoints(value: unknown): boolean {
  return Array.isArray(value) && value.every(isPoint);
}

function isObject<T>(value: unknown): value is { readonly [K in keyof T]?: unknown } {
  return typeof value === "object" && value !== null;
}

function areNumbers(...values: readonly unknown[]): boolean {
  return values.every((value) => typeof value === "number");
}
