/** TLS contexts and signatures that are kept from one connection to the next. */
import assert from "node:assert/strict";
import type { SecureContext } from "node:tls";
import { test } from "node:test";
import { readCertificate } from "../../src/certificates/certificate.ts";
import { isKnownSigned } from "../../src/certificates/signature.ts";
import { keptContext } from "../../src/runtime/node_tls_context.ts";
import type { TlsSettings } from "../../src/runtime/runtime.ts";
import { certificates } from "../_kit/certs.ts";

const NAME = { serverName: "localhost", sni: true, needsCertificate: false } as const;

function contextOf(settings: Omit<TlsSettings, keyof typeof NAME>): SecureContext {
  const { ca, crl, cert, key, minVersion } = settings;
  const options = { ca: ca && [...ca], crl: crl && [...crl], cert, key, minVersion };
  return keptContext({ ...settings, ...NAME }, options);
}

test("a TLS context is kept for the same roots and versions, compared by content", async () => {
  const { ca, otherServer } = await certificates();
  const first = contextOf({ verify: "full", ca: [ca.cert] });
  assert.equal(contextOf({ verify: "ca", ca: [ca.cert.slice(0, 9) + ca.cert.slice(9)] }), first);
  assert.notEqual(contextOf({ verify: "full", ca: [ca.cert, otherServer.cert] }), first);
  assert.notEqual(contextOf({ verify: "full", ca: [ca.cert], minVersion: "TLSv1.3" }), first);
  assert.notEqual(contextOf({ verify: "none" }), first);
  assert.equal(contextOf({ verify: "full", ca: [ca.cert] }), first);
});

test("a TLS context with a client's key, or with the platform's roots, is not kept", async () => {
  const { ca, client: { cert, key } } = await certificates();
  const own = { verify: "full", ca: [ca.cert], cert, key } as const;
  assert.notEqual(contextOf(own), contextOf(own));
  assert.notEqual(contextOf({ verify: "full" }), contextOf({ verify: "full" }));
});

test("at most eight TLS contexts are kept, and none with long roots", async () => {
  const { ca } = await certificates();
  const rooted = (count: number) =>
    contextOf({ verify: "full", ca: Array.from({ length: count }, () => ca.cert) });
  const first = rooted(1);
  assert.equal(rooted(1), first);
  for (let count = 2; count < 10; count++) rooted(count);
  assert.notEqual(rooted(1), first);
  assert.notEqual(rooted(100), rooted(100));
});

test("a remembered signature vouches for the same certificate and key only", async () => {
  const { ca, server, otherServer } = await certificates();
  const [root, leaf, other] = [ca.cert, server.cert, otherServer.cert].map(derOf);
  const { publicKey } = readCertificate(root!);
  for (let i = 0; i < 2; i++) {
    assert.equal(await isKnownSigned(readCertificate(leaf!), publicKey), true);
    assert.equal(await isKnownSigned(readCertificate(other!), publicKey), false);
    const { publicKey: wrong } = readCertificate(other!);
    assert.equal(await isKnownSigned(readCertificate(leaf!), wrong), false);
    const forged = leaf!.slice();
    forged[forged.length - 1]! ^= 1;
    assert.equal(await isKnownSigned(readCertificate(forged), publicKey), false);
  }
});

function derOf(pem: string): Uint8Array {
  const [, base64 = ""] = /-----BEGIN CERTIFICATE-----([^-]*)-----END/.exec(pem) ?? [];
  return Uint8Array.from(atob(base64.replace(/\s/g, "")), (one) => one.charCodeAt(0));
}
