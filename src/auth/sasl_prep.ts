import { LEFT_TO_RIGHT, REFUSED, RIGHT_TO_LEFT } from "./sasl_prep_tables.ts";

const ASCII = /^\p{ASCII}*$/u;
/** The characters that become a space: RFC 3454, table C.1.2. */
const SPACES = /[\u00A0\u1680\u2000-\u200B\u202F\u205F\u3000]/g;
/**
 * The characters that are removed: RFC 3454, table B.1. They are alternatives rather than a class
 * because some of them join with their neighbours.
 */
const NOTHING =
  /\u00AD|\u034F|\u1806|\u180B|\u180C|\u180D|\u200B|\u200C|\u200D|\u2060|[\uFE00-\uFE0F]|\uFEFF/g;

const UTF8 = new TextEncoder();

/**
 * Returns a password as SCRAM uses it: prepared by SASLprep (RFC 4013) if that accepts it, and
 * otherwise unchanged.
 *
 * As in PostgreSQL, refused characters are searched before normalisation, where the RFC says after,
 * and a password of ASCII alone, control characters included, stays unchanged. Client and server must
 * agree, or the password is wrong. Source: server file saslprep.c, and the remarks on top of auth-scram.c.
 */
export function saslPrep(password: string): string {
  if (ASCII.test(password)) return password;
  const mapped = password.replace(SPACES, " ").replace(NOTHING, "");
  const codes = Array.from(mapped, (character) => character.codePointAt(0)!);
  if (codes.length === 0 || containsRefused(codes) || breaksDirection(codes)) return password;
  return mapped.normalize("NFKC");
}

/** Applies {@linkcode saslPrep} to UTF-8; other bytes stay unchanged. */
export function saslPrepBytes(password: Uint8Array): Uint8Array {
  const text = decodeStrictly(password);
  return text === undefined ? password : UTF8.encode(saslPrep(text));
}

function decodeStrictly(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function containsRefused(codes: number[]): boolean {
  const refused = readTable(REFUSED);
  return codes.some((code) => isIn(refused, code));
}

/**
 * Reports whether text violates RFC 3454, section 6: right-to-left text must begin and end with a
 * right-to-left character and contain no left-to-right one.
 */
function breaksDirection(codes: number[]): boolean {
  const rightToLeft = readTable(RIGHT_TO_LEFT);
  if (!codes.some((code) => isIn(rightToLeft, code))) return false;
  const leftToRight = readTable(LEFT_TO_RIGHT);
  return codes.some((code) => isIn(leftToRight, code)) ||
    !isIn(rightToLeft, codes[0]!) || !isIn(rightToLeft, codes.at(-1)!);
}

/** Returns the ends of a table's runs. */
function readTable(runs: string): number[] {
  let end = 0;
  return runs.trim().split(/\s/).map((length) => end += parseInt(length, 36));
}

/** Reports whether a code point is in the table: in a run with an odd index. */
function isIn(ends: number[], code: number): boolean {
  let [low, high] = [0, ends.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (code < ends[middle]!) high = middle;
    else low = middle + 1;
  }
  return low % 2 === 1;
}
