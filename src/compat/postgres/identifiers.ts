/** Names in double quotes. */
import type { NameTransform } from "./casing.ts";

/** Quotes the parts of a name between its dots: `schema.table` becomes `"schema"."table"`. */
export function escapeIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""').replaceAll(".", '"."')}"`;
}

/** Quotes one name, dots included. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Quotes a list of names, converted for the database. */
export function escapeIdentifiers(names: unknown, to: NameTransform | undefined): string {
  const list: readonly unknown[] = Array.isArray(names) ? names : [names];
  return list.map((name) => escapeIdentifier(to === undefined ? String(name) : to(String(name))))
    .join(",");
}
