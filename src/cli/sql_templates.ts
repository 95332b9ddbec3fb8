/** Finds the `sql` templates of a source, with the types that are written at them. */
import type { Span, TemplateLiteral, Token } from "./source_tokens.ts";

/** A template of the tag `sql`, by itself or as a member: `db.sql`. */
export interface SqlTemplate {
  readonly template: TemplateLiteral;
  /** Where the tag begins. */
  readonly start: number;
  /** The end of the tag's name: where types are written. */
  readonly nameEnd: number;
  /** The types between the name and the template: `<…>`. */
  readonly types: Span | undefined;
  /** The tokens of the types, without the brackets around them. */
  readonly typeTokens: readonly Token[];
  /** Whether the tag is a member of something, so that the template is run as a statement. */
  readonly isMember: boolean;
  /** Whether the template stands within another one's hole. */
  readonly isNested: boolean;
}

/** Returns the templates in the order of the source; those within holes behind the one around them. */
export function sqlTemplates(tokens: readonly Token[], isNested: boolean = false): SqlTemplate[] {
  const found: SqlTemplate[] = [];
  tokens.forEach((token, i) => {
    if (token.template === undefined) return;
    const tag = tagBefore(tokens, i);
    if (tag) found.push({ ...tag, template: token.template, isNested });
    const within = isNested || tag !== undefined;
    for (const hole of token.template.holes) found.push(...sqlTemplates(hole.tokens, within));
  });
  return found;
}

type Tag = Omit<SqlTemplate, "template" | "isNested">;

/** Returns the tag of the template at `index`; `undefined` when it has another one, or none. */
export function tagBefore(tokens: readonly Token[], index: number): Tag | undefined {
  const opening = openingBefore(tokens, index);
  const name = tokens[(opening ?? index) - 1];
  if (name?.kind !== "word" || name.text !== "sql") return undefined;
  const dot = tokens[(opening ?? index) - 2];
  const isMember = dot?.text === "." || dot?.text === "?.";
  const types = opening === undefined
    ? undefined
    : { start: tokens[opening]!.start, end: tokens[index - 1]!.end };
  const typeTokens = opening === undefined ? [] : tokens.slice(opening + 1, index - 1);
  return { start: name.start, nameEnd: name.end, types, typeTokens, isMember };
}

/** Longer types are not looked for before a template. */
const MAX_TYPE_TOKENS = 5000;

/** Returns the index of the `<` that belongs to a `>` before the template. */
function openingBefore(tokens: readonly Token[], index: number): number | undefined {
  if (tokens[index - 1]?.text !== ">") return undefined;
  let depth = 0;
  for (let i = index - 1; i >= Math.max(0, index - MAX_TYPE_TOKENS); i--) {
    const { text } = tokens[i]!;
    if (text === ">") depth++;
    else if (text === "<" && --depth === 0) return i;
    else if (text === "=" || text === "`") return undefined;
  }
  return undefined;
}

/** Splits tokens at the commas that stand in no brackets. */
export function splitAtCommas(tokens: readonly Token[]): Token[][] {
  const lists: Token[][] = [];
  let depth = 0;
  let list: Token[] = [];
  for (const token of tokens) {
    if ("({[<".includes(token.text) && token.kind === "symbol") depth++;
    else if (")}]>".includes(token.text) && token.kind === "symbol") depth--;
    if (token.text !== "," || depth > 0) list.push(token);
    else {
      lists.push(list);
      list = [];
    }
  }
  if (list.length > 0) lists.push(list);
  return lists;
}
