/** The rows of replication commands, which are all text. */
import type { Reader } from "../bytes/reader.ts";
import { ProtocolError } from "../errors/errors.ts";
import { Lsn } from "./lsn.ts";

/** Reads a DataRow of `columns` values; NULL is `null`. Bytes of another encoding become U+FFFD. */
export function readTextRow(reader: Reader, columns: number): (string | null)[] {
  const count = reader.count(reader.uint16(), 4);
  if (count !== columns) {
    throw new ProtocolError(`malformed DataRow: ${count} values for ${columns} columns`);
  }
  const row: (string | null)[] = [];
  for (let i = 0; i < count; i++) {
    const length = reader.int32();
    row.push(length < 0 ? null : reader.text(length));
  }
  reader.finish();
  return row;
}

/** Reads a position that the server has sent. */
export function positionIn(text: string | null | undefined): Lsn {
  try {
    return Lsn.parse(text ?? "");
  } catch (cause) {
    throw new ProtocolError("the server sent a malformed LSN", { cause });
  }
}

/** Reads a whole number that the server has sent. */
export function numberIn(text: string | null | undefined): number {
  if (!/^\d{1,15}$/.test(text ?? "")) throw new ProtocolError("the server sent a malformed number");
  return Number(text);
}
