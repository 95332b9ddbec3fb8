/**
 * Whether a certificate is for a host, by libpq's rules. Source:
 * src/interfaces/libpq/fe-secure-common.c and fe-secure-openssl.c
 * (pgtls_verify_peer_name_matches_certificate_guts).
 */

/** The names in a certificate that can be held against a host. */
export interface CertificateNames {
  /** dNSName entries of the subject alternative name. */
  readonly dns: readonly string[];
  /** iPAddress entries of the subject alternative name, as text. */
  readonly ip: readonly string[];
  /** The subject's common name. */
  readonly commonName: string | undefined;
}

/**
 * Whether `names` hold `host`: a DNS name literally or by a leading `*.` that stands for one label;
 * an address among the IP entries. The common name counts only when the certificate has no
 * alternative name of the host's own kind.
 */
export function isIssuedFor(names: CertificateNames, host: string): boolean {
  const address = normalAddress(host);
  if (names.dns.some((name) => nameMatches(name, host))) return true;
  if (address !== undefined && names.ip.some((name) => normalAddress(name) === address)) {
    return true;
  }
  const sameKind = address === undefined ? names.dns : names.ip;
  if (sameKind.length > 0 || names.commonName === undefined) return false;
  return nameMatches(names.commonName, host);
}

/** Whether `host` is an IPv4 or IPv6 address rather than a name. */
export function isAddress(host: string): boolean {
  return normalAddress(host) !== undefined;
}

/**
 * Reads OpenSSL's one-line form of a subject alternative name, as Node prints it: entries separated
 * by `, `, those that could be misread quoted as JSON strings.
 */
export function parseAlternativeNames(text: string): Pick<CertificateNames, "dns" | "ip"> {
  const dns: string[] = [];
  const ip: string[] = [];
  const entry = /\s*([^:,]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:,|$)/gy;
  for (let found = entry.exec(text); found !== null; found = entry.exec(text)) {
    const value = unquote(found[2]!);
    if (value === undefined) continue;
    if (found[1] === "DNS") dns.push(value);
    else if (found[1] === "IP Address") ip.push(value);
  }
  return { dns, ip };
}

function nameMatches(pattern: string, host: string): boolean {
  const wanted = host.toLowerCase();
  const name = pattern.toLowerCase();
  if (name.length === 0 || name.includes("\0")) return false;
  return name === wanted || wildcardMatches(name, wanted);
}

function wildcardMatches(pattern: string, host: string): boolean {
  if (pattern.length < 3 || !pattern.startsWith("*.") || pattern.length > host.length) return false;
  const label = host.length - pattern.length + 1;
  return host.endsWith(pattern.slice(1)) && !host.slice(0, label).includes(".");
}

/** One spelling for each address: `10.0.0.1`, `2001:db8::1`; `undefined` for what is no address. */
function normalAddress(text: string): string | undefined {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) {
    return text.split(".").every((part) => Number(part) < 256) ? text : undefined;
  }
  const bare = text.split("%", 1)[0]!;
  if (!bare.includes(":") || !/^[0-9a-fA-F:.]+$/.test(bare)) return undefined;
  try {
    return new URL(`http://[${bare}]/`).hostname.slice(1, -1);
  } catch {
    return undefined;
  }
}

function unquote(value: string): string | undefined {
  if (!value.startsWith('"')) return value.trim();
  try {
    return JSON.parse(value) as string;
  } catch {
    return undefined;
  }
}
