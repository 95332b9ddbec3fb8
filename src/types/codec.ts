import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";

/**
 * Conversion between one PostgreSQL type and JavaScript values: a frozen plain object that has no
 * access to a session.
 *
 * Decoding depends neither on the process (time zone, locale) nor on the session's settings.
 * Encoding takes the values that {@linkcode Codec.accepts} accepts. A string is not encoded, but sent
 * verbatim as the type's text, unless {@linkcode Codec.encodesStrings} is `true`.
 */
export interface Codec<T = unknown> {
  /** The type's name in `pg_type.typname`, or `schema.name`. */
  readonly name: string;
  /** The type's OID; 0 for a type that is identified by its name. */
  readonly oid: number;
  /** The OID of the array of this type; 0 when it has none or it is not known. */
  readonly arrayOid: number;
  /** The separator of this type's elements in the text of an array. Default `,`. */
  readonly delimiter?: string;
  /**
   * The binary form, where it is exactly one of these and is decoded without a policy (int8 as
   * `bigint`). Row decoders then read it in place instead of calling `decodeBinary`.
   */
  readonly primitive?:
    | "char"
    | "bool"
    | "int2"
    | "int4"
    | "uint4"
    | "int8"
    | "float4"
    | "float8"
    | "text";
  /**
   * Reads a value from its text (`typoutput`'s format).
   *
   * @throws {DataError} `text` is not a value of this type.
   */
  decodeText(text: string): T;
  /**
   * Reads a value from its binary form (`typsend`'s format): exactly `length` bytes from
   * `reader.position`, with `reader.end` at the value's end. Without this method, results of this
   * type are requested in text.
   *
   * @throws {DataError | ProtocolError} the bytes are not a value of this type.
   */
  decodeBinary?(reader: Reader, length: number): T;
  /**
   * Whether results are requested in text although `decodeBinary` reads binary: the value is its text,
   * which costs the server no more to print.
   */
  readonly prefersText?: boolean;
  /**
   * Whether strings are encoded as other values are, if `accepts` takes them. Default `false`. A
   * statement with a string among its parameters is then described before its first run.
   */
  readonly encodesStrings?: boolean;
  /**
   * Reports whether the encoders take this value. It is not called with `null` or `undefined`, nor,
   * without `encodesStrings`, with a parameter that is a string. Containers call it with strings: it returns `true` only where
   * a string's UTF-8 is the binary form too (text, json, enums), and the encoders write it as it is.
   */
  accepts(value: unknown): boolean;
  /**
   * Returns the value's text (`typinput`'s format).
   *
   * @throws {InterfaceError} the type cannot hold the value; the message does not quote the value.
   */
  encodeText(value: T): string;
  /**
   * Appends the value's binary form (`typreceive`'s format), without a length. Without this method,
   * parameters of this type are sent in text.
   *
   * @throws {InterfaceError} the type cannot hold the value; the message does not quote the value.
   */
  encodeBinary?(value: T, out: Writer): void;
  /**
   * Reports whether `encodeBinary` takes this accepted value. Otherwise the value is sent in text: a
   * container may hold the text of a component, which only the server can read. Default: all.
   */
  encodesBinary?(value: T): boolean;
}
