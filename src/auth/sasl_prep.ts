import { LEFT_TO_RIGHT, REFUSED, RIGHT_TO_LEFT } from "./sasl_prep_tables.ts";

const ASCII = /^\p{ASCII}*$/u;
/** RFC 3454 table C.1.2. */
const SPACES = /[\u00A0\u1680\u2000-\u200B\u202F\u205F\u3000]/g;
/** RFC 3454 table B.1, spelled as alternatives because some of these join with their neighbours. */
const NOTHING =
  /\u00AD|\u034F|\u1806|\u180B|\u180C|\u180D|\u200B|\u200C|\u200D|\u2060|[\uFE00-\uFE0F]|\uFEFF/g;

const UTF8 = new TextEncoder();

/**
 * Prepares a password for SCRAM as PostgreSQL's client and server do: by SASLprep (RFC 4013) when
 * that accepts it, and unchanged when it does not.
 *
 * As in PostgreSQL, what is refused is looked for before normalisation, where the RFC says after,
 * and a pure ASCII password, control characters included, stays as it is. Both sides must agree, or
 * the password is wrong. Source: server file saslprep.c, and the remarks on top of auth-scram.c.
 */
export function saslPrep(password: string): string {
  if (ASCII.test(password)) return password;
  const mapped = password.replace(SPACES, " ").replace(NOTHING, "");
  const codes = Array.from(mapped, (character) => character.codePointAt(0)!);
  if (codes.length === 0 || containsRefused(codes) || breaksDirection(codes)) return password;
  return mapped.normalize("NFKC");
}

/** {@linkcode saslPrep} on UTF-8; bytes that are not valid UTF-8 stay as they are. */
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

/** RFC 3454, section 6: right-to-left text has no left-to-right character and begins and ends so. */
function breaksDirection(codes: number[]): boolean {
  const rightToLeft = readTable(RIGHT_TO_LEFT);
  if (!codes.some((code) => isIn(rightToLeft, code))) return false;
  const leftToRight = readTable(LEFT_TO_RIGHT);
  return codes.some((code) => isIn(leftToRight, code)) ||
    !isIn(rightToLeft, codes[0]!) || !isIn(rightToLeft, codes.at(-1)!);
}

/** Where each run of a table ends. */
function readTable(runs: string): number[] {
  let end = 0;
  return runs.trim().split(/\s/).map((length) => end += parseInt(length, 36));
}

/** A code point in a run with an odd index is in the table; the runs are searched by halves. */
function isIn(ends: number[], code: number): boolean {
  let [low, high] = [0, ends.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (code < ends[middle]!) high = middle;
    else low = middle + 1;
  }
  return low % 2 === 1;
}
