import type { Runtime } from "../runtime/runtime.ts";
import { trimEnd } from "./trim.ts";

/** The values that a line of a password file must match. */
export interface PassfileKey {
  /** The host as the user named it, or the address. */
  readonly host: string;
  /** The port; for a Unix socket, the number in its file name. */
  readonly port: number;
  /** The database to connect to. */
  readonly database: string;
  /** The role to log in as. */
  readonly user: string;
}

/**
 * Returns the text of the password file, if there is one. A file that is not plain, or that others than
 * its owner may read, is ignored, as in libpq; `hint` gives the reason.
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
  const read = await runtime.readTextFile(path).then(
    (text) => ({ text }),
    (error: unknown) => ({ error }),
  );
  // Most often there is no such file, which one look shows.
  if ("text" in read && read.text === undefined) return {};
  const facts = await runtime.fileMode(path);
  const plain = facts === undefined || isPlainFile(facts.mode);
  if (facts === undefined || plain && (facts.mode & 0o077) === 0) {
    if ("error" in read) throw read.error;
    return { text: read.text };
  }
  const why = plain
    ? "others may read it; its mode must be 0600 or less"
    : "it is not a plain file";
  return { hint: `the password file "${path}" is ignored: ${why}` };
}

/** Reports whether `st_mode` may be that of a plain file; it may lack the type. */
export function isPlainFile(mode: number): boolean {
  const type = mode & 0o170000;
  return type === 0 || type === 0o100000;
}

/**
 * Returns the password of the first line `host:port:database:user:password` that matches. A field `*`
 * matches any value, and `\` escapes a following `:` or `\`.
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
/** A password ends at a colon; the rest is reserved for later versions. */
const PASSWORD = /^[^:\\]*(?:\\[^]?[^:\\]*)*/;

/** The default directories of libpq: as in its source, in Debian and in Red Hat. */
const SOCKET_DIRECTORIES: readonly string[] = ["/tmp", "/var/run/postgresql", "/run/postgresql"];

function matches(field: string, value: string): boolean {
  return field === "*" || literal(field) === value;
}

function literal(field: string): string {
  return field.replace(/\\([^])/g, "$1");
}
