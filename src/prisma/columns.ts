/**
 * The types of columns and the forms of their values that Prisma's runtime reads: numbers, dates, times
 * and json as text, and instants in UTC.
 */
import { type ColumnType, ColumnTypeEnum } from "@prisma/driver-adapter-utils";
import type { Reader } from "../bytes/reader.ts";
import type { ColumnParser, Decoder } from "../query/parsers.ts";
import { parseArray } from "../types/array_text.ts";
import { BUILTIN_TYPES } from "../types/oids.ts";
import { completeRegistry } from "../types/complete_registry.ts";
import type { TypeRegistry } from "../types/registry.ts";

/** A column as Prisma reads it. */
export interface PrismaColumn {
  readonly type: ColumnType;
  readonly parser: ColumnParser;
}

/** The kind of a type's values, and the change that turns the driver's value into Prisma's. */
type Kind = readonly [name: ScalarName, change?: (value: string) => string];

/** A name in `ColumnTypeEnum` that has an array. */
type ScalarName = Exclude<keyof typeof ColumnTypeEnum, `${string}Array` | "Set" | "UnknownNumber">;

/** The types whose values the driver's codecs read. All others are text. */
const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ["bool", ["Boolean"]],
  ["int2", ["Int32"]],
  ["int4", ["Int32"]],
  ["int8", ["Int64"]],
  ["oid", ["Int64"]],
  ["float4", ["Float"]],
  ["float8", ["Double"]],
  ["numeric", ["Numeric"]],
  ["uuid", ["Uuid"]],
  ["bytea", ["Bytes"]],
  ["date", ["Date"]],
  ["time", ["Time"]],
  ["timetz", ["Time", timeInUtc]],
  ["timestamp", ["DateTime", (text) => isoText(text, "+00:00")]],
  ["timestamptz", ["DateTime", (text) => isoText(text, ":00")]],
]);

/** The types that are text, but have a kind of their own. */
const TEXTS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ["char", ["Character"]],
  ["json", ["Json"]],
  ["jsonb", ["Json"]],
  ["money", ["Numeric", amount]],
]);

/** The columns of one adapter. Each is made when its type is first seen. */
export class PrismaColumns {
  readonly #registry: TypeRegistry = completeRegistry({
    ...{ int8: "string", numeric: "string", datetime: "string" },
  });
  readonly #known = new Map<number, PrismaColumn>();

  /** Returns the parser of a type, always the same one. */
  readonly parserOf = (typeOid: number): ColumnParser => this.of(typeOid).parser;

  /** Returns the column of a type. Types of users are text, as Prisma's own adapter has them. */
  of(typeOid: number): PrismaColumn {
    const known = this.#known.get(typeOid);
    if (known !== undefined) return known;
    const row = BUILTIN_TYPES.find(([oid, , , arrayOid]) =>
      oid === typeOid || arrayOid === typeOid
    );
    if (row === undefined) return TEXT;
    const [oid, name, , , , delimiter] = row;
    const column = oid === typeOid ? this.#scalar(oid, name) : this.#array(oid, name, delimiter);
    this.#known.set(typeOid, column);
    return column;
  }

  #scalar(oid: number, name: string): PrismaColumn {
    const kind = KINDS.get(name);
    const codec = this.#registry.lookup(oid);
    if (kind !== undefined && codec !== undefined) {
      const [type, change] = kind;
      const parser = change === undefined ? codec : changed(codec, change);
      return { type: ColumnTypeEnum[type], parser };
    }
    const [type, change] = TEXTS.get(name) ?? ["Text"];
    return { type: ColumnTypeEnum[type], parser: change ?? asText };
  }

  #array(oid: number, name: string, delimiter: string): PrismaColumn {
    const { parser } = this.#scalar(oid, name);
    const [type] = KINDS.get(name) ?? TEXTS.get(name) ?? ["Text"];
    const decode = typeof parser === "function" ? parser : textDecoder(parser as Decoder);
    const syntax = { name: `_${name}`, delimiter, decode };
    return {
      type: ColumnTypeEnum[`${type}Array`],
      parser: (text) => parseArray(text, syntax).elements,
    };
  }
}

const TEXT: PrismaColumn = { type: ColumnTypeEnum.Text, parser: asText };

function asText(text: string): string {
  return text;
}

function textDecoder(decoder: Decoder): (text: string) => unknown {
  return (text) => decoder.decodeText(text);
}

/** Returns a decoder of strings with a change behind it. */
function changed(codec: Decoder, change: (value: string) => string): Decoder {
  const { decodeBinary } = codec;
  return {
    decodeText: (text) => change(codec.decodeText(text) as string),
    decodeBinary: decodeBinary &&
      ((reader: Reader, length: number) =>
        change(decodeBinary.call(codec, reader, length) as string)),
  };
}

/** Returns a timestamp as ISO 8601 has it. Infinity and years before Christ have no such form. */
function isoText(text: string, zone: string): string {
  return /^\d.*\d$/.test(text) ? text.replace(" ", "T") + zone : text;
}

/** Returns a time of day in UTC, without its zone: `12:30:00.5+02` is `10:30:00.5`. */
function timeInUtc(text: string): string {
  const parts = /^(\d\d):(\d\d):(\d\d)(\.\d+)?([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?$/.exec(text);
  if (parts === null) return text;
  const [, h, m, s, fraction = "", sign, zh, zm = "0", zs = "0"] = parts;
  const offset = (Number(zh) * 60 + Number(zm)) * 60 + Number(zs);
  const seconds = (Number(h) * 60 + Number(m)) * 60 + Number(s);
  const utc = (seconds + (sign === "-" ? offset : -offset) + 2 * DAY) % DAY;
  const two = (n: number): string => String(n).padStart(2, "0");
  return `${two(Math.floor(utc / 3600))}:${two(Math.floor(utc / 60) % 60)}:${
    two(utc % 60)
  }${fraction}`;
}

const DAY = 86_400;

/** Returns the number in a text of money, for locales with a decimal point. */
function amount(text: string): string {
  const digits = text.replace(/[^\d.]/g, "");
  return /[-(]/.test(text) ? `-${digits}` : digits;
}
