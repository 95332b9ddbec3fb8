/**
 * The pieces of which a template's SQL is made: texts, values, and fragments as far as the source shows
 * them.
 */
import { splitAtCommas, tagBefore } from "./sql_templates.ts";
import type { TemplateLiteral, Token } from "./source_tokens.ts";

/** A piece of SQL. */
export type Piece =
  | { readonly kind: "text"; readonly text: string; readonly offsets: readonly number[] }
  /** A value that becomes a parameter; `hole` is its place in the outermost template. */
  | { readonly kind: "value"; readonly hole: number | undefined; readonly cast?: string }
  /** One of two fragments, by a condition. */
  | {
    readonly kind: "choice";
    readonly condition: string;
    readonly whenTrue: readonly Piece[];
    readonly whenFalse: readonly Piece[];
  }
  /** `sql(name)`, `sql.identifier(…)`. */
  | { readonly kind: "name"; readonly parts: readonly string[] }
  /** `sql([…])`, whose values are not known, or names are. */
  | { readonly kind: "list"; readonly names: readonly string[] | undefined }
  /** `sql({ … })` with these columns. */
  | { readonly kind: "columns"; readonly names: readonly string[] }
  /** A fragment that the source does not show. */
  | { readonly kind: "unknown"; readonly why: string };

/** A source, and the fragments that its constants stand for. */
export interface SourceCode {
  readonly text: string;
  /** The tokens that a constant is set to, by its name; `undefined` for a name that is set twice. */
  readonly constants: ReadonlyMap<string, readonly Token[] | undefined>;
}

/** Returns the pieces of a template; `isOuter`: its holes are those of the statement. */
export function piecesOf(
  source: SourceCode,
  template: TemplateLiteral,
  isOuter: boolean,
  depth: number = 0,
): Piece[] {
  return template.parts.flatMap((part, i) => {
    const text = textPiece(source.text, part.start, part.end);
    const hole = template.holes[i];
    if (hole === undefined) return [text];
    return [text, ...expressionPieces(source, hole.tokens, isOuter ? i : undefined, depth)];
  });
}

/** Reports whether a hole of the statement holds a fragment rather than a value. */
export function isFragment(pieces: readonly Piece[]): boolean {
  return !(pieces.length === 1 && pieces[0]!.kind === "value" && pieces[0]!.cast === undefined);
}

/** The text of a template's part as JavaScript makes it, and where each character of it stands. */
function textPiece(source: string, start: number, end: number): Piece {
  let text = "";
  const offsets: number[] = [];
  for (let i = start; i < end;) {
    const escape = source[i] === "\\" ? ESCAPE.exec(source.slice(i, i + 12))?.[0] : undefined;
    const made = escape === undefined ? source[i]! : unescaped(escape);
    for (const unit of made.split("")) {
      text += unit;
      offsets.push(i);
    }
    i += escape?.length ?? 1;
  }
  return { kind: "text", text, offsets };
}

const ESCAPE = /^\\(?:x[\da-fA-F]{2}|u[\da-fA-F]{4}|u\{[\da-fA-F]+\}|\r\n|[^])/;
const SINGLE: Readonly<Record<string, string>> = {
  ...{ n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", v: "\v", 0: "\0" },
  ...{ "\n": "", "\r": "", "\r\n": "" },
};

function unescaped(escape: string): string {
  const code = /^\\[xu]\{?([\da-fA-F]+)\}?$/.exec(escape)?.[1];
  if (code !== undefined) return String.fromCodePoint(Math.min(parseInt(code, 16), 0x10ffff));
  const body = escape.slice(1);
  return Object.hasOwn(SINGLE, body) ? SINGLE[body]! : body;
}

/** Longer chains of constants are not followed. */
const MAX_DEPTH = 20;

/** Returns the pieces that an expression stands for. */
function expressionPieces(
  source: SourceCode,
  given: readonly Token[],
  hole: number | undefined,
  depth: number,
): Piece[] {
  const tokens = withoutParentheses(given);
  if (depth > MAX_DEPTH) return [{ kind: "unknown", why: "fragments are nested too deeply" }];
  const parts = conditionalParts(tokens);
  if (parts !== undefined) return choicePieces(source, tokens, parts, hole, depth);
  const last = tokens.length - 1;
  const template = tokens[last]?.template;
  const tag = template && tagBefore(tokens, last);
  if (template && tag && isOnlyTag(tokens, tag.start)) {
    return piecesOf(source, template, false, depth + 1);
  }
  const [name] = tokens;
  if (tokens.length === 1 && name?.kind === "word" && source.constants.has(name.text)) {
    const value = source.constants.get(name.text);
    if (value === undefined) {
      return [{ kind: "unknown", why: `"${name.text}" is set more than once` }];
    }
    return expressionPieces(source, value, hole, depth + 1);
  }
  return callPieces(tokens, hole) ?? listPieces(source, tokens, depth) ??
    [{ kind: "value", hole }];
}

/** Returns the pieces of an array of fragments; `undefined` for another expression. */
function listPieces(
  source: SourceCode,
  tokens: readonly Token[],
  depth: number,
): Piece[] | undefined {
  const isTag = ({ template }: Token, i: number): boolean =>
    template !== undefined && tagBefore(tokens, i) !== undefined;
  if (!tokens.some(isTag) || tokens.some(({ text }) => text === "await")) return undefined;
  if (tokens[0]!.text !== "[" || tokens.at(-1)!.text !== "]") {
    const isMapped = tokens.some(({ text }, i) => text === "map" && tokens[i + 1]?.text === "(");
    return isMapped ? [{ kind: "unknown", why: "a list by map() is not followed" }] : undefined;
  }
  const items = splitAtCommas(tokens.slice(1, -1))
    .map((item) => expressionPieces(source, item, undefined, depth + 1));
  if (!isFragment(items[0] ?? [])) return undefined;
  const space: Piece = { kind: "text", text: " ", offsets: [] };
  return items.flatMap((item, i) => i === 0 ? item : [space, ...item]);
}

/** Reports whether all that stands before a tag is the object that it is a member of. */
function isOnlyTag(tokens: readonly Token[], start: number): boolean {
  return tokens.filter((token) => token.end <= start)
    .every(({ kind, text }) =>
      kind === "word" && text !== "await" || text === "." || text === "?."
    );
}

function choicePieces(
  source: SourceCode,
  tokens: readonly Token[],
  [question, colon]: readonly [number, number],
  hole: number | undefined,
  depth: number,
): Piece[] {
  const of = (from: number, to?: number): Piece[] =>
    expressionPieces(source, tokens.slice(from, to), hole, depth + 1);
  const [whenTrue, whenFalse] = [of(question + 1, colon), of(colon + 1)];
  const areValues = [whenTrue, whenFalse].every((pieces) => !isFragment(pieces));
  if (areValues) return [{ kind: "value", hole }];
  const condition = source.text.slice(tokens[0]!.start, tokens[question]!.start).trim()
    .replace(/\s+/g, " ");
  return [{ kind: "choice", condition, whenTrue, whenFalse }];
}

function withoutParentheses(tokens: readonly Token[]): readonly Token[] {
  if (tokens[0]?.text !== "(" || tokens.at(-1)?.text !== ")") return tokens;
  let depth = 0;
  for (const [i, { text, kind }] of tokens.entries()) {
    if (kind !== "symbol") continue;
    if (text === "(") depth++;
    else if (text === ")" && --depth === 0 && i < tokens.length - 1) return tokens;
  }
  return withoutParentheses(tokens.slice(1, -1));
}

/** Returns the indexes of `?` and `:` of a conditional expression. */
function conditionalParts(tokens: readonly Token[]): readonly [number, number] | undefined {
  let depth = 0;
  let question = -1;
  let open = 0;
  for (const [i, { text, kind }] of tokens.entries()) {
    if (kind !== "symbol") continue;
    if ("({[".includes(text)) depth++;
    else if (")}]".includes(text)) depth--;
    else if (depth > 0) continue;
    else if (text === "=>") return undefined;
    else if (text === "?") {
      if (question < 0) question = i;
      else open++;
    } else if (text === ":" && question >= 0 && open-- === 0) return [question, i];
  }
  return undefined;
}

/** Returns the piece of a call of `sql` or one of its functions; `undefined` for other expressions. */
function callPieces(tokens: readonly Token[], hole: number | undefined): Piece[] | undefined {
  const opening = tokens.findIndex(({ text }) => text === "(");
  if (opening < 1 || tokens.at(-1)?.text !== ")") return undefined;
  const path = tokens.slice(0, opening).map(({ text }) => text).join("");
  const called = /(?:^|\.)sql(?:\.(\w+))?$/.exec(path);
  if (called === null) return undefined;
  const given = splitAtCommas(tokens.slice(opening + 1, -1));
  const literals = given.map(literalOf);
  const unknown = (why: string): Piece[] => [{ kind: "unknown", why }];
  switch (called[1]) {
    case undefined:
      return [formPiece(given, literals)];
    case "identifier":
      if (literals.includes(undefined)) {
        return unknown("the name of sql.identifier() is not a literal");
      }
      return [{ kind: "name", parts: literals as string[] }];
    case "raw":
      if (literals[0] === undefined) return unknown("the text of sql.raw() is not a literal");
      return [{ kind: "text", text: literals[0], offsets: [] }];
    case "json":
      return [{ kind: "value", hole }];
    case "typed":
      return typedPieces(literals[1], "");
    case "array":
      return given.length === 1
        ? [{ kind: "value", hole: undefined, cast: "" }]
        : typedPieces(literals[1], "[]");
    default:
      return unknown(`sql.${called[1]}() is not followed`);
  }
}

function typedPieces(type: string | undefined, suffix: string): Piece[] {
  if (type === undefined) return [{ kind: "unknown", why: "a type's name is not a literal" }];
  return [{ kind: "value", hole: undefined, cast: `::${type}${suffix}` }];
}

/** Returns the text of a string literal without escapes. */
function literalOf(tokens: readonly Token[]): string | undefined {
  const [only] = tokens;
  if (tokens.length !== 1 || only?.kind !== "string" || only.text.includes("\\")) return undefined;
  return only.text.slice(1, -1);
}

/** `sql(name)`, `sql(list)`, `sql(object, …columns)`. */
function formPiece(given: readonly Token[][], literals: readonly (string | undefined)[]): Piece {
  const [first = []] = given;
  if (given.length === 1 && literals[0] !== undefined) {
    return { kind: "name", parts: literals[0].split(".") };
  }
  const columns = literals.slice(1);
  if (columns.length > 0) {
    return columns.includes(undefined)
      ? { kind: "unknown", why: "the columns of sql() are not literals" }
      : { kind: "columns", names: columns as string[] };
  }
  if (first[0]?.text === "[" && first.at(-1)?.text === "]") {
    const items = splitAtCommas(first.slice(1, -1)).map(literalOf);
    return { kind: "list", names: items.includes(undefined) ? undefined : items as string[] };
  }
  const keys = first[0]?.text === "{" ? keysOf(first.slice(1, -1)) : undefined;
  if (keys !== undefined) return { kind: "columns", names: keys };
  return { kind: "unknown", why: "the columns or names of sql() are not in the source" };
}

function keysOf(tokens: readonly Token[]): string[] | undefined {
  const keys = splitAtCommas(tokens).map(([key, colon]) => {
    if (colon !== undefined && colon.text !== ":") return undefined;
    return key?.kind === "string" ? literalOf([key]) : key?.kind === "word" ? key.text : undefined;
  });
  return keys.includes(undefined) || keys.length === 0 ? undefined : keys as string[];
}

/** Returns the fragments that a source's constants are set to. */
export function constantsOf(tokens: readonly Token[]): Map<string, readonly Token[] | undefined> {
  const found = new Map<string, readonly Token[] | undefined>();
  tokens.forEach((token, i) => {
    const name = tokens[i + 1];
    if (token.text !== "const" || name?.kind !== "word") return;
    const value = initializer(tokens, i + 2);
    if (value === undefined || !hasFragment(value)) return;
    found.set(name.text, found.has(name.text) ? undefined : value);
  });
  return found;
}

/** Returns the tokens between `=` and the end of a declaration; semicolons are needed. */
function initializer(tokens: readonly Token[], from: number): readonly Token[] | undefined {
  let i = from;
  while (i < tokens.length && tokens[i]!.text !== "=" && tokens[i]!.text !== ";") i++;
  if (tokens[i]?.text !== "=") return undefined;
  let end = i + 1;
  for (let depth = 0; end < tokens.length; end++) {
    const { text, kind } = tokens[end]!;
    if (kind !== "symbol") continue;
    if ("({[".includes(text)) depth++;
    else if (")}]".includes(text)) depth--;
    if (depth < 0 || depth === 0 && (text === ";" || text === ",")) break;
  }
  return tokens.slice(i + 1, end);
}

/** Reports whether an initializer is a fragment: a template or a choice of some, and not a query that is run. */
function hasFragment(tokens: readonly Token[]): boolean {
  const inner = withoutParentheses(tokens);
  const parts = conditionalParts(inner);
  if (parts !== undefined) {
    const [question, colon] = parts;
    return hasFragment(inner.slice(question + 1, colon)) || hasFragment(inner.slice(colon + 1));
  }
  const last = inner.length - 1;
  const tag = inner[last]?.template && tagBefore(inner, last);
  return tag ? isOnlyTag(inner, tag.start) : /^sql\b/.test(inner[0]?.text ?? "") && last > 1;
}
