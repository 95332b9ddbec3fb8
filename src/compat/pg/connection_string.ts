/** Connection strings as `pg-connection-string` reads them. */
import type { ClientConfig } from "./client_config.ts";
import { readText } from "../node.ts";

/** The options of a connection string, by name; every parameter behind `?` is one. */
export type ParsedString = ClientConfig & {
  sslmode?: string;
  sslcert?: string;
  sslkey?: string;
  sslrootcert?: string;
  uselibpqcompat?: string;
};

/** TLS options, as of `tls.connect()`. */
type Tls = Record<string, unknown>;

/**
 * Reads a URI, `socket:/path?db=name`, or `/path name`. A parameter behind `?` overrides the part of the
 * URI.
 *
 * @throws {TypeError} the string is no URI; the message does not quote it.
 */
export function parseConnectionString(text: string): ParsedString {
  if (text.startsWith("/")) {
    const [host, database] = text.split(" ");
    return { host, database };
  }
  const { url, hasHost } = urlOf(text);
  const options: ParsedString = Object.fromEntries(url.searchParams);
  options.user = options.user || decodeURIComponent(url.username);
  options.password = options.password || decodeURIComponent(url.password);
  if (url.protocol === "socket:") {
    options.host = decodeURI(url.pathname);
    options.database = url.searchParams.get("db");
    options.client_encoding = url.searchParams.get("encoding");
    return options;
  }
  const hostname = hasHost ? url.hostname.replace(/^\[(.+)\]$/, "$1") : "";
  const isSocket = Boolean(options.host) && /^%2f/i.test(hostname);
  if (!options.host) options.host = decodeURIComponent(hostname);
  if (!options.port) options.port = url.port;
  const path = (isSocket ? `${hostname}${url.pathname}` : url.pathname).slice(1);
  options.database = path === "" ? null : decodeURI(path);
  setTls(options);
  return options;
}

/** A URI without a host, as `postgres:///name`, is read with another that is dropped. */
function urlOf(text: string): { url: URL; hasHost: boolean } {
  const isUnescaped = / |%[^a-f0-9]|%[a-f0-9][^a-f0-9]/i.test(text);
  const escaped = isUnescaped ? encodeURI(text).replace(/%25(\d\d)/g, "%$1") : text;
  try {
    return { url: new URL(escaped, "postgres://base"), hasHost: true };
  } catch {
    try {
      const named = escaped.replace("@/", "@placeholder/");
      return { url: new URL(named, "postgres://base"), hasHost: false };
    } catch {
      throw Object.assign(new TypeError("Invalid URL"), { code: "ERR_INVALID_URL" });
    }
  }
}

function setTls(options: ParsedString): void {
  const { ssl, sslmode, sslcert, sslkey, sslrootcert } = options;
  if (ssl === "true" || ssl === "1") options.ssl = true;
  if (ssl === "0") options.ssl = false;
  if (sslcert || sslkey || sslrootcert || sslmode) options.ssl = {};
  if (options.sslnegotiation === "direct" && options.ssl === undefined) options.ssl = true;
  const tls = options.ssl as Tls;
  if (sslcert) tls.cert = readText(sslcert);
  if (sslkey) tls.key = readText(sslkey);
  if (sslrootcert) tls.ca = readText(sslrootcert);
  if (sslmode === "disable") options.ssl = false;
  else if (sslmode === "no-verify") tls.rejectUnauthorized = false;
  else if (options.uselibpqcompat === "true") setLibpqMode(sslmode, tls);
}

/** Lowers the checks of a certificate to libpq's; otherwise every mode verifies in full. */
function setLibpqMode(sslmode: string | undefined, tls: Tls): void {
  const isAuthority = sslmode === "verify-ca" || (sslmode === "require" && tls.ca !== undefined);
  if (isAuthority) {
    if (tls.ca === undefined) {
      throw new Error(
        "SECURITY WARNING: Using sslmode=verify-ca requires specifying a CA with sslrootcert.",
      );
    }
    tls.checkServerIdentity = () => undefined;
  } else if (sslmode === "prefer" || sslmode === "require") tls.rejectUnauthorized = false;
}
