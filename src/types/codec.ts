import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";

/**
 * How one PostgreSQL type becomes a JavaScript value and back: a frozen plain object that knows
 * bytes and nothing of sessions.
 *
 * Decoding takes what the server sent and never depends on the process (time zone, locale) or on
 * the session's settings. Encoding takes what {@linkcode Codec.accepts} accepts; strings never reach
 * an encoder, they go to the server verbatim as the type's text.
 */
export interface Codec<T = unknown> {
  /** The type's name in `pg_type.typname`, or `schema.name`. */
  readonly name: string;
  /** The type's OID; 0 for a type that is found by its name. */
  readonly oid: number;
  /** OID of the array of this type; 0 when there is none or it is not known. */
  readonly arrayOid: number;
  /** Separates this type's elements in the text of an array; `,` unless given. */
  readonly delimiter?: string;
  /**
   * Says that the binary form is exactly one of these, decoded as it stands (int8 as `bigint`), so
   * that row decoders may read it in place instead of calling `decodeBinary`, which does the same.
   */
  readonly primitive?: "bool" | "int2" | "int4" | "uint4" | "int8" | "float4" | "float8" | "text";
  /**
   * Reads a value from its text (`typoutput`'s format).
   *
   * @throws {DataError} the text is not this type's.
   */
  decodeText(text: string): T;
  /**
   * Reads a value from its binary form (`typsend`'s format): exactly `length` bytes from
   * `reader.position`; `reader.end` is the value's end while this runs. Absent: results of this
   * type are asked for in text.
   *
   * @throws {DataError | ProtocolError} the bytes are not this type's.
   */
  decodeBinary?(reader: Reader, length: number): T;
  /**
   * Whether the encoders take this value. Never called with `null` or `undefined`, nor for a
   * parameter with a string. Containers ask it of strings: only where a string's UTF-8 is the
   * binary form as well (text, json, enums …) the answer is yes, and the encoders pass it through.
   */
  accepts(value: unknown): boolean;
  /**
   * The value's text (`typinput`'s format).
   *
   * @throws {InterfaceError} the type cannot hold the value; the message does not quote the value.
   */
  encodeText(value: T): string;
  /**
   * Appends the value's binary form (`typreceive`'s format), without a length. Absent: parameters
   * of this type are sent in text.
   *
   * @throws {InterfaceError} the type cannot hold the value; the message does not quote the value.
   */
  encodeBinary?(value: T, out: Writer): void;
  /**
   * Whether `encodeBinary` takes this accepted value; where it does not (a container holds the text
   * of a component, which only the server can read) the value goes in text. Absent: it takes all.
   */
  encodesBinary?(value: T): boolean;
}
