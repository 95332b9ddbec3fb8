import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import type { Codec } from "./codec.ts";
import { expectLength, malformed } from "./component.ts";
import { OIDS } from "./oids.ts";

/**
 * The codecs of `inet`, `cidr`, `macaddr` and `macaddr8`: the strings that PostgreSQL prints, `192.168.0.5/24`,
 * `2001:db8::/32`, `08:00:2b:01:02:03`. Host bits are kept; `inet` shows no `/32` and `/128`.
 *
 * Besides strings they encode a `Uint8Array` of the address's bytes: 4 or 16, 6, 8.
 * Source: network.c, inet_net_ntop.c, mac.c, mac8.c.
 */
export const networkCodecs: readonly Codec[] = Object.freeze([
  addressCodec("inet", OIDS.inet, OIDS._inet),
  addressCodec("cidr", OIDS.cidr, OIDS._cidr),
  macCodec("macaddr", OIDS.macaddr, OIDS._macaddr, 6),
  macCodec("macaddr8", OIDS.macaddr8, OIDS._macaddr8, 8),
]);

/** PGSQL_AF_INET and PGSQL_AF_INET6 of src/include/utils/inet.h: the same on every platform. */
const IPV4 = 2;
const IPV6 = 3;

function addressCodec(name: "inet" | "cidr", oid: number, arrayOid: number): Codec {
  const isCidr = name === "cidr";
  return Object.freeze({
    name,
    oid,
    arrayOid,
    prefersText: true,
    decodeText: (text: string) => text,
    decodeBinary: (reader: Reader, length: number) => readAddress(reader, length, isCidr),
    accepts: (value: unknown) =>
      value instanceof Uint8Array && (value.length === 4 || value.length === 16),
    encodeText(value: unknown): string {
      const address = value as Uint8Array;
      return printAddress(address, address.length * 8, isCidr);
    },
    encodeBinary(value: unknown, out: Writer): void {
      const address = value as Uint8Array;
      out.uint8(address.length === 4 ? IPV4 : IPV6);
      out.uint8(address.length * 8);
      out.uint8(isCidr ? 1 : 0);
      out.uint8(address.length);
      out.bytes(address);
    },
  });
}

function readAddress(reader: Reader, length: number, isCidr: boolean): string {
  const what = isCidr ? "cidr" : "inet";
  const family = reader.uint8();
  const bits = reader.uint8();
  reader.uint8(); // is_cidr, which the type determines
  const size = reader.uint8();
  if (family !== IPV4 && family !== IPV6) throw malformed(what, "unknown address family");
  if (size !== (family === IPV4 ? 4 : 16) || bits > size * 8) throw malformed(what);
  expectLength(length, 4 + size, what);
  return printAddress(reader.bytes(size), bits, isCidr);
}

function printAddress(address: Uint8Array, bits: number, always: boolean): string {
  const [a, b, c, d] = address;
  const text = address.length === 4 ? `${a}.${b}.${c}.${d}` : printIpv6(address);
  return always || bits !== address.length * 8 ? `${text}/${bits}` : text;
}

/**
 * Returns an IPv6 address as `inet_net_ntop_ipv6` prints it: the first longest run of two or more zero
 * words is `::`, and an address that ends in an IPv4 address shows it with dots.
 */
function printIpv6(address: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) => address[i * 2]! << 8 | address[i * 2 + 1]!);
  const { start, length } = longestZeros(words);
  const dotted = start === 0 && (length === 6 || (length === 5 && words[5] === 0xffff));
  const shown = words.map((word) => word.toString(16));
  if (dotted) shown.splice(6, 2, address.subarray(12).join("."));
  if (length < 2) return shown.join(":");
  return `${shown.slice(0, start).join(":")}::${shown.slice(start + length).join(":")}`;
}

function longestZeros(words: readonly number[]): { start: number; length: number } {
  let best = { start: -1, length: 0 };
  let length = 0;
  for (let i = 0; i < words.length; i++) {
    length = words[i] === 0 ? length + 1 : 0;
    if (length > best.length) best = { start: i - length + 1, length };
  }
  return best;
}

function macCodec(name: string, oid: number, arrayOid: number, size: number): Codec {
  return Object.freeze({
    name,
    oid,
    arrayOid,
    prefersText: true,
    decodeText: (text: string) => text,
    decodeBinary(reader: Reader, length: number): string {
      expectLength(length, size, name);
      return printMac(reader.bytes(size));
    },
    accepts: (value: unknown) => value instanceof Uint8Array && value.length === size,
    encodeText: (value: unknown) => printMac(value as Uint8Array),
    encodeBinary: (value: unknown, out: Writer) => out.bytes(value as Uint8Array),
  });
}

function printMac(address: Uint8Array): string {
  return Array.from(address, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}
