import "reflect-metadata";
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TlsOptions } from "node:tls";
import { X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { InterfaceError, NotSupportedError, OperationalError } from "../../src/errors/errors.ts";
import type { TlsFacts, TlsSettings } from "../../src/runtime/runtime.ts";
import { certificates, PASSPHRASE } from "../_kit/certs.ts";
import { readSome } from "../_kit/streams.ts";
import { dial, local, NONE, settings, withServer } from "../_kit/tls_streams.ts";

const TIMEOUT = { timeout: 20_000 };
const IS_DENO = "Deno" in globalThis;
const NOT_DENO = { ...TIMEOUT, skip: IS_DENO && "Deno cannot check revocation lists" };
const ONLY_DENO = { ...TIMEOUT, skip: !IS_DENO && "revocation lists are checked here" };

/** Performs a handshake with a server of these options and sends bytes both ways. */
async function accepted(options: TlsOptions, tls: TlsSettings): Promise<TlsFacts> {
  let told: TlsFacts = {};
  await withServer(options, async (listener) => {
    const { stream, sink, facts } = await dial(local(listener), tls);
    const peer = await listener.secured();
    stream.resume();
    await stream.write(new TextEncoder().encode("ping"));
    assert.equal(await readSome(peer, 4), "ping");
    peer.write("pong");
    await sink.until(() => sink.total === 5);
    assert.equal(sink.text(), "Spong");
    await stream.close();
    told = facts;
  });
  return told;
}

async function refused(
  options: TlsOptions,
  tls: TlsSettings,
  message: RegExp,
  Class: new (message: string) => Error = OperationalError,
): Promise<void> {
  await withServer(options, async (listener) => {
    await assert.rejects(dial(local(listener), tls), (cause) => {
      assert.ok(cause instanceof Class, String(cause));
      assert.match(cause.message, message);
      return true;
    });
  });
}

test("verify none accepts a certificate of an unknown root for another host", TIMEOUT, async () => {
  const { otherServer, wrongHost } = await certificates();
  await accepted(otherServer, NONE);
  await accepted(wrongHost, NONE);
});

test("verify ca accepts a certificate for another host", TIMEOUT, async () => {
  const { wrongHost } = await certificates();
  await accepted(wrongHost, await settings({ verify: "ca" }));
});

test("verify ca refuses a certificate of an unknown root", TIMEOUT, async () => {
  const { otherServer } = await certificates();
  await refused(otherServer, await settings({ verify: "ca" }), /trusted|root/);
});

test("verify ca without roots of its own refuses a private root", TIMEOUT, async () => {
  await refused({}, await settings({ verify: "ca", ca: undefined }), /trusted|root/);
});

test("verify full accepts the certificate of the host", TIMEOUT, async () => {
  await accepted({}, await settings());
});

test("verify full accepts the certificate of an address", TIMEOUT, async () => {
  await accepted({}, await settings({ serverName: "127.0.0.1" }));
  await accepted({}, await settings({ serverName: "::1" }));
});

test("verify full refuses a certificate for another host and names both", TIMEOUT, async () => {
  const { wrongHost } = await certificates();
  const message = /"wrong\.example".*"localhost"/;
  await refused(wrongHost, await settings(), message);
});

test("verify full refuses an unknown root", TIMEOUT, async () => {
  const { otherServer } = await certificates();
  await refused(otherServer, await settings(), /trusted|root/);
});

test("an expired certificate is refused by name, unless nothing is verified", TIMEOUT, async () => {
  const { expired } = await certificates();
  await refused(expired, await settings(), /expired/);
  await accepted(expired, NONE);
});

test("a wildcard stands for one label", TIMEOUT, async () => {
  const { wildcard } = await certificates();
  await accepted(wildcard, await settings({ serverName: "db.pg.test" }));
  await refused(wildcard, await settings({ serverName: "a.db.pg.test" }), /a\.db\.pg\.test/);
});

test(
  "a chain through an intermediate authority needs its certificate",
  TIMEOUT,
  async () => {
    const { chained, unchained } = await certificates();
    for (const verify of ["ca", "full"] as const) {
      await accepted(chained, await settings({ verify }));
      await refused(unchained, await settings({ verify }), /trusted|root/);
    }
  },
);

test("the common name counts if there are no alternative names", TIMEOUT, async () => {
  const { commonName } = await certificates();
  await accepted(commonName, await settings());
  await refused(commonName, await settings({ serverName: "other.example" }), /"localhost".*"other/);
});

test(
  "a self-signed certificate can be trusted: RSA, P-384, Ed25519, RSA-PSS",
  TIMEOUT,
  async () => {
    const { rsaSha384, rsaPss, p384, ed25519 } = await certificates();
    // Deno 2.9 does not take a certificate with an RSA-PSS signature as its own root.
    const more = IS_DENO ? [] : [rsaPss];
    for (const certificate of [rsaSha384, p384, ed25519, ...more]) {
      await accepted(certificate, await settings({ ca: [certificate.cert] }));
      await refused(certificate, await settings(), /self-signed and not trusted/);
    }
  },
);

test("checkServerIdentity replaces the check of the name", TIMEOUT, async () => {
  const { wrongHost } = await certificates();
  const seen: unknown[] = [];
  const fine = (host: string) => void seen.push(host);
  await accepted(wrongHost, await settings({ checkServerIdentity: fine }));
  assert.deepEqual(seen, ["localhost"]);
  const never = () => new Error("not on a Sunday");
  await refused({}, await settings({ checkServerIdentity: never }), /not on a Sunday/);
});

test("the certificate is returned if it is needed", TIMEOUT, async () => {
  const { server, rsaSha384 } = await certificates();
  const facts = await accepted({}, await settings({ needsCertificate: true }));
  assert.deepEqual(facts.certificate, new Uint8Array(new X509Certificate(server.cert).raw));
  const unverified = await accepted(rsaSha384, { ...NONE, needsCertificate: true });
  assert.deepEqual(unverified.certificate, new Uint8Array(new X509Certificate(rsaSha384.cert).raw));
});

test("SNI names the host, never an address, and can be off", TIMEOUT, async () => {
  const cases: [Partial<TlsSettings>, string | undefined][] = [
    [{ serverName: "localhost" }, "localhost"],
    [{ serverName: "localhost", sni: false }, undefined],
    [{ serverName: "127.0.0.1" }, undefined],
  ];
  for (const [more, expected] of cases) {
    const tls = await settings(more);
    await withServer({}, async (listener) => {
      const { stream } = await dial(local(listener), tls);
      const peer = await listener.secured();
      assert.equal(peer.servername || undefined, expected);
      stream.destroy();
    });
  }
});

test("ALPN agrees on the protocol that both know", TIMEOUT, async () => {
  const tls = await settings({ alpn: ["postgresql"] });
  const facts = await accepted({ ALPNProtocols: ["postgresql"] }, tls);
  assert.equal(facts.alpn, "postgresql");
  assert.equal((await accepted({}, await settings())).alpn, "");
});

test("the version stays within the limits", TIMEOUT, async () => {
  const modern = await accepted({}, await settings({ minVersion: "TLSv1.3" }));
  assert.equal(modern.version, "TLSv1.3");
  const old = await accepted({}, await settings({ maxVersion: "TLSv1.2" }));
  assert.equal(old.version, "TLSv1.2");
  const tls = await settings({ minVersion: "TLSv1.3" });
  await refused({ maxVersion: "TLSv1.2" }, tls, /TLS handshake/);
});

test("a client certificate reaches the server, its key encrypted or not", TIMEOUT, async () => {
  const { ca, client, clientEncrypted } = await certificates();
  const server = { ca: [ca.cert], requestCert: true, rejectUnauthorized: true };
  await accepted(server, await settings({ cert: client.cert, key: client.key }));
  const { cert, key } = clientEncrypted;
  await accepted(server, await settings({ cert, key, passphrase: PASSPHRASE }));
});

test("a key that cannot be decrypted is an error before anything is sent", TIMEOUT, async () => {
  const { cert, key } = (await certificates()).clientEncrypted;
  const wrong = await settings({ cert, key, passphrase: "geheim" });
  await refused({}, wrong, /passphrase is wrong or missing/, InterfaceError);
  await refused(
    {},
    await settings({ cert, key }),
    /passphrase is wrong or missing/,
    InterfaceError,
  );
});

async function revocationList(serial?: string): Promise<string> {
  const { ca } = await certificates();
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const der = x509.PemConverter.decodeFirst(ca.key);
  const signingKey = await crypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
  // With a reason, because without one the generator writes an empty list of extensions, which is
  // malformed (RFC 5280, section 5.1) and refused by BoringSSL.
  const reason = x509.X509CrlReason.keyCompromise;
  const revocationDate = new Date("2020-01-02T00:00:00Z");
  const list = await x509.X509CrlGenerator.create({
    issuer: new x509.X509Certificate(ca.cert).subject,
    thisUpdate: new Date("2020-01-01T00:00:00Z"),
    nextUpdate: new Date("2049-01-01T00:00:00Z"),
    entries: serial === undefined ? [] : [{ serialNumber: serial, revocationDate, reason }],
    signingAlgorithm: algorithm,
    signingKey,
  }, crypto);
  return x509.PemConverter.encode(list.rawData, "X509 CRL") + "\n";
}

test("a revoked certificate is refused, another one is not", NOT_DENO, async () => {
  const { server } = await certificates();
  const serial = new x509.X509Certificate(server.cert).serialNumber;
  await accepted({}, await settings({ crl: [await revocationList()] }));
  await refused({}, await settings({ crl: [await revocationList(serial)] }), /revoked/);
});

test("a revocation list is refused where it would be ignored", ONLY_DENO, async () => {
  const tls = await settings({ crl: [await revocationList()] });
  await refused({}, tls, /Deno cannot check/, NotSupportedError);
});
