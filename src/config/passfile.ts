import type { Runtime } from "../runtime/runtime.ts";
import { trimEnd } from "./spelling.ts";

/** What a line of a password file must match. */
export interface PassfileKey {
  /** The host as the user named it, or its address. */
  readonly host: string;
  /** The port, of a Unix socket the number in its file name. */
  readonly port: number;
  /** The database to connect to. */
  readonly database: string;
  /** The role to log in as. */
  readonly user: string;
}

/**
 * The text of the password file; none when there is no such file, or when it is not a plain file or
 * others than its owner may read it: libpq then ignores it as well, and `hint` says so.
 *
 * Source: `passwordFromFile` of `fe-connect.c`.
 */
export async function readPassfile(
  named: string | undefined,
  runtime: Runtime,
): Promise<{ text?: string; hint?: string }> {
  const home = runtime.homeDirectory();
  const path = named ?? (home === undefined ? undefined : `${home}/.pgpass`);
  if (path === undefined) return {};
  // First: reading a pipe that nobody writes to would not come back.
  const facts = await runtime.fileMode(path);
  const plain = facts === undefined || isPlainFile(facts.mode);
  if (facts === undefined || plain && (facts.mode & 0o077) === 0) {
    return { text: await runtime.readTextFile(path) };
  }
  const why = plain
    ? "others may read it; its mode must be 0600 or less"
    : "it is not a plain file";
  return { hint: `the password file "${path}" is ignored: ${why}` };
}

/** Whether `st_mode` is a plain file's; one without a type may be. */
export function isPlainFile(mode: number): boolean {
  const type = mode & 0o170000;
  return type === 0 || type === 0o100000;
}

/**
 * The password of the first line `host:port:database:user:password` that matches; a field `*`
 * matches anything, and `\` takes a following `:` or `\` literally.
 *
 * Source: PostgreSQL 18 manual, "The Password File".
 */
export function passfilePassword(text: string, key: PassfileKey): string | undefined {
  const hosts = SOCKET_DIRECTORIES.includes(key.host) ? ["localhost", key.host] : [key.host];
  for (const raw of text.split("\n")) {
    const line = trimEnd(raw, "\r");
    if (line.startsWith("#")) continue;
    const fields = LINE.exec(line);
    if (fields === null) continue;
    const [, host, port, database, user, password] = fields as unknown as string[];
    if (
      hosts.some((name) => matches(host!, name)) && matches(port!, String(key.port)) &&
      matches(database!, key.database) && matches(user!, key.user)
    ) return literal(PASSWORD.exec(password!)![0]);
  }
  return undefined;
}

const FIELD = String.raw`([^:\\]*(?:\\[^][^:\\]*)*):`;
const LINE = new RegExp(`^${FIELD}${FIELD}${FIELD}${FIELD}([^]*)$`);
/** Up to a colon: what follows is left for later versions. */
const PASSWORD = /^[^:\\]*(?:\\[^]?[^:\\]*)*/;

/** libpq's default directory is a choice of its build: the source's, Debian's and Red Hat's. */
const SOCKET_DIRECTORIES: readonly string[] = ["/tmp", "/var/run/postgresql", "/run/postgresql"];

function matches(field: string, value: string): boolean {
  return field === "*" || literal(field) === value;
}

function literal(field: string): string {
  return field.replace(/\\([^])/g, "$1");
}
