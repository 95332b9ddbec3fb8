/** Parameters as `pg` writes them: by the looks of the value, not by the type of the parameter. */
import { Buffer } from "../node.ts";
import { defaults } from "./defaults.ts";

/** An object that says how it is sent. */
interface ToPostgres {
  toPostgres(prepare: typeof prepareValue): unknown;
}

/**
 * Returns what is sent for a value: `null`, bytes (in binary format) or a text. Dates are written in
 * local time, arrays as PostgreSQL's, other objects as JSON.
 *
 * @throws {Error} `toPostgres` of an object leads back to the object.
 */
export function prepareValue(value: unknown): string | Buffer | null {
  return prepared(value, undefined);
}

function prepared(value: unknown, seen: unknown[] | undefined): string | Buffer | null {
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return null;
  if (typeof value !== "object") return String(value);
  if (value instanceof Buffer) return value;
  if (ArrayBuffer.isView(value)) return bytesOf(value);
  if (isDate(value)) return defaults.parseInputDatesAsUTC ? utcText(value) : localText(value);
  if (Array.isArray(value)) return arrayText(value);
  if (isToPostgres(value)) {
    if (seen?.includes(value)) {
      throw new Error(`circular reference detected while preparing "${value}" for query`);
    }
    return prepared(value.toPostgres(prepareValue), [...seen ?? [], value]);
  }
  return JSON.stringify(value) ?? null;
}

function isToPostgres(value: object): value is ToPostgres {
  return typeof (value as Partial<ToPostgres>).toPostgres === "function";
}

function isDate(value: object): value is Date {
  return value instanceof Date || Object.prototype.toString.call(value) === "[object Date]";
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}

function arrayText(values: readonly unknown[]): string {
  // Array.from() visits holes, which are NULL.
  return `{${Array.from(values, elementText).join(",")}}`;
}

function elementText(value: unknown): string {
  if (value === null || value === undefined) return "NULL";
  if (Array.isArray(value)) return arrayText(value);
  if (ArrayBuffer.isView(value)) return `\\\\x${bytesOf(value).toString("hex")}`;
  const text = String(prepareValue(value));
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

function localText(date: Date): string {
  const offset = -date.getTimezoneOffset();
  const minutes = Math.abs(offset);
  const zone = `${offset < 0 ? "-" : "+"}${padded(Math.floor(minutes / 60))}:${
    padded(minutes % 60)
  }`;
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()] as const;
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()] as const;
  return dateText(day, time, date.getMilliseconds(), zone);
}

function utcText(date: Date): string {
  const day = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()] as const;
  const time = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()] as const;
  return dateText(day, time, date.getUTCMilliseconds(), "+00:00");
}

function dateText(
  [year, month, day]: readonly [number, number, number],
  time: readonly number[],
  milliseconds: number,
  zone: string,
): string {
  const isBC = year < 1;
  const shown = padded(isBC ? 1 - year : year, 4);
  const clock = time.map((part) => padded(part)).join(":");
  const rest = `${padded(milliseconds, 3)}${zone}${isBC ? " BC" : ""}`;
  return `${shown}-${padded(month)}-${padded(day)}T${clock}.${rest}`;
}

function padded(value: number, width: number = 2): string {
  return String(value).padStart(width, "0");
}
