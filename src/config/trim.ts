/**
 * Returns the text without any of `characters` at its end. Unlike `replace(/ +$/, "")`, it does not
 * look at a run of them more than once, wherever it stands.
 */
export function trimEnd(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text[end - 1]!)) end--;
  return text.slice(0, end);
}

/** Returns the text without any of `characters` at its ends. */
export function trimBoth(text: string, characters: string): string {
  let start = 0;
  while (start < text.length && characters.includes(text[start]!)) start++;
  return trimEnd(text.slice(start), characters);
}
