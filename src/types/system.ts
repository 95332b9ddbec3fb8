import { charText, type Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import { InterfaceError } from "../errors/errors.ts";
import type { Codec } from "./codec.ts";
import { expectLength, malformed } from "./component.ts";
import { checkedWide, type Int8Policy, wide } from "./numbers.ts";
import { OIDS } from "./oids.ts";
import { versioned } from "./scalars.ts";

const TID = /^\((\d{1,10}),(\d{1,5})\)$/;
const LSN = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i;
const SNAPSHOT = /^(\d{1,20}):(\d{1,20}):(\d{1,20}(?:,\d{1,20})*)?$/;
const VECTOR = /^(?:-?\d+(?: -?\d+)*)?$/;
const MAX_UINT64 = 0xffffffffffffffffn;

/** `"char"`, one byte, as text. README, "Limits", describes PostgreSQL 14. */
export const charCodec: Codec<string> = Object.freeze({
  name: "char",
  oid: OIDS.char,
  arrayOid: OIDS._char,
  primitive: "char",
  decodeText: same,
  decodeBinary(reader: Reader, length: number): string {
    expectLength(length, 1, '"char"');
    return charText(reader.uint8());
  },
  accepts: never,
  encodeText: same,
  encodeBinary: (value: string, out: Writer): void => out.uint8(charByte(value)),
});

/** `tid` ↔ its text, `(block,offset)`. Source: tid.c. */
export const tidCodec: Codec<string> = Object.freeze({
  name: "tid",
  oid: OIDS.tid,
  arrayOid: OIDS._tid,
  decodeText: (text: string): string => checked(text, TID, "tid"),
  decodeBinary(reader: Reader, length: number): string {
    expectLength(length, 6, "tid");
    return `(${reader.uint32()},${reader.uint16()})`;
  },
  accepts: never,
  encodeText: same,
  encodeBinary(value: string, out: Writer): void {
    const [, block, offset] = parsed(value, TID, "tid");
    out.int32(Number(block));
    out.int16(Number(offset));
  },
});

/** `pg_lsn` ↔ its text, `16/B374D848`. Source: pg_lsn.c. */
export const lsnCodec: Codec<string> = Object.freeze({
  name: "pg_lsn",
  oid: OIDS.pg_lsn,
  arrayOid: OIDS._pg_lsn,
  decodeText: (text: string): string => checked(text, LSN, "pg_lsn"),
  decodeBinary(reader: Reader, length: number): string {
    expectLength(length, 8, "pg_lsn");
    const segment = reader.uint32().toString(16);
    return `${segment}/${reader.uint32().toString(16)}`.toUpperCase();
  },
  accepts: never,
  encodeText: same,
  encodeBinary(value: string, out: Writer): void {
    const [, segment, offset] = parsed(value, LSN, "pg_lsn");
    out.int32(parseInt(segment!, 16));
    out.int32(parseInt(offset!, 16));
  },
});

/** `pg_snapshot` and `txid_snapshot` ↔ their text, `xmin:xmax:xip,xip`. Source: xid8funcs.c. */
export const snapshotCodecs: readonly Codec[] = [
  snapshotCodec("pg_snapshot", OIDS.pg_snapshot, OIDS._pg_snapshot),
  snapshotCodec("txid_snapshot", OIDS.txid_snapshot, OIDS._txid_snapshot),
] as readonly Codec[];

/** `int2vector` and `oidvector` ↔ arrays of numbers. Source: int.c, oid.c. */
export const vectorCodecs: readonly Codec[] = [
  vectorCodec("int2vector", OIDS.int2vector, OIDS._int2vector, OIDS.int2),
  vectorCodec("oidvector", OIDS.oidvector, OIDS._oidvector, OIDS.oid),
] as readonly Codec[];

function snapshotCodec(name: string, oid: number, arrayOid: number): Codec<string> {
  return Object.freeze({
    name,
    oid,
    arrayOid,
    decodeText: (text: string): string => checked(text, SNAPSHOT, name),
    decodeBinary(reader: Reader, length: number): string {
      const count = reader.uint32();
      expectLength(length, 20 + 8 * count, name);
      const head = `${reader.uint64()}:${reader.uint64()}:`;
      const running: bigint[] = [];
      for (let i = 0; i < count; i++) running.push(reader.uint64());
      return head + running.join(",");
    },
    accepts: never,
    encodeText: same,
    encodeBinary(value: string, out: Writer): void {
      const [, xmin, xmax, running] = parsed(value, SNAPSHOT, name);
      const ids = running === undefined ? [] : running.split(",");
      out.int32(ids.length);
      for (const id of [xmin!, xmax!, ...ids]) out.int64(BigInt(id));
    },
  });
}

/**
 * `xid8`, a 64-bit counter, by the policy for `int8`. Negative numbers are taken as the server takes
 * their text: -1 is 2⁶⁴ - 1. Source: xid.c, `xid8in`; numutils.c, `uint64in_subr`.
 */
export function xid8Codec(policy: Int8Policy): Codec<number | bigint> {
  const wrapped = (value: number | bigint): bigint =>
    BigInt.asUintN(64, checkedWide(value, "xid8", -MAX_UINT64, MAX_UINT64));
  return Object.freeze({
    ...wide("xid8", OIDS.xid8, OIDS._xid8, 0n, MAX_UINT64, policy),
    encodeText: (value: number | bigint): string => String(wrapped(value)),
    encodeBinary: (value: number | bigint, out: Writer): void => out.int64(wrapped(value)),
  });
}

/**
 * Returns the codec of a type that is a string in JavaScript and in binary a version byte, 1, and the
 * text: `jsonpath`, `ltree` and its queries. Source: jsonpath.c, `jsonpath_send`; ltree_io.c.
 */
export function versionedTextCodec(name: string, oid: number, arrayOid: number = 0): Codec<string> {
  return Object.freeze({
    name,
    oid,
    arrayOid,
    decodeText: same,
    decodeBinary: (reader: Reader, length: number): string => versioned(reader, length, name),
    accepts: (value: unknown) => typeof value === "string",
    encodeText: same,
    encodeBinary(value: string, out: Writer): void {
      out.uint8(1);
      out.text(value);
    },
  });
}

/** Returns the codec of a vector, in binary an array of one dimension with the lower bound 0. */
function vectorCodec(
  name: string,
  oid: number,
  arrayOid: number,
  elementOid: number,
): Codec<number[]> {
  const size = elementOid === OIDS.int2 ? 2 : 4;
  return Object.freeze({
    name,
    oid,
    arrayOid,
    decodeText: (text: string): number[] =>
      checked(text, VECTOR, name) === "" ? [] : text.split(" ").map(Number),
    decodeBinary(reader: Reader, length: number): number[] {
      const dimensions = reader.int32();
      const flags = reader.int32();
      const isOurs = reader.uint32() === elementOid && flags === 0;
      const count = dimensions === 0 ? 0 : reader.uint32();
      if (dimensions === 1) reader.int32();
      const header = dimensions === 0 ? 12 : 20;
      if (!isOurs || dimensions < 0 || dimensions > 1) throw malformed(name);
      expectLength(length, header + (4 + size) * count, name);
      const items: number[] = [];
      for (let i = 0; i < count; i++) {
        if (reader.int32() !== size) throw malformed(name);
        items.push(size === 2 ? reader.int16() : reader.uint32());
      }
      return items;
    },
    accepts: (value: unknown): boolean => Array.isArray(value) && value.every(Number.isInteger),
    encodeText: (value: number[]): string => value.join(" "),
  });
}

function never(): boolean {
  return false;
}

function same(value: string): string {
  return value;
}

function checked(text: string, pattern: RegExp, name: string): string {
  if (!pattern.test(text)) throw malformed(name);
  return text;
}

function parsed(value: string, pattern: RegExp, name: string): RegExpExecArray {
  const parts = pattern.exec(value);
  if (parts === null) throw new InterfaceError(`not a ${name}`, { code: "22P02" });
  return parts;
}

function charByte(value: string): number {
  const octal = /^\\([0-3][0-7]{2})$/.exec(value);
  if (octal) return parseInt(octal[1]!, 8);
  const byte = value === "" ? 0 : value.charCodeAt(0);
  if (value.length > 1 || byte > 127) throw new InterfaceError('not a "char"', { code: "22P02" });
  return byte;
}
