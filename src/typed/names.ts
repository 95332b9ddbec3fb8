/** Names and texts as TypeScript writes them. */

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

/** Returns a property's name, quoted where it is no identifier. */
export function propertyName(name: string): string {
  return IDENTIFIER.test(name) && name !== "__proto__" ? name : quoted(name);
}

/** Returns the type of strings that are one of these. */
export function stringType(values: readonly string[]): string {
  return values.length === 0 ? "string" : values.map(quoted).join(" | ");
}

/** Returns a string as source text, on one line. */
export function quoted(text: string): string {
  return JSON.stringify(text).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}

/** Returns a type in parentheses where it is a union, so that `[]` behind it is of the whole. */
export function grouped(type: string): string {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < type.length; i++) {
    const character = type[i]!;
    if (character === '"' && type[i - 1] !== "\\") inString = !inString;
    else if (inString) continue;
    else if ("{[(<".includes(character)) depth++;
    else if ("}])>".includes(character)) depth--;
    else if (character === "|" && depth === 0) return `(${type})`;
  }
  return type;
}
