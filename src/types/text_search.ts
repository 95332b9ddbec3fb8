import type { Reader } from "../bytes/reader.ts";
import type { Codec } from "./codec.ts";
import { malformed } from "./component.ts";
import { OIDS } from "./oids.ts";

/** ts_type.h: operators of a tsquery by their numbers. */
const NOT = 1;
const AND = 2;
const OR = 3;
const PHRASE = 4;
/** A tsquery nested deeper than this is refused: the server's own parser would have run out of stack. */
const MAX_DEPTH = 1000;

/** An operand or an operator with what it is made of. */
type Node =
  | { readonly kind: "value"; readonly text: string }
  | { readonly kind: "not"; readonly of: Node }
  | {
    readonly kind: "binary";
    readonly priority: number;
    readonly sign: string;
    readonly phrase: boolean;
    readonly left: Node;
    readonly right: Node;
  };

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
    const text = count === 0 ? "" : print(readNode(reader, 0), 0, false);
    reader.finish();
    return text;
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

/** The items come in prefix order, an operator's right operand before its left. */
function readNode(reader: Reader, depth: number): Node {
  if (depth > MAX_DEPTH) throw malformed("tsquery", "nested too deep");
  const type = reader.uint8();
  if (type === 1) return { kind: "value", text: readOperand(reader) };
  if (type !== 2) throw malformed("tsquery");
  const operator = reader.uint8();
  const distance = operator === PHRASE ? reader.int16() : 0;
  if (operator === NOT) return { kind: "not", of: readNode(reader, depth + 1) };
  if (operator !== AND && operator !== OR && operator !== PHRASE) throw malformed("tsquery");
  const right = readNode(reader, depth + 1);
  const left = readNode(reader, depth + 1);
  const phrase = operator === PHRASE;
  const sign = phrase ? (distance === 1 ? "<->" : `<${distance}>`) : operator === AND ? "&" : "|";
  return { kind: "binary", priority: priorityOf(operator), sign, phrase, left, right };
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

/** tsquery.c: tsearch_op_priority. */
function priorityOf(operator: number): number {
  return [0, 4, 2, 1, 3][operator]!;
}

/**
 * tsquery.c, `infix`: parentheses around what binds less than its surroundings, and around a phrase
 * on the right of a phrase.
 */
function print(node: Node, outer: number, rightOfPhrase: boolean): string {
  if (node.kind === "value") return node.text;
  if (node.kind === "not") {
    const text = `!${print(node.of, priorityOf(NOT), false)}`;
    return priorityOf(NOT) < outer ? `( ${text} )` : text;
  }
  const left = print(node.left, node.priority, false);
  const right = print(node.right, node.priority, node.phrase);
  const text = `${left} ${node.sign} ${right}`;
  return node.priority < outer || (rightOfPhrase && node.phrase) ? `( ${text} )` : text;
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
