import { InterfaceError } from "../errors/errors.ts";
import { parameter, PARAMETERS } from "./parameters.ts";
import { suggestion } from "./spelling.ts";
import { trimBoth } from "./trim.ts";
import { URI_PREFIX } from "./uri.ts";

/**
 * Parses a connection string, a URI or `keyword=value` pairs, by libpq's rules. Returns the text of
 * each keyword; of a repeated keyword the last counts. Values are not parsed.
 *
 * Errors name the keyword and the fault, but quote no value: any part of a malformed string may be part
 * of the password.
 *
 * Source: PostgreSQL 18 manual, "Connection Strings"; `conninfo_parse` and
 * `conninfo_uri_parse_options` of `fe-connect.c`.
 *
 * @throws {InterfaceError} the string is not a connection string.
 *
 * @example
 * ```ts
 * parseDsn("postgres://me@db/app").get("dbname"); // → "app"
 * parseDsn("host=/tmp application_name='it\\'s'").get("application_name"); // → "it's"
 * ```
 */
export function parseDsn(dsn: string): Map<string, string> {
  if (dsn.includes("\0")) throw broken("contains a NUL byte");
  if (!dsn.isWellFormed()) throw broken("contains a lone surrogate");
  const prefix = URI_PREFIX.exec(dsn);
  if (prefix === null && /^\s*[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(dsn)) {
    throw broken("is a URI, but does not begin with postgres:// or postgresql://");
  }
  return prefix === null ? parsePairs(dsn) : parseUri(dsn.slice(prefix[0].length));
}

/** The characters of `isspace()` in the C locale, which are fewer than those of `\s`. */
const BLANKS = /[ \t\n\v\f\r]*/y;
const NAME = /[^= \t\n\v\f\r]*/y;
const QUOTED = /'([^'\\]*(?:\\[\s\S][^'\\]*)*)'/y;
/** A value without quotes. A backslash at the end of the string is dropped. */
const BARE = /([^\\ \t\n\v\f\r]*(?:\\[\s\S][^\\ \t\n\v\f\r]*)*)\\?/y;

function parsePairs(text: string): Map<string, string> {
  const pairs = new Map<string, string>();
  let afterSecret = false;
  let position = skip(text, 0);
  while (position < text.length) {
    const key = match(NAME, text, position)![0];
    position = skip(text, position + key.length);
    if (text[position] !== "=") {
      throw broken(afterSecret ? 'lacks "="' : `lacks "=" after ${quoteKey(key)}`, afterSecret);
    }
    position = skip(text, position + 1);
    const value = match(text[position] === "'" ? QUOTED : BARE, text, position);
    if (value === null) throw broken(`has no closing quote for the value of ${quoteKey(key)}`);
    store(pairs, key, value[1]!.replace(/\\([\s\S])/g, "$1"), afterSecret ? UNQUOTED : "");
    afterSecret = parameter(key)?.secret === true && text[position] !== "'";
    position = skip(text, position + value[0].length);
  }
  return pairs;
}

function skip(text: string, position: number): number {
  return position + match(BLANKS, text, position)![0].length;
}

function match(pattern: RegExp, text: string, position: number): RegExpExecArray | null {
  pattern.lastIndex = position;
  return pattern.exec(text);
}

function parseUri(text: string): Map<string, string> {
  const pairs = new Map<string, string>();
  const at = /^[^@/]*@/.exec(text);
  const login = at === null ? "" : at[0].slice(0, -1);
  const colon = login.includes(":") ? login.indexOf(":") : login.length;
  storeDecoded(pairs, "user", login.slice(0, colon));
  storeDecoded(pairs, "password", login.slice(colon + 1));
  const rest = text.slice(login.length + (at === null ? 0 : 1));
  const { hosts, ports, end } = parseHosts(rest);
  storeDecoded(pairs, "host", hosts);
  storeDecoded(pairs, "port", ports);
  const [path, query] = cut(rest.slice(end), "?");
  storeDecoded(pairs, "dbname", path.slice(1));
  // A second "@" shows that "/" or "?" in the password was not encoded: then nothing may be quoted.
  if (query !== undefined) parseQuery(pairs, query, rest.slice(end).includes("@"));
  return pairs;
}

/** Parses `host:port,[address]:port,…`. `end` is the start of the path or the query. */
function parseHosts(text: string): { hosts: string; ports: string; end: number } {
  const hosts: string[] = [];
  const ports: string[] = [];
  let end = -1;
  do {
    const found = match(HOST, text, end + 1)!;
    if (found[0].startsWith("[")) checkBracketed(found[0], text[end + 1 + found[0].length]);
    hosts.push(found[1] ?? found[0]);
    end += 1 + found[0].length;
    const port = text[end] === ":" ? match(PORT, text, end + 1)![0] : undefined;
    ports.push(port ?? "");
    if (port !== undefined) end += 1 + port.length;
  } while (text[end] === ",");
  return { hosts: hosts.join(","), ports: ports.join(","), end };
}

const HOST = /\[([^\]]*)\]|\[[^]*|[^:/?,]*/y;
const PORT = /[^/?,]*/y;

function checkBracketed(host: string, next: string | undefined): void {
  if (!host.endsWith("]")) throw broken('has no "]" after the IPv6 address');
  if (host === "[]") throw broken("has an empty IPv6 address");
  if (next !== undefined && !":/?,".includes(next)) {
    throw broken('has another character than ":", "/", "?" or "," after the IPv6 address');
  }
}

function parseQuery(pairs: Map<string, string>, query: string, hide: boolean): void {
  const parts = query.split("&");
  // As in libpq, a trailing "&" is ignored, and an empty parameter before it is an error.
  if (parts.at(-1) === "") parts.pop();
  for (const part of parts) {
    const [rawKey, rawValue] = cut(part, "=");
    if (rawValue === undefined) throw broken('has a query parameter without "="', false, hide);
    if (rawValue.includes("=")) {
      throw broken('has a query parameter with a second "="', false, hide);
    }
    const key = decode("the name of a query parameter", rawKey);
    const value = decode(quoteKey(key, hide), rawValue);
    // "ssl=true" comes from JDBC; libpq accepts it only in URIs.
    if (key === "ssl" && value === "true") pairs.set("sslmode", "require");
    else store(pairs, key, value, hide ? UNENCODED : "");
  }
}

function cut(text: string, separator: string): [string, string | undefined] {
  const index = text.indexOf(separator);
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}

function storeDecoded(pairs: Map<string, string>, key: string, text: string): void {
  if (text !== "") pairs.set(key, decode(`"${key}"`, text));
}

/** Decodes percent-encoded text. As in libpq 18, outer spaces are ignored and inner ones an error. */
function decode(what: string, raw: string): string {
  const text = trimBoth(raw, " ");
  if (text.includes(" ")) throw broken(`has a space in ${what}; write %20`);
  if (/%(?![0-9a-fA-F]{2})/.test(text)) throw broken(`has a "%" without two hex digits in ${what}`);
  if (text.includes("%00")) throw broken(`has a NUL byte (%00) in ${what}`);
  try {
    return decodeURIComponent(text);
  } catch {
    // Without a cause: the engine's error may quote the text.
    throw broken(`has percent-encoded bytes in ${what} that are not UTF-8`);
  }
}

/** Stores a value. A `hint` is given, and shown instead of the key, if the key may be secret. */
function store(pairs: Map<string, string>, key: string, value: string, hint: string): void {
  // The predecessor of sslmode, deprecated in the manual.
  if (key === "requiressl") {
    pairs.set("sslmode", value.startsWith("1") ? "require" : "prefer");
    return;
  }
  if (parameter(key) === undefined) {
    const label = quoteKey(key, hint !== "");
    if (label === NO_KEY) throw broken(`has something that is not a key${hint}`);
    const near = suggestion(key, PARAMETERS.map((row) => row.keyword));
    throw broken(`has an unknown key ${label}${near}`);
  }
  pairs.set(key, value);
}

const UNQUOTED = " after the password; quote a value with spaces";
const UNENCODED = '; percent-encode "/", "?" and "@" in the password (%2F, %3F, %40)';

const NO_KEY = "something";

/** Returns a key for a message, or a placeholder if it does not look like a key. */
function quoteKey(key: string, hide = false): string {
  return !hide && /^[A-Za-z_][A-Za-z0-9_-]{0,40}$/.test(key) ? `"${key}"` : NO_KEY;
}

function broken(what: string, unquoted = false, unencoded = false): InterfaceError {
  const hint = unquoted ? UNQUOTED : unencoded ? UNENCODED : "";
  return new InterfaceError(`the connection string (not shown) ${what}${hint}`);
}
