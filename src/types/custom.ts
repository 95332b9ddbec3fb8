import { InterfaceError } from "../errors/errors.ts";
import { object } from "../errors/checks.ts";
import { ownOrOfClass } from "../errors/own.ts";
import type { Codec } from "./codec.ts";

/**
 * A user's codec in its shortest form, for values that are sent and received as text. For the binary
 * format, write a {@linkcode Codec}.
 *
 * @example
 * ```ts
 * const point = { name: "public.mood", decode: (text: string) => Symbol.for(text) };
 * ```
 */
export interface CustomCodec<T = unknown> {
  /** `schema.name`, or the name of a built-in or extension type. Not needed beside an OID. */
  readonly name?: string | undefined;
  /** The type's OID; not needed beside a name. */
  readonly oid?: number | undefined;
  /** Returns the value of the server's text. Default: the text itself. */
  decode?(text: string): T;
  /**
   * Returns the server's text of a value; without it only strings can be written. It is called with a
   * string only if `encodesStrings` is `true`: for every type a string is the text of a value already,
   * and is sent as it is.
   */
  encode?(value: T): string;
  /**
   * Whether `encode` is called with strings as well. Default `false`. A statement with a string among
   * its parameters is then described before its first run, which costs a round trip.
   */
  readonly encodesStrings?: boolean | undefined;
  /**
   * Reports whether `encode` takes a value; unless given, it takes every object, number, bigint and
   * boolean. A string, number, bigint or boolean that it does not take is sent as its text.
   */
  accepts?(value: unknown): boolean;
}

/**
 * Returns the complete codec for a user's short one, or a copy of a complete one.
 *
 * @throws {InterfaceError} `original` has neither a name nor an OID, or has `encodesStrings` and no
 * encoder.
 */
export function customCodec(original: Codec | CustomCodec): Codec {
  object("a codec of types.codecs", original);
  const given = ownOrOfClass(original);
  const { name = "", oid = 0 } = given;
  if (typeof name !== "string" || !Number.isInteger(oid) || (name === "" && oid === 0)) {
    throw new InterfaceError("types.codecs: a codec needs the name or the OID of its type");
  }
  if (given.encodesStrings === true && !("encodeText" in given || "encode" in given)) {
    throw new InterfaceError("types.codecs: encodesStrings needs encode()");
  }
  const codec = "decodeText" in given ? given : fromShort(given as CustomCodec, original);
  return Object.freeze({ ...codec, name: name === "" ? `type ${oid}` : name, oid });
}

function fromShort(given: CustomCodec, self: object): Omit<Codec, "name" | "oid"> {
  const { encode, encodesStrings = false } = given;
  const accepts = given.accepts?.bind(self) ?? isValue;
  return {
    arrayOid: 0,
    decodeText: given.decode?.bind(self) ?? ((text) => text),
    accepts: (value) =>
      encode !== undefined && (encodesStrings || typeof value !== "string") && accepts(value),
    ...encodesStrings && { encodesStrings },
    encodeText: encode?.bind(self) as Codec["encodeText"] ?? String,
  };
}

function isValue(value: unknown): boolean {
  return ["object", "number", "bigint", "boolean", "string"].includes(typeof value);
}

/**
 * Reports whether a user's codec may write numbers, bigints and booleans in its own way. A statement
 * with such parameters then has to be described before they are sent.
 */
export function mayEncodePrimitives(original: Codec | CustomCodec): boolean {
  const given = ownOrOfClass(original);
  return "decodeText" in given || given.encode !== undefined;
}

/** Reports whether a user's codec writes strings in its own way. */
export function encodesStrings(original: Codec | CustomCodec): boolean {
  return ownOrOfClass(original).encodesStrings === true;
}
