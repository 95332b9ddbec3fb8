/**
 * A throw-away public key infrastructure, generated once and cached: no openssl needed.
 *
 * @example
 * ```ts
 * const { server, ca, client } = await certificates();
 * startTls(server);                                  // scripted server: { cert, key } as PEM
 * await connect({ sslMode: "verify-full", sslRootCert: ca.certPath, … });
 * ```
 */
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { createPrivateKey } from "node:crypto";
import { appendFileSync, copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cached } from "./cache.ts";

/** A certificate and its private key, as PEM and as files. Key files have mode 0600. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly certPath: string;
  readonly keyPath: string;
}

/** The certificates that {@linkcode certificates} generates. Names and addresses: localhost, 127.0.0.1, ::1. */
export interface Certificates {
  /** The root that signs everything, unless said otherwise. */
  readonly ca: Certificate;
  /** A root that no client trusts. */
  readonly otherCa: Certificate;
  readonly server: Certificate;
  /** Issued by `otherCa`. */
  readonly otherServer: Certificate;
  /** For wrong.example only. */
  readonly wrongHost: Certificate;
  /** For *.pg.test only. */
  readonly wildcard: Certificate;
  /** Valid in January 2020. */
  readonly expired: Certificate;
  /** RSA key, signature RSA with SHA-384: the channel binding hash is SHA-384. Self-signed, as the next three. */
  readonly rsaSha384: Certificate;
  /** RSA-PSS signature. */
  readonly rsaPss: Certificate;
  readonly ed25519: Certificate;
  readonly sha512: Certificate;
  /** ECDSA on P-384 with SHA-384. */
  readonly p384: Certificate;
  /** Without alternative names: for localhost by its common name alone. */
  readonly commonName: Certificate;
  /** Issued by an intermediate authority, whose certificate follows it. */
  readonly chained: Certificate;
  /** Issued by an intermediate authority, without the certificate of that authority. */
  readonly unchained: Certificate;
  /** Client certificate of `u_cert`. */
  readonly client: Certificate;
  /** The client certificate with its key encrypted (PKCS#8, AES-256); the passphrase is {@linkcode PASSPHRASE}. */
  readonly clientEncrypted: Certificate;
  /** Client certificate of someone_else. */
  readonly otherClient: Certificate;
  /** Client certificate of `u_cert` issued by `otherCa`. */
  readonly strangerClient: Certificate;
}

/** Opens the key of `clientEncrypted`. */
export const PASSPHRASE = "secret";

/** The certificates, from the cache when they are there. */
export async function certificates(): Promise<Certificates> {
  const directory = await cached("pki-2", generate);
  const entries = NAMES.map((name) => {
    const certPath = join(directory, `${name}.crt`);
    const keyPath = join(directory, `${name}.key`);
    const cert = readFileSync(certPath, "utf8");
    return [name, { cert, key: readFileSync(keyPath, "utf8"), certPath, keyPath }] as const;
  });
  return Object.fromEntries(entries) as unknown as Certificates;
}

const NAMES: readonly (keyof Certificates)[] = [
  "ca",
  "otherCa",
  "server",
  "otherServer",
  "wrongHost",
  "wildcard",
  "expired",
  "rsaSha384",
  "rsaPss",
  "ed25519",
  "sha512",
  "p384",
  "commonName",
  "chained",
  "unchained",
  "client",
  "clientEncrypted",
  "otherClient",
  "strangerClient",
];

const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const P384 = { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" };
const LOCAL: x509.JsonGeneralNames = [
  { type: "dns", value: "localhost" },
  { type: "ip", value: "127.0.0.1" },
  { type: "ip", value: "::1" },
];

/** A key pair with its certificate, while more are issued from it. */
interface Issued {
  readonly subject: string;
  readonly keys: CryptoKeyPair;
  readonly certificate: x509.X509Certificate;
}

/** The certificate to issue. */
interface Request {
  readonly subject: string;
  /** WebCrypto key generation; P-256 by default. */
  readonly algorithm?: object;
  /** Self-signed when absent. */
  readonly issuer?: Issued;
  /** Names of a server certificate; none makes a client certificate, or a root with `root`. */
  readonly names?: x509.JsonGeneralNames;
  readonly root?: boolean;
  readonly until?: Date;
}

async function generate(directory: string): Promise<void> {
  const write = async (name: keyof Certificates, issued: Issued): Promise<void> => {
    writeFileSync(join(directory, `${name}.crt`), issued.certificate.toString("pem") + "\n");
    const key = await pkcs8(issued.keys.privateKey);
    writeFileSync(join(directory, `${name}.key`), key, { mode: 0o600 });
  };
  const ca = await issue({ subject: "CN=cornac test CA", root: true });
  const otherCa = await issue({ subject: "CN=other CA", root: true });
  await write("ca", ca);
  await write("otherCa", otherCa);
  for (const [name, request] of requests(ca, otherCa)) await write(name, await issue(request));

  const intermediate = await issue({ subject: "CN=intermediate CA", issuer: ca, root: true });
  await write(
    "chained",
    await issue({ subject: "CN=localhost", issuer: intermediate, names: LOCAL }),
  );
  const leaf = readFileSync(join(directory, "chained.crt"));
  copyFileSync(join(directory, "chained.key"), join(directory, "unchained.key"));
  writeFileSync(join(directory, "unchained.crt"), leaf);
  appendFileSync(join(directory, "chained.crt"), intermediate.certificate.toString("pem") + "\n");

  const clear = readFileSync(join(directory, "client.key"), "utf8");
  writeFileSync(join(directory, "clientEncrypted.key"), encrypted(clear), { mode: 0o600 });
  const cert = readFileSync(join(directory, "client.crt"));
  writeFileSync(join(directory, "clientEncrypted.crt"), cert);
}

function requests(issuer: Issued, otherCa: Issued): [keyof Certificates, Request][] {
  const subject = "CN=localhost";
  const rsa = { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
  const pkcs1 = { ...rsa, name: "RSASSA-PKCS1-v1_5" };
  const pss = { ...rsa, name: "RSA-PSS", hash: "SHA-256", saltLength: 32 };
  const only = (value: string): x509.JsonGeneralNames => [{ type: "dns", value }];
  return [
    ["server", { subject, issuer, names: LOCAL }],
    ["otherServer", { subject, issuer: otherCa, names: LOCAL }],
    ["wrongHost", { subject: "CN=wrong.example", issuer, names: only("wrong.example") }],
    ["wildcard", { subject: "CN=*.pg.test", issuer, names: only("*.pg.test") }],
    ["expired", { subject, issuer, names: LOCAL, until: new Date("2020-02-01T00:00:00Z") }],
    ["rsaSha384", { subject, names: LOCAL, algorithm: { ...pkcs1, hash: "SHA-384" } }],
    ["rsaPss", { subject, names: LOCAL, algorithm: pss }],
    ["ed25519", { subject, names: LOCAL, algorithm: { name: "Ed25519" } }],
    ["sha512", { subject, names: LOCAL, algorithm: { ...pkcs1, hash: "SHA-512" } }],
    ["p384", { subject, names: LOCAL, algorithm: P384 }],
    ["commonName", { subject, issuer, names: [] }],
    ["client", { subject: "CN=u_cert", issuer }],
    ["otherClient", { subject: "CN=someone_else", issuer }],
    ["strangerClient", { subject: "CN=u_cert", issuer: otherCa }],
  ];
}

async function issue(request: Request): Promise<Issued> {
  const algorithm = { ...(request.algorithm ?? EC) } as EcKeyGenParams;
  const keys = await crypto.subtle.generateKey(algorithm, true, [
    "sign",
    "verify",
  ]) as CryptoKeyPair;
  const signer = request.issuer?.keys ?? keys;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: Math.floor(Math.random() * 2 ** 47 + 2 ** 46).toString(16),
    subject: request.subject,
    issuer: request.issuer?.subject ?? request.subject,
    notBefore: new Date("2020-01-01T00:00:00Z"),
    notAfter: request.until ?? new Date("2049-12-31T00:00:00Z"),
    publicKey: keys.publicKey,
    signingKey: signer.privateKey,
    signingAlgorithm: request.issuer ? EC : algorithm,
    extensions: extensions(request),
  }, crypto);
  return { subject: request.subject, keys, certificate };
}

function extensions(request: Request): x509.Extension[] {
  const { KeyUsageFlags, ExtendedKeyUsage } = x509;
  if (request.root) {
    const usage = KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign;
    return [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(usage, true),
    ];
  }
  if (request.names === undefined) {
    return [new x509.ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth])];
  }
  const { names } = request;
  return [
    ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
    new x509.ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
  ];
}

async function pkcs8(key: CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY") +
    "\n";
}

function encrypted(pem: string): string {
  const options = {
    type: "pkcs8",
    format: "pem",
    cipher: "aes-256-cbc",
    passphrase: PASSPHRASE,
  } as const;
  return createPrivateKey(pem).export(options).toString();
}
