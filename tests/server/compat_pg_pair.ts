/** The real `pg` and this driver's, side by side on one server, and a form of values that compares them. */
import pgModule from "pg";
import * as ours from "../../src/compat/pg/pg.ts";
import { shared } from "../_kit/databases.ts";

/** A module in the shape of `pg`. The tests compare behaviour, so types are those of this driver. */
export type PgModule = typeof ours;

/** The peer: the package from npm, which has no declarations of its own. */
export const peer = pgModule as unknown as PgModule;
export { ours };

/** The options of a client for the shared server. */
export async function login(options: ours.ClientConfig = {}): Promise<ours.ClientConfig> {
  const { host, port, user, database } = await shared();
  return {
    ...{ host: String(host), port: Number(port), user, database, ssl: false },
    ...options,
  };
}

/**
 * Returns a value as plain text that has all that can be observed: classes, own properties in order,
 * dates, bytes. Internals, whose names begin with `_`, and stacks are left out.
 */
export function shown(value: unknown, depth: number = 0): string {
  if (value instanceof Error) return shownError(value);
  if (value instanceof Date) return `Date(${value.getTime()})`;
  if (value instanceof Uint8Array) return `${value.constructor.name}(${[...value]})`;
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? String(value);
  if (depth > 6) return "…";
  if (Array.isArray(value)) return `[${value.map((one) => shown(one, depth + 1)).join(", ")}]`;
  const name = value.constructor?.name ?? "null";
  const record = value as Record<string, unknown>;
  const keys = Object.keys(value).filter((key) =>
    !key.startsWith("_") && typeof record[key] !== "function"
  );
  const parts = keys.map((key) => `${key}: ${shown(record[key], depth + 1)}`);
  return `${name === "Field" ? "Object" : name}{${parts.join(", ")}}`;
}

function shownError(error: Error): string {
  const record = error as unknown as Record<string, unknown>;
  // In a failed transaction the two protocols refuse in different functions of the server.
  const isRefusal = record.code === "25P02";
  // JavaScriptCore gives each error a line and a column of its own, which are not enumerated.
  const own = Object.keys(error).filter((key) => key !== "line" && key !== "column");
  const keys = [...own, ...("routine" in error ? ["line", "column"] : [])]
    .filter((key) => !isRefusal || !PLACE.has(key));
  const parts = keys.map((key) => `${key}: ${shown(record[key])}`);
  return `${error.constructor.name}(${error.name}: ${error.message}){${parts.join(", ")}}`;
}

const PLACE: ReadonlySet<string> = new Set(["length", "line", "routine"]);

/** Returns what a promise comes to, in the form of {@linkcode shown}. */
export async function outcome(promise: unknown): Promise<string> {
  try {
    return alike(shown(await promise));
  } catch (error) {
    return alike(`rejects ${shown(error)}`);
  }
}

/**
 * Replaces the numbers that differ between sessions: schemas of temporary tables, with the length of
 * an error that names one, and OIDs.
 */
export function alike(text: string): string {
  const plain = /pg_temp_\d+/.test(text) ? text.replaceAll(/length: \d+/g, "length: n") : text;
  return plain.replaceAll(/pg_temp_\d+/g, "pg_temp").replaceAll(/tableID: [1-9]\d+/g, "tableID: n");
}
