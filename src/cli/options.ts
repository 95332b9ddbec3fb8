/** The command line and the configuration of the tool. */
import { InterfaceError } from "../errors/errors.ts";
import type { InspectOptions, TypescriptOptions } from "../typed/typed.ts";
import type { Workplace } from "../runtime/workplace.ts";

/** The commands. */
export const COMMANDS = ["check", "write", "watch", "types"] as const;

/** The command line, read. */
export interface Invocation {
  readonly command: typeof COMMANDS[number];
  /** Files and folders; those of the configuration when there are none. */
  readonly paths: readonly string[];
  readonly database: string | undefined;
  /** Files of SQL that make a database in PGlite. */
  readonly pglite: readonly string[] | undefined;
  readonly config: string | undefined;
  /** Where `types` writes. */
  readonly out: string | undefined;
  readonly strict: boolean;
}

/** The text of `--help`. */
export const USAGE = `usage: cornac check|write|watch [path …] [option …]
       cornac types [--out file] [option …]

check   compares the types at sql templates with the database; exits 1 when any is wrong
write   writes the types in place
watch   writes them whenever a file changes
types   prints the types of the database's tables, views, enums, composites and functions

--database url      the database; DATABASE_URL and PG* otherwise
--pglite file …     a database of PGlite instead, made by these files of SQL
--config file       the configuration; cornac.json, or "cornac" in package.json or deno.json otherwise
--out file          where types are written; printed otherwise
--strict            templates without types, and those that cannot be checked, are faults
`;

/**
 * Reads the command line.
 *
 * @throws {InterfaceError} there is no such command or option.
 */
export function readArguments(given: readonly string[]): Invocation {
  const [command, ...rest] = given;
  if (!isCommand(command)) {
    throw new InterfaceError(`${command ?? "no command"}: there is check, write, watch and types`);
  }
  const values = new Map<string, string[]>();
  const paths: string[] = [];
  let current: string[] = paths;
  for (const one of rest) {
    const [, name, value] = /^--([a-z]+)(?:=(.*))?$/.exec(one) ?? [];
    if (name === undefined) {
      if (one.startsWith("-")) throw new InterfaceError(`${one}: no such option`);
      current.push(one);
      if (current !== paths && current !== values.get("pglite")) current = paths;
      continue;
    }
    if (!OPTIONS.has(name)) throw new InterfaceError(`--${name}: no such option`);
    const list = values.get(name) ?? [];
    values.set(name, list);
    if (value !== undefined) list.push(value);
    current = name === "strict" || value !== undefined ? paths : list;
  }
  const single = (name: string): string | undefined => {
    const list = values.get(name);
    if (list !== undefined && list.length !== 1) {
      throw new InterfaceError(`--${name} takes one value`);
    }
    return list?.[0];
  };
  return {
    ...{ command, paths, pglite: values.get("pglite"), strict: values.has("strict") },
    ...{ database: single("database"), config: single("config"), out: single("out") },
  };
}

const OPTIONS: ReadonlySet<string> = new Set([
  ...["database", "pglite", "config", "out", "strict"],
]);

function isCommand(command: string | undefined): command is Invocation["command"] {
  return COMMANDS.some((one) => one === command);
}

/** The configuration: `cornac.json`. */
export interface Config extends TypescriptOptions, InspectOptions {
  /** Folders and files with templates; default `["."]`. */
  readonly include?: readonly string[];
  /** Folders and files that are left out, besides `node_modules`. */
  readonly exclude?: readonly string[];
  /** The `search_path` of the program. */
  readonly searchPath?: string;
  /** The role of the program. */
  readonly role?: string;
  /** The schemas of `types`; by default all but PostgreSQL's own. */
  readonly schemas?: readonly string[];
}

/** Each key of the configuration, and what it takes. */
const KEYS: Readonly<Record<keyof Config, (value: unknown) => boolean>> = {
  include: isList,
  exclude: isList,
  neverNull: isList,
  schemas: isList,
  trustDomains: isBoolean,
  infinity: isBoolean,
  searchPath: isString,
  role: isString,
  module: isString,
  columns: isTexts,
  types: isTexts,
  int8: isOneOf("bigint", "number", "string"),
  numeric: isOneOf("string", "number"),
  datetime: isOneOf("date", "temporal", "string"),
  arrays: isOneOf("array", "bounded"),
  rows: isOneOf("object", "array"),
};

/**
 * Reads the configuration: the file that was named, `cornac.json`, or the key `cornac` of
 * package.json, deno.json or deno.jsonc.
 *
 * @throws {InterfaceError} the named file is missing, is no JSON, or has a key that is wrong.
 */
export async function readConfig(place: Workplace, named: string | undefined): Promise<Config> {
  for (const file of named === undefined ? FILES : [named]) {
    const text = await place.read(file);
    if (text === undefined) continue;
    const whole = parsed(text, file);
    if (named !== undefined || file === "cornac.json") return checked(whole, file);
    const own = (whole as { cornac?: unknown } | null)?.cornac;
    if (own !== undefined) return checked(own, `${file}: cornac`);
  }
  if (named !== undefined) throw new InterfaceError(`${named}: there is no such file`);
  return {};
}

const FILES = ["cornac.json", "package.json", "deno.json", "deno.jsonc"];

function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(file.endsWith("c") ? text.replace(/^\s*\/\/.*$/gm, "") : text);
  } catch (cause) {
    // Others' files may have comments; they are not this tool's to refuse.
    if (file !== "cornac.json" && FILES.includes(file)) return {};
    throw new InterfaceError(`${file}: that is no JSON`, { cause });
  }
}

function checked(value: unknown, at: string): Config {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new InterfaceError(`${at}: an object is wanted`);
  }
  for (const [key, one] of Object.entries(value)) {
    if (!Object.hasOwn(KEYS, key)) throw new InterfaceError(`${at}: there is no key "${key}"`);
    if (!KEYS[key as keyof Config](one)) {
      throw new InterfaceError(`${at}: "${key}" has a wrong value`);
    }
  }
  return value as Config;
}

function isString(value: unknown): boolean {
  return typeof value === "string";
}

function isBoolean(value: unknown): boolean {
  return typeof value === "boolean";
}

function isList(value: unknown): boolean {
  return Array.isArray(value) && value.every(isString);
}

function isTexts(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.values(value).every(isString);
}

function isOneOf(...values: readonly string[]): (value: unknown) => boolean {
  return (value) => values.includes(value as string);
}
