// Messages of pgoutput, written by hand, and a decoder without a server.
import { Reader } from "../../src/bytes/reader.ts";
import { PgOutputDecoder } from "../../src/replication/pgoutput.ts";
import type {
  DecoderContext,
  LogicalMessage,
  LogicalOptions,
  StreamTypes,
} from "../../src/replication/plugin.ts";
import { completeRegistry } from "../../src/types/complete_registry.ts";
import type { TypeInfo, TypesOptions } from "../../src/types/registry.ts";

/** An integer of so many bytes. */
export type Field = readonly [bytes: 1 | 2 | 4 | 8, value: number | bigint];

/** A part of a message: an integer, a string with its end, or bytes. */
export type Part = Field | string | Uint8Array | number;

/** Returns a message: numbers and one-letter strings are bytes, other strings end in a zero byte. */
export function bytesOf(...parts: readonly Part[]): Uint8Array {
  const out: number[] = [];
  for (const part of parts) {
    if (typeof part === "number") out.push(part);
    else if (part instanceof Uint8Array) out.push(...part);
    else if (typeof part === "string") {
      out.push(...new TextEncoder().encode(part));
      if (part.length !== 1) out.push(0);
    } else {
      const [size, value] = part;
      const bits = BigInt.asUintN(64, BigInt(value));
      for (let i = size - 1; i >= 0; i--) out.push(Number((bits >> BigInt(8 * i)) & 255n));
    }
  }
  return Uint8Array.from(out);
}

/** A Relation message: `(id int4 key, name text)` unless other columns are given. */
export function relationBytes(
  oid: number,
  name: string,
  columns: readonly (readonly [name: string, type: number, isKey: boolean])[] = COLUMNS,
  { identity = "d", xid }: { identity?: string; xid?: number } = {},
): Uint8Array {
  return bytesOf(
    "R",
    ...(xid === undefined ? [] : [[4, xid]] as Field[]),
    [4, oid],
    "public",
    bytesOf(...name.split("")),
    0,
    identity,
    [2, columns.length],
    ...columns.flatMap(([column, type, isKey]): Part[] => [
      isKey ? 1 : 0,
      bytesOf(...column.split("")),
      0,
      [4, type],
      [4, -1],
    ]),
  );
}

const COLUMNS = [["id", 23, true], ["name", 25, false]] as const;

/** The value of a tuple: text, binary, null, or unchanged. */
export type Value = string | Uint8Array | null | undefined;

/** A tuple. */
export function tuple(...values: readonly Value[]): Uint8Array {
  return bytesOf([2, values.length], ...values.map(valueBytes));
}

function valueBytes(value: Value): Uint8Array {
  if (value === null) return bytesOf("n");
  if (value === undefined) return bytesOf("u");
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  return bytesOf(typeof value === "string" ? "t" : "b", [4, bytes.length], bytes);
}

/** 2000-01-01, for messages with a time. */
const AT: Field = [8, 0];

/** Begin and Commit. */
export const begin = (xid = 7, lsn = 0x100): Uint8Array => bytesOf("B", [8, lsn], AT, [4, xid]);
export const commit = (lsn = 0x100): Uint8Array => bytesOf("C", 0, [8, lsn], [8, lsn + 0x30], AT);

/** An Insert. */
export const insert = (oid: number, ...values: readonly Value[]): Uint8Array =>
  bytesOf("I", [4, oid], "N", tuple(...values));
/** The bounds of parts of a streamed transaction, a row in one, and its commit. */
export const streamStart = (xid: number, first = 1): Uint8Array => bytesOf("S", [4, xid], first);
export const streamStop: Uint8Array = bytesOf("E");
export const streamed = (xid: number, oid: number, ...values: readonly Value[]): Uint8Array =>
  bytesOf("I", [4, xid], [4, oid], "N", tuple(...values));
export const streamCommit = (xid: number): Uint8Array =>
  bytesOf("c", [4, xid], 0, [8, 0x500], [8, 0x530], [8, 0]);

/** A stream with types that a test knows; `catalogue` are those that must be looked up. */
export class TestStream {
  readonly decoder: PgOutputDecoder;
  readonly context: DecoderContext;
  readonly #registry;
  /** The types that were looked up. */
  readonly asked: number[][] = [];
  /** The types that could not be. */
  readonly unknown: number[] = [];

  constructor(
    options: Partial<LogicalOptions> & {
      readonly rows?: "object" | "array";
      readonly types?: TypesOptions;
      catalogue?: readonly TypeInfo[];
    } = {},
  ) {
    const { rows = "object", types, ...rest } = options;
    const registry = this.#registry = completeRegistry(types);
    const streamTypes: StreamTypes = {
      codecOf: (oid) => registry.lookup(oid),
      learn: async (oids) => {
        this.asked.push([...oids]);
        await Promise.resolve();
        for (const info of options.catalogue ?? []) registry.define(info);
      },
      oidOf: (name) => registry.oidOf(name),
      forget: () => registry.forget(),
    };
    this.context = {
      types: streamTypes,
      rows,
      options: { publications: ["p"], ...rest },
      onUnknownType: ({ oid }) => this.unknown.push(oid),
    };
    this.decoder = new PgOutputDecoder(this.context);
  }

  /** Decodes messages, and returns what is delivered. */
  async decode(...messages: readonly Uint8Array[]): Promise<LogicalMessage[]> {
    const delivered: LogicalMessage[] = [];
    for (const message of messages) {
      const found = await this.now(message);
      if (found !== undefined) delivered.push(found);
    }
    return delivered;
  }

  /** Decodes one message that lies between other bytes, as in a buffer. */
  now(message: Uint8Array): LogicalMessage | Promise<LogicalMessage | undefined> | undefined {
    const buffer = Uint8Array.of(1, 2, 3, ...message, 0x62, 0, 0, 0, 1, 9);
    const reader = new Reader(buffer);
    reader.position = 3;
    reader.end = 3 + message.length;
    const found = this.decoder.decode(reader, 0n);
    buffer.fill(0xee); // the bytes are the decoder's during the call only
    return found;
  }
}
