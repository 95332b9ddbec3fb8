/**
 * What TLS can do on each runtime: the table of docs/tls.md, and what tls_table.test.ts holds every runtime to.
 * Where a runtime is named, that is how it refuses, with a `NotSupportedError`.
 */

/** The runtimes, as the driver calls them. */
export const RUNTIMES = ["Deno", "Bun", "Node"] as const;

/** One of {@linkcode RUNTIMES}. */
export type RuntimeName = typeof RUNTIMES[number];

/** One row. */
export interface Ability {
  /** In the words of docs/tls.md. */
  readonly what: string;
  /** The message by which a runtime refuses; absent: it works. */
  readonly refused?: Readonly<Partial<Record<RuntimeName, string>>>;
}

const NO_CRL = "Deno cannot check certificate revocation lists";

/** The rows' names, which are their tests'. */
export type AbilityName =
  | "modes"
  | "verifyCa"
  | "verifyFull"
  | "system"
  | "identity"
  | "version1"
  | "client"
  | "encryptedKey"
  | "direct"
  | "binding"
  | "crl"
  | "sni"
  | "versions"
  | "oldVersions"
  | "unix"
  | "sock";

/** The rows, in order. */
export const ABILITIES: Readonly<Record<AbilityName, Ability>> = {
  modes: { what: "`sslMode` disable, allow, prefer, require" },
  verifyCa: { what: "verify-ca: expired or untrusted certificates are refused" },
  verifyFull: { what: "verify-full: and those for another host" },
  system: { what: '`sslRootCert: "system"`' },
  identity: { what: "`sslContext.checkServerIdentity`" },
  version1: {
    what: "verify-ca and verify-full with a server's certificate of X.509 version 1",
    refused: {
      Deno: "Deno does not check that the server holds the key of a certificate of X.509 version 1",
    },
  },
  client: { what: "client certificate" },
  encryptedKey: { what: "client certificate with an encrypted key" },
  direct: { what: '`sslNegotiation: "direct"`, ALPN checked' },
  binding: { what: "SCRAM bound to the channel (SHA-224 to SHA-512, RSA-PSS)" },
  crl: { what: "`sslCrl`", refused: { Deno: NO_CRL } },
  sni: { what: "`sslSni: false`" },
  versions: { what: "TLS 1.2 or 1.3 only" },
  oldVersions: {
    what: "TLS 1.0 and 1.1 at most",
    refused: { Deno: "Deno cannot speak a TLS version as old as TLSv1.1" },
  },
  unix: { what: "TLS over a Unix socket" },
  sock: { what: "TLS over a given `net.Socket` or pair of web streams" },
};
