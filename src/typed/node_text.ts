/**
 * Reads the text of PostgreSQL's node trees: the type `pg_node_tree`, in which `pg_proc.prosqlbody`
 * and `pg_rewrite.ev_action` hold analysed statements.
 *
 * Source: src/backend/nodes/outfuncs.c (`outNode`, `outToken`, `outDatum`) and read.c (`pg_strtok`).
 */
import { DataError } from "../errors/errors.ts";

/** A field's value: a node, a list, an atom such as `23` or `true`, a datum's bytes, or `<>`. */
export type NodeValue = TreeNode | readonly NodeValue[] | string | Uint8Array | null;

/** Labels that PostgreSQL 16 has changed: from 14's and 15's to the later ones. */
const RENAMED: Readonly<Record<string, string>> = {
  ARRAY: "ARRAYEXPR",
  ARRAYREF: "SUBSCRIPTINGREF",
  CASE: "CASEEXPR",
  COLLATE: "COLLATEEXPR",
  COALESCE: "COALESCEEXPR",
  MINMAX: "MINMAXEXPR",
  ROW: "ROWEXPR",
  ROWCOMPARE: "ROWCOMPAREEXPR",
  RTE: "RANGETBLENTRY",
  WHEN: "CASEWHEN",
};

/** Fields that say where and how an expression was written, and not what it computes. */
const INCIDENTAL: ReadonlySet<string> = new Set([
  "location",
  "varnosyn",
  "varattnosyn",
  "varnullingrels",
  "funcformat",
  "relabelformat",
  "coerceformat",
  "coercionformat",
  "row_format",
  "aggno",
  "aggtransno",
  "aggtranstype",
]);

/** One node of a tree: a label and fields by name. A field that is absent reads as empty. */
export class TreeNode {
  readonly label: string;
  readonly #fields: ReadonlyMap<string, NodeValue>;
  #key: string | undefined;

  constructor(label: string, fields: ReadonlyMap<string, NodeValue>) {
    this.label = Object.hasOwn(RENAMED, label) ? RENAMED[label]! : label;
    this.#fields = fields;
  }

  /** All fields' values, in the order of the text. */
  get values(): Iterable<NodeValue> {
    return this.#fields.values();
  }

  /** Returns the same node with another value in a field. */
  with(name: string, value: NodeValue): TreeNode {
    return new TreeNode(this.label, new Map(this.#fields).set(name, value));
  }

  /** Returns a field's node, or `undefined` when the field holds none. */
  node(name: string): TreeNode | undefined {
    const value = this.#fields.get(name);
    return value instanceof TreeNode ? value : undefined;
  }

  /** Returns the nodes of a field's list; none when the field holds no list. */
  nodes(name: string): readonly TreeNode[] {
    const value = this.#fields.get(name);
    return Array.isArray(value) ? value.filter((item) => item instanceof TreeNode) : [];
  }

  /** Returns a field's list as it is. */
  list(name: string): readonly NodeValue[] {
    const value = this.#fields.get(name);
    return Array.isArray(value) ? value : [];
  }

  /** Returns the numbers of a list such as `(i 1 2)`, `(o 23 25)` or a bitmap set's `(b 1 2)`. */
  numbers(name: string): readonly number[] {
    const [kind, ...items] = this.list(name);
    return typeof kind === "string" && /^[iobx]$/.test(kind) ? items.map(Number) : [];
  }

  /** Returns a field's atom, or `undefined` when the field holds something else. */
  text(name: string): string | undefined {
    const value = this.#fields.get(name);
    return typeof value === "string" ? value : undefined;
  }

  /** Returns a field's atom as a number; NaN when there is none. */
  number(name: string): number {
    return Number(this.text(name) ?? NaN);
  }

  /** Reports whether a field is `true`. */
  is(name: string): boolean {
    return this.text(name) === "true";
  }

  /** Returns a datum's bytes. */
  bytes(name: string): Uint8Array | undefined {
    const value = this.#fields.get(name);
    return value instanceof Uint8Array ? value : undefined;
  }

  /** The expression without its incidental fields: equal for expressions that compute the same. */
  get key(): string {
    return this.#key ??= this.#makeKey();
  }

  #makeKey(): string {
    let key = `{${this.label}`;
    for (const [name, value] of this.#fields) {
      if (!INCIDENTAL.has(name)) key += ` ${name} ${keyOf(value)}`;
    }
    return `${key}}`;
  }
}

function keyOf(value: NodeValue): string {
  if (value === null) return "<>";
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof TreeNode) return value.key;
  return `(${Array.from(value as Iterable<NodeValue>, (item) => keyOf(plain(item))).join(" ")})`;
}

function plain(item: NodeValue | number): NodeValue {
  return typeof item === "number" ? String(item) : item;
}

/** Reports whether an expression has a column of its query's relation at `index` in it. */
export function mentions(value: NodeValue, index: number): boolean {
  if (Array.isArray(value)) return value.some((item) => mentions(item, index));
  if (!(value instanceof TreeNode)) return false;
  if (value.label === "VAR" && value.number("varno") === index) return true;
  return [...value.values].some((field) => mentions(field, index));
}

/**
 * Reads a tree.
 *
 * @throws {DataError} the text is no node tree, or nested deeper than 5,000 levels.
 */
export function readNodeText(text: string): NodeValue {
  return new NodeTextReader(text).read();
}

const MAX_DEPTH = 5000;
const SPACE = /[ \n\t]*/y;
const ATOM = /(?:[^\\ \n\t(){}]|\\[^])+/y;
const DATUM = / \[([-0-9 ]*)\]/y;
const STRING = /"(?:[^"\\]|\\[^])*"/y;

class NodeTextReader {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): NodeValue {
    const value = this.#value();
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#violation();
    return value;
  }

  #value(): NodeValue {
    this.#skipSpace();
    if (this.#depth > MAX_DEPTH) throw this.#violation();
    this.#depth++;
    const first = this.#text[this.#at];
    const value = first === "{" ? this.#node() : first === "(" ? this.#list() : this.#atom();
    this.#depth--;
    return value;
  }

  #node(): TreeNode {
    this.#at++;
    const label = this.#token(ATOM);
    const fields = new Map<string, NodeValue>();
    for (;;) {
      this.#skipSpace();
      if (this.#text[this.#at] === "}") break;
      const name = this.#token(ATOM);
      if (!name.startsWith(":")) continue; // more of a value than is read below
      const value = this.#value();
      fields.set(name.slice(1), typeof value === "string" ? this.#datum() ?? value : value);
    }
    this.#at++;
    return new TreeNode(label, fields);
  }

  /** Returns the bytes of `8 [ 1 0 0 0 ]` behind its length. */
  #datum(): Uint8Array | undefined {
    const found = matchAt(DATUM, this.#text, this.#at);
    if (found === undefined) return undefined;
    this.#at += found[0].length;
    const bytes = found[1]!.trim();
    return Uint8Array.from(bytes === "" ? [] : bytes.split(/ +/), (byte) => Number(byte) & 255);
  }

  #list(): NodeValue[] {
    this.#at++;
    const items: NodeValue[] = [];
    for (;;) {
      this.#skipSpace();
      if (this.#text[this.#at] === ")") break;
      items.push(this.#value());
    }
    this.#at++;
    return items;
  }

  #atom(): string | null {
    if (this.#text[this.#at] === '"') return unescaped(this.#token(STRING).slice(1, -1));
    const atom = this.#token(ATOM);
    return atom === "<>" ? null : unescaped(atom);
  }

  #token(pattern: RegExp): string {
    const found = matchAt(pattern, this.#text, this.#at)?.[0];
    if (found === undefined) throw this.#violation();
    this.#at += found.length;
    return found;
  }

  #skipSpace(): void {
    SPACE.lastIndex = this.#at;
    SPACE.test(this.#text);
    this.#at = SPACE.lastIndex;
  }

  #violation(): DataError {
    return new DataError(`the text of a node tree cannot be read at offset ${this.#at}`);
  }
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}

function unescaped(token: string): string {
  return token.includes("\\") ? token.replace(/\\([^])/g, "$1") : token;
}
