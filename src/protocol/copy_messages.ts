/** The server's message at the start of a copy. The rules of `backend.ts` hold. */
import type { Reader } from "../bytes/reader.ts";

/** Reads CopyInResponse, CopyOutResponse and CopyBothResponse: formats are 0 text, 1 binary. */
export function readCopyResponse(reader: Reader): { format: number; columnFormats: number[] } {
  const format = reader.uint8();
  const count = reader.count(reader.uint16(), 2);
  const columnFormats: number[] = [];
  for (let i = 0; i < count; i++) columnFormats.push(reader.int16());
  reader.finish();
  return { format, columnFormats };
}
