import type { Reader } from "../bytes/reader.ts";
import type { Codec } from "./codec.ts";
import { malformed } from "./component.ts";
import { OIDS } from "./oids.ts";

/** The operators of a tsquery by their numbers. Source: ts_type.h. */
const NOT = 1;
const AND = 2;
const PHRASE = 4;
/** The priorities of the operators. Source: tsquery.c, tsearch_op_priority. */
const PRIORITIES: readonly number[] = [0, 4, 2, 1, 3];

/** A printed part of a query, with the facts that decide whether it needs parentheses. */
interface Printed {
  readonly text: string;
  /** The priority of its outermost operator; infinite for an operand. */
  readonly priority: number;
  readonly isPhrase: boolean;
}

/** An operand, or an operator without its operands. */
type Item = Printed | { readonly operator: number; readonly distance: number };

/** `tsvector` ↔ its text, `'cat':3A 'sat':4`. Source: tsvector.c, `tsvectorsend`, `tsvectorout`. */
export const tsvectorCodec: Codec<string> = Object.freeze({
  name: "tsvector",
  oid: OIDS.tsvector,
  arrayOid: OIDS._tsvector,
  decodeText: same,
  decodeBinary(reader: Reader): string {
    const count = reader.count(reader.int32(), 3);
    const lexemes: string[] = [];
    for (let i = 0; i < count; i++) lexemes.push(readLexeme(reader));
    reader.finish();
    return lexemes.join(" ");
  },
  accepts: never,
  encodeText: same,
});

/** `tsquery` ↔ its text, `'fat' & 'rat':A*`. Source: tsquery.c, `tsquerysend`, `infix`. */
export const tsqueryCodec: Codec<string> = Object.freeze({
  name: "tsquery",
  oid: OIDS.tsquery,
  arrayOid: OIDS._tsquery,
  decodeText: same,
  decodeBinary(reader: Reader): string {
    const count = reader.count(reader.int32(), 2);
    const items: Item[] = [];
    for (let i = 0; i < count; i++) items.push(readItem(reader));
    reader.finish();
    return count === 0 ? "" : print(items);
  },
  accepts: never,
  encodeText: same,
});

function readLexeme(reader: Reader): string {
  const text = quoted(reader.cstring());
  const count = reader.count(reader.uint16(), 2);
  const positions: string[] = [];
  for (let i = 0; i < count; i++) {
    const entry = reader.uint16();
    positions.push(`${entry & 0x3fff}${["", "C", "B", "A"][entry >> 14]}`);
  }
  return count === 0 ? text : `${text}:${positions.join(",")}`;
}

function readItem(reader: Reader): Item {
  const type = reader.uint8();
  if (type === 1) return { text: readOperand(reader), priority: Infinity, isPhrase: false };
  const operator = type === 2 ? reader.uint8() : 0;
  if (operator < NOT || operator > PHRASE) throw malformed("tsquery");
  return { operator, distance: operator === PHRASE ? reader.uint16() : 0 };
}

function readOperand(reader: Reader): string {
  const weights = reader.uint8();
  const prefix = reader.uint8();
  let flags = prefix === 0 ? "" : "*";
  for (let weight = 3; weight >= 0; weight--) {
    if (weights & 1 << weight) flags += "DCBA"[weight];
  }
  const text = quoted(reader.cstring());
  return flags === "" ? text : `${text}:${flags}`;
}

/**
 * Prints a query. The items are in prefix order, an operator's right operand before its left. The walk
 * begins at the end, where the operands of each operator come before it: without recursion, as a chain
 * of `&` may have thousands of items.
 */
function print(items: readonly Item[]): string {
  const made: Printed[] = [];
  for (let i = items.length - 1; i >= 0; i--) {
    const item = items[i]!;
    made.push("text" in item ? item : printed(item.operator, item.distance, made));
  }
  if (made.length !== 1) throw malformed("tsquery");
  return made[0]!.text;
}

/** Prints an operator with its operands. Source: tsquery.c, `infix`. */
function printed(operator: number, distance: number, made: Printed[]): Printed {
  const priority = PRIORITIES[operator]!;
  const isPhrase = operator === PHRASE;
  const right = inParentheses(made.pop(), priority, isPhrase);
  if (operator === NOT) return { text: `!${right}`, priority, isPhrase };
  const left = inParentheses(made.pop(), priority, false);
  const phrase = distance === 1 ? "<->" : `<${distance}>`;
  const sign = isPhrase ? phrase : operator === AND ? "&" : "|";
  return { text: `${left} ${sign} ${right}`, priority, isPhrase };
}

/** Puts parentheses around an operand of lower priority, and around a phrase right of a phrase. */
function inParentheses(part: Printed | undefined, outer: number, rightOfPhrase: boolean): string {
  if (part === undefined) throw malformed("tsquery");
  const needed = part.priority < outer || (rightOfPhrase && part.isPhrase);
  return needed ? `( ${part.text} )` : part.text;
}

function quoted(lexeme: string): string {
  return `'${lexeme.replace(/['\\]/g, "$&$&")}'`;
}

function never(): boolean {
  return false;
}

function same(value: string): string {
  return value;
}
