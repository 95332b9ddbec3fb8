/** Quotes a name: `a"b` is `"a""b"`. */
export function escapeIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * Quotes a string constant. One with a backslash is written as ` E'…'`. Anything but a string is `''`,
 * as in `pg`.
 */
export function escapeLiteral(text: unknown): string {
  if (typeof text !== "string") return "''";
  const quoted = `'${text.replaceAll("'", "''").replaceAll("\\", "\\\\")}'`;
  return text.includes("\\") ? ` E${quoted}` : quoted;
}
