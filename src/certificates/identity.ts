/**
 * The comparison of a certificate's names with a host, by libpq's rules on every runtime. Source:
 * src/interfaces/libpq/fe-secure-common.c and fe-secure-openssl.c
 * (`pgtls_verify_peer_name_matches_certificate_guts`).
 */
import {
  alternativeNames,
  type Certificate,
  commonName,
  equalBytes,
  type SubjectName,
} from "./certificate.ts";
import { malformed } from "./der.ts";

/** As many names as an error message lists, and as many characters of each. */
const MAX_NAMES = 3;
const MAX_LENGTH = 64;

/**
 * Reports whether `certificate` is issued for `host`.
 *
 * A DNS name matches literally, or by a leading `*.` that stands for one label; an address matches by
 * its bytes. Only ASCII letters are compared without regard to case. The common name counts only when
 * the certificate has no alternative name of the host's own kind. URIs, e-mail addresses, directory
 * names and all other kinds never count.
 *
 * @throws {ProtocolError} the names are malformed, one that was compared has a zero byte in it, or an
 * address has neither 4 nor 16 bytes.
 */
export function isIssuedFor(certificate: Certificate, host: string): boolean {
  const address = addressBytes(host);
  const hostKind = address === undefined ? "dns" : "ip";
  let hasKind = false;
  for (const { kind, bytes } of hostNames(certificate)) {
    if (kind === hostKind) hasKind = true;
    const matches = kind === "dns" ? nameMatches(bytes, host) : addressMatches(bytes, address);
    if (matches) return true;
  }
  const name = hasKind ? undefined : commonName(certificate);
  return name !== undefined && nameMatches(name, host);
}

/** Returns the hosts that a certificate is for, as a list for error messages. */
export function issuedFor(certificate: Certificate): string {
  const names = hostNames(certificate).map(({ kind, bytes }) => {
    return kind === "dns" ? printable(bytes) : `"${addressText(bytes)}"`;
  });
  if (names.length === 0) {
    const name = commonName(certificate);
    if (name === undefined) return "no host";
    names.push(printable(name));
  }
  const more = names.length - MAX_NAMES;
  return names.slice(0, MAX_NAMES).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/**
 * Returns the alternative names as Node's `subjectaltname` has them: `DNS:`, `IP Address:`, `URI:` and
 * `email:`, separated by `, `; a value that could be misread is a JSON string (CVE-2021-44532).
 */
export function alternativeNamesText(certificate: Certificate): string {
  return alternativeNames(certificate).map(({ kind, bytes }) => {
    const text = kind === "ip"
      ? addressText(bytes)
      : String.fromCharCode(...bytes.subarray(0, 4096));
    const isPlain = /^[\w.*:/@+~%-]*$/.test(text);
    return `${LABELS[kind]}:${isPlain ? text : JSON.stringify(text)}`;
  }).join(", ");
}

const LABELS = { dns: "DNS", ip: "IP Address", uri: "URI", email: "email" } as const;

function hostNames(certificate: Certificate): SubjectName[] {
  return alternativeNames(certificate).filter(({ kind }) => kind === "dns" || kind === "ip");
}

/** Reports whether `host` is an IPv4 or IPv6 address rather than a name. */
export function isAddress(host: string): boolean {
  return addressBytes(host) !== undefined;
}

/** Returns certificate bytes as text for people: quoted, cut, everything but ASCII escaped. */
export function printable(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes.subarray(0, MAX_LENGTH)) {
    const isPlain = byte > 0x1f && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
    text += isPlain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return bytes.length > MAX_LENGTH ? `"${text}…"` : `"${text}"`;
}

/** Bytes are compared with bytes, so that no character but an ASCII letter equals another one. */
function nameMatches(bytes: Uint8Array, host: string): boolean {
  if (bytes.includes(0)) throw malformed("a name has a zero byte in it");
  const name = lowerCase(bytes);
  const wanted = lowerCase(new TextEncoder().encode(host));
  if (name.length === 0) return false;
  return name === wanted || (wildcardMatches(name, wanted) && !isAddress(host));
}

/** One character for each byte. */
function lowerCase(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function wildcardMatches(pattern: string, host: string): boolean {
  if (pattern.length < 3 || !pattern.startsWith("*.") || pattern.length > host.length) return false;
  const label = host.length - pattern.length + 1;
  return host.endsWith(pattern.slice(1)) && !host.slice(0, label).includes(".");
}

function addressMatches(bytes: Uint8Array, address: Uint8Array | undefined): boolean {
  if (bytes.length !== 4 && bytes.length !== 16) throw malformed("an address of odd length");
  return address !== undefined && equalBytes(bytes, address);
}

/** Returns the 4 or 16 bytes of an address; `undefined` for a name. */
function addressBytes(host: string): Uint8Array | undefined {
  return host.includes(":") ? sixBytes(host.split("%", 1)[0]!) : fourBytes(host);
}

/** As `inet_aton`, which libpq uses: one to four numbers, decimal, octal or hexadecimal. */
function fourBytes(host: string): Uint8Array | undefined {
  if (!/^(0x[0-9a-f]{1,8}|\d{1,11})(\.(0x[0-9a-f]{1,8}|\d{1,11})){0,3}$/i.test(host)) {
    return undefined;
  }
  const numbers = host.split(".").map((text) => {
    if (!/^0\d/.test(text)) return Number(text);
    return /^[0-7]+$/.test(text) ? parseInt(text, 8) : NaN;
  });
  const last = numbers.pop()!;
  const room = 4 - numbers.length;
  if (!(last < 256 ** room) || !numbers.every((number) => number < 256)) return undefined;
  const tail = Array.from(
    { length: room },
    (_, i) => Math.floor(last / 256 ** (room - 1 - i)) % 256,
  );
  return Uint8Array.of(...numbers, ...tail);
}

/** The platform's URL parser reads every form of IPv6 and writes one. */
function sixBytes(host: string): Uint8Array | undefined {
  if (host.length > 45 || !/^[0-9a-fA-F:.]+$/.test(host)) return undefined;
  let text: string;
  try {
    text = new URL(`http://[${host}]/`).hostname.slice(1, -1);
  } catch {
    return undefined;
  }
  const [left, right] = text.split("::");
  const groups = (part: string | undefined) => part ? part.split(":") : [];
  const before = groups(left);
  const after = groups(right);
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  const numbers = [...before, ...zeros, ...after].map((group) => parseInt(group, 16));
  return Uint8Array.from(numbers.flatMap((number) => [number >> 8, number & 255]));
}

function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from(
    { length: Math.floor(bytes.length / 2) },
    (_, i) => (bytes[2 * i]! << 8 | bytes[2 * i + 1]!).toString(16),
  );
  return groups.join(":");
}
