/** Parameters that are sent as they are: the caller has made their text or their bytes. */
import type { Writer } from "../bytes/writer.ts";
import { InterfaceError } from "../errors/errors.ts";
import { MAX_PARAMETERS } from "../protocol/frontend.ts";
import { writeString } from "./parameters.ts";

const NULL = -1;

/**
 * Checks raw parameters before anything is written.
 *
 * @throws {InterfaceError} there are too many, or one is neither a string, nor bytes, nor `null`.
 */
export function checkRaw(values: readonly unknown[]): void {
  if (values.length > MAX_PARAMETERS) {
    throw new InterfaceError(
      `${values.length} parameters: a statement can have at most ${MAX_PARAMETERS}`,
    );
  }
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value === null || typeof value === "string" || value instanceof Uint8Array) continue;
    throw new InterfaceError(
      `parameter $${i + 1}: a raw parameter is a string, a Uint8Array or null, not ${typeof value}`,
    );
  }
}

/** Appends formats, count and values. Bytes are sent in binary format. */
export function writeRaw(out: Writer, values: readonly unknown[]): void {
  const count = values.length;
  const hasBytes = values.some(isBytes);
  out.int16(hasBytes ? count : 0);
  if (hasBytes) { for (const value of values) out.int16(isBytes(value) ? 1 : 0); }
  out.int16(count);
  for (let i = 0; i < count; i++) {
    const value = values[i];
    if (value === null) out.int32(NULL);
    else if (typeof value === "string") writeString(out, value, i);
    else {
      const bytes = value as Uint8Array;
      out.int32(bytes.length);
      out.bytes(bytes);
    }
  }
}

function isBytes(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}
