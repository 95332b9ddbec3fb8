/** Access to the environment for the examples, by modules that Deno, Bun and Node all have. */
import { readFileSync } from "node:fs";
import process from "node:process";
import { inspect } from "node:util";

/** An environment variable that must be there. */
export function env(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`the environment variable ${name} is not set`);
  return value;
}

/** A file's text. */
export function readText(path: string): string {
  return readFileSync(path, "utf8");
}

/** A value on one line, the same on all three; strings as they are. */
export function printed(value: unknown): string {
  return typeof value === "string" ? value : inspect(value, { breakLength: Infinity });
}
