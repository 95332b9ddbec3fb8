/** Types as they stand in a source: compared without regard to their layout. */
import { splitAtCommas } from "./sql_templates.ts";
import { type Token, tokensOf } from "./source_tokens.ts";

/** Returns a type's text in one layout: formatters break lines and add separators. */
function plainType(tokens: readonly Token[]): string {
  const plain: string[] = [];
  for (const token of tokens) {
    const text = textOf(token);
    const before = plain.at(-1);
    if (text === "|" && (before === undefined || "{[<(:;=".includes(before))) continue;
    if ("}])>".includes(text) && before === ";") plain.pop();
    plain.push(text);
  }
  if (plain.at(-1) === ";") plain.pop();
  return plain.join(" ");
}

function textOf({ kind, text }: Token): string {
  if (kind === "string") return JSON.stringify(unquoted(text));
  return text === "," ? ";" : text;
}

function unquoted(text: string): string {
  if (text.startsWith('"')) {
    try {
      return JSON.parse(text);
    } catch {
      return text.slice(1, -1);
    }
  }
  return text.slice(1, -1).replace(/\\(['\\])/g, "$1");
}

/** Reports whether tokens are the type that a text is. */
export function isType(tokens: readonly Token[], text: string): boolean {
  return plainType(tokens) === plainType(tokensOf(text));
}

/** Reports whether a row's type is one that the tool writes, and not a name of the user's. */
export function isWritten(tokens: readonly Token[]): boolean {
  const [first] = tokens;
  return first === undefined || /^(?:\{|\[|never)$/.test(first.text) ||
    plainType(tokens) === "Record < string ; never >";
}

/** Returns the members of an object type by their names. */
export function membersOf(tokens: readonly Token[]): Map<string, readonly Token[]> | undefined {
  if (tokens[0]?.text !== "{" || tokens.at(-1)?.text !== "}") return undefined;
  const asCommas = tokens.slice(1, -1).map((one) => one.text === ";" ? { ...one, text: "," } : one);
  const members = new Map<string, readonly Token[]>();
  for (const member of splitAtCommas(asCommas)) {
    const colon = member.findIndex(({ text }) => text === ":");
    const [name] = member;
    if (colon < 1 || name === undefined) continue;
    members.set(name.kind === "string" ? unquoted(name.text) : name.text, member.slice(colon + 1));
  }
  return members;
}
