/**
 * The abilities of TLS on each runtime: the table of docs/tls.md, tested by tls_table.test.ts. A runtime
 * that is named refuses, with a `NotSupportedError` of that message.
 */

/** The runtimes by their names in the driver. */
export const RUNTIMES = ["Deno", "Bun", "Node"] as const;

/** One of {@linkcode RUNTIMES}. */
export type RuntimeName = typeof RUNTIMES[number];

/** One row of the table. */
export interface Ability {
  /** The row's name in docs/tls.md. */
  readonly what: string;
  /** The message of a runtime's refusal; absent where it works. */
  readonly refused?: Readonly<Partial<Record<RuntimeName, string>>>;
}

const NO_CRL = "Deno cannot check certificate revocation lists";

/** The names of the rows and of their tests. */
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
