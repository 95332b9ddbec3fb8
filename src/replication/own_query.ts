import type { Queryable } from "../queryable.ts";

/** Every value as its text, whatever the codecs of the connection are. */
const TEXTS = { rows: "array", parsers: () => (text: string) => text } as const;

/** Runs one of the driver's own texts on a connection or a pool. Returns values as text. */
export async function ownQuery(
  db: Queryable,
  text: string,
  parameters: readonly unknown[] = [],
): Promise<(string | null)[][]> {
  const rows = await db.query(text, parameters as unknown[], TEXTS);
  return rows as unknown as (string | null)[][];
}
