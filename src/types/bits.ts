import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import { InterfaceError } from "../errors/errors.ts";
import type { Codec } from "./codec.ts";
import { malformed } from "./component.ts";
import { OIDS } from "./oids.ts";

const BITS = /^[01]*$/;
/** `b` and `x` are for bits and for hexadecimal digits. Source: varbit.c, `bit_in`. */
const PREFIXED = /^(?:[bB]([01]*)|[xX]([0-9a-fA-F]*))$/;

/** The codecs of `bit` and `varbit`: strings of zeros and ones. */
export const bitCodecs: readonly Codec[] = [
  bitCodec("bit", OIDS.bit, OIDS._bit),
  bitCodec("varbit", OIDS.varbit, OIDS._varbit),
] as readonly Codec[];

/** Source: varbit.c, `varbit_send`: the number of bits, then the bits from the left. */
function bitCodec(name: string, oid: number, arrayOid: number): Codec<string> {
  return Object.freeze({
    name,
    oid,
    arrayOid,
    decodeText(text: string): string {
      if (!BITS.test(text)) throw malformed(name);
      return text;
    },
    decodeBinary: (reader: Reader, length: number): string => readBits(reader, length, name),
    accepts: () => false,
    encodeText: (value: string): string => value,
    encodeBinary: (value: string, out: Writer): void => writeBits(value, out, name),
  });
}

function readBits(reader: Reader, length: number, name: string): string {
  const count = reader.int32();
  if (count < 0 || length !== 4 + Math.ceil(count / 8)) throw malformed(name);
  let text = "";
  for (let i = 4; i < length; i++) text += reader.uint8().toString(2).padStart(8, "0");
  return text.slice(0, count);
}

function writeBits(text: string, out: Writer, name: string): void {
  const value = BITS.test(text) ? text : prefixedBits(text);
  if (value === undefined) throw new InterfaceError(`not a ${name}`, { code: "22P02" });
  out.int32(value.length);
  for (let i = 0; i < value.length; i += 8) {
    out.uint8(parseInt(value.slice(i, i + 8).padEnd(8, "0"), 2));
  }
}

/** Returns the bits of `b101` or `x1F`; `undefined` for any other text. */
function prefixedBits(text: string): string | undefined {
  const found = PREFIXED.exec(text);
  if (found === null) return undefined;
  const [, bits, digits] = found;
  return bits ?? Array.from(digits!, (digit) => BITS_OF[parseInt(digit, 16)]).join("");
}

const BITS_OF: readonly string[] = Array.from(
  { length: 16 },
  (_, value) => value.toString(2).padStart(4, "0"),
);
