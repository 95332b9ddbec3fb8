import { Reader } from "../../src/bytes/reader.ts";
import { Writer } from "../../src/bytes/writer.ts";
import type { Codec } from "../../src/types/codec.ts";
import { dateTimeCodecs, type DateTimePolicy } from "../../src/types/datetime.ts";
import type { TemporalLike } from "../../src/types/temporal.ts";
import { valuesOf } from "../../src/types/temporal_values.ts";
import { timeCodecs } from "../../src/types/time.ts";

/** Returns the codecs of the five types of dates and times under a policy. */
export function dateAndTimeCodecs(
  policy: DateTimePolicy,
  temporal?: TemporalLike,
): readonly Codec[] {
  const values = valuesOf(policy, temporal);
  return [...dateTimeCodecs(values), ...timeCodecs(values)];
}

/** Returns the codec called `name`. */
export function named(codecs: readonly Codec[], name: string): Codec {
  const found = codecs.find((codec) => codec.name === name);
  if (found === undefined) throw new Error(`no codec ${name}`);
  return found;
}

/** Decodes hexadecimal digits as `encode(…send(value), 'hex')` prints them; refuses leftovers. */
export function decodeHex<T>(codec: Codec<T>, hex: string): T {
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  return decodeBytes(codec, bytes);
}

/** Decodes a value that lies between other bytes, as it does in a message; refuses leftovers. */
export function decodeBytes<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const buffer = new Uint8Array(bytes.length + 7).fill(0xaa);
  buffer.set(bytes, 3);
  const reader = new Reader(buffer);
  reader.position = 3;
  reader.end = 3 + bytes.length;
  const value = codec.decodeBinary!(reader, bytes.length);
  reader.finish();
  return value;
}

/** Returns the bytes that a codec writes. */
export function encodeBytes<T>(codec: Codec<T>, value: T): Uint8Array {
  const out = new Writer(64);
  codec.encodeBinary!(value, out);
  return out.peek().slice();
}

/** Returns the bytes that a codec writes, in hexadecimal digits. */
export function encodeHex<T>(codec: Codec<T>, value: T): string {
  return Array.from(encodeBytes(codec, value), (byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  );
}
