import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { tlsServerEndPoint } from "../../src/auth/channel_binding.ts";
import { sha224 } from "../../src/auth/sha224.ts";
import { ProtocolError } from "../../src/errors/errors.ts";

/** Certificates made with `openssl req -x509`, named by key and signature. */
const ECDSA_SHA256 = certificate(`
MIIBfTCCASOgAwIBAgIUX4eTvYqpM738V9H5/1bSA6+8H9swCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJbG9jYWxob3N0
MB4XDTI2MTEyMjA4MTM1MVoXDTM2MTExOTA4MTM1MVowFDESMBAGA1UEAwwJbG9jYWxob3N0MFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAEA57Ry8psWwIvLGtBy5e4PwDX5VJvABIQnZEAkwXYwGb34LWwsE74+8ErdgF3N7/Mxj+0603ZZd9Q
k9llIiYdUqNTMFEwHQYDVR0OBBYEFHsu+qmQ9IRxuBqF5qvq54VlP0cWMB8GA1UdIwQYMBaAFHsu+qmQ9IRxuBqF5qvq
54VlP0cWMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgCRy2wdWP0ZxA/VPoBWsnK7/J3/1KLWgSaa03
051CK6QCIQC+9pL+yB6ekVltTmzCIFOEBvrUQxm1cLPjVJtAanqiEw==`);
const ED25519 = certificate(`
MIIBPDCB76ADAgECAhQHr4vioSgQRPpM8Af0zqkS60ucATAFBgMrZXAwFDESMBAGA1UEAwwJbG9jYWxob3N0MB4XDTI2
MTEyMjA4MTM1MVoXDTM2MTExOTA4MTM1MVowFDESMBAGA1UEAwwJbG9jYWxob3N0MCowBQYDK2VwAyEAJG8diyimAUmo
OpCcWpnrS0H3Q+xWOkU2aSzAMxKJQRGjUzBRMB0GA1UdDgQWBBSL8M4duI637vSGrI12957Kw6dDwzAfBgNVHSMEGDAW
gBSL8M4duI637vSGrI12957Kw6dDwzAPBgNVHRMBAf8EBTADAQH/MAUGAytlcANBAGtOnKzQ69wBLuLhbaChqT6D8Dbe
BISim2X8xUXrXdRfeMepp7xE6OZM60tNyTOBnJps2HThqpCyppWTqsKhLAM=`);

/** AlgorithmIdentifiers and their hashes; OpenSSL has written the parameters of PSS. */
const ALGORITHMS: [string, string, string | undefined][] = [
  ["md5WithRSAEncryption", "06092a864886f70d0101040500", "sha256"],
  ["sha1WithRSAEncryption", "06092a864886f70d0101050500", "sha256"],
  ["sha256WithRSAEncryption", "06092a864886f70d01010b0500", "sha256"],
  ["sha384WithRSAEncryption", "06092a864886f70d01010c0500", "sha384"],
  ["sha512WithRSAEncryption", "06092a864886f70d01010d0500", "sha512"],
  ["sha224WithRSAEncryption", "06092a864886f70d01010e0500", "sha224"],
  ["ecdsa-with-SHA1", "06072a8648ce3d0401", "sha256"],
  ["ecdsa-with-SHA224", "06082a8648ce3d040301", "sha224"],
  ["ecdsa-with-SHA256", "06082a8648ce3d040302", "sha256"],
  ["ecdsa-with-SHA384", "06082a8648ce3d040303", "sha384"],
  ["ecdsa-with-SHA512", "06082a8648ce3d040304", "sha512"],
  ["dsa-with-sha224", "0609608648016503040301", "sha224"],
  ["dsa-with-sha256", "0609608648016503040302", "sha256"],
  ["Ed25519", "06032b6570", undefined],
  ["Ed448", "06032b6571", undefined],
  ["ML-DSA-65", "0609608648016503040312", undefined],
  ["PSS, defaults: SHA-1", "06092a864886f70d01010a3000", "sha256"],
  [
    "PSS, salt length only: SHA-1",
    "06092a864886f70d01010a3005a203020114",
    "sha256",
  ],
  [
    "PSS, SHA-256",
    "06092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108" +
    "300d06096086480165030402010500a203020120",
    "sha256",
  ],
  [
    "PSS, SHA-384",
    "06092a864886f70d01010a3035a00f300d06096086480165030402020500a11c301a06092a864886f70d010108" +
    "300d06096086480165030402020500a204020200ce",
    "sha384",
  ],
  [
    "PSS, SHA-512",
    "06092a864886f70d01010a3011a00f300d06096086480165030402030500",
    "sha512",
  ],
  ["PSS, SHA-224", "06092a864886f70d01010a3011a00f300d06096086480165030402040500", "sha224"],
  ["PSS, SHA3-256", "06092a864886f70d01010a3011a00f300d06096086480165030402080500", undefined],
];

function certificate(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, "base64"));
}

function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}

function element(tag: number, contents: Uint8Array): Uint8Array {
  const { length } = contents;
  const size = length < 128
    ? [length]
    : length < 256
    ? [0x81, length]
    : [0x82, length >> 8, length & 255];
  return Uint8Array.of(tag, ...size, ...contents);
}

function signedWith(algorithm: string): Uint8Array {
  const tbs = element(0x30, new Uint8Array(300));
  const identifier = element(0x30, hex(algorithm));
  return element(0x30, Buffer.concat([tbs, identifier, element(0x03, new Uint8Array(65))]));
}

test("tls-server-end-point: OpenSSL's fingerprint of an ECDSA certificate", async () => {
  const hash = await tlsServerEndPoint(ECDSA_SHA256);
  const expected = "82f7dd9cb6f7b8164ea357fb015dde5259303606dae67727907c689d4933ba91";
  assert.equal(Buffer.from(hash!).toString("hex"), expected);
});

test("tls-server-end-point: an Ed25519 certificate has none", async () => {
  assert.equal(await tlsServerEndPoint(ED25519), undefined);
});

test("tls-server-end-point: the signature's algorithm decides the hash", async () => {
  for (const [name, algorithm, hash] of ALGORITHMS) {
    const der = signedWith(algorithm);
    const data = await tlsServerEndPoint(der);
    const expected = hash && createHash(hash).update(der).digest("hex");
    assert.equal(data && Buffer.from(data).toString("hex"), expected, name);
  }
});

test("tls-server-end-point: only the certificate is hashed, not the buffer around it", async () => {
  const buffer = new Uint8Array(ECDSA_SHA256.length + 20);
  buffer.set(ECDSA_SHA256, 7);
  const view = buffer.subarray(7, 7 + ECDSA_SHA256.length);
  assert.deepEqual(await tlsServerEndPoint(view), await tlsServerEndPoint(ECDSA_SHA256));
});

test("tls-server-end-point: every truncation of a certificate is a ProtocolError", async () => {
  for (
    const whole of [
      ECDSA_SHA256,
      ED25519,
      signedWith(ALGORITHMS.find(([name]) => name === "PSS, SHA-384")![1]),
    ]
  ) {
    for (let length = 0; length < whole.length; length++) {
      await assert.rejects(tlsServerEndPoint(whole.subarray(0, length)), ProtocolError);
    }
  }
});

test("tls-server-end-point: odd certificates are a ProtocolError", async () => {
  const tbs = "3000";
  const algorithm = "300506032b6570";
  const signature = "0300";
  const cases: [string, string][] = [
    ["nothing", ""],
    ["not a sequence", "0400"],
    ["an empty sequence", "3000"],
    ["an indefinite length", `3080${tbs}${algorithm}${signature}0000`],
    ["a length that is longer than it must be", `30810b${tbs}${algorithm}${signature}`],
    ["a length of five bytes", `3085000000000b${tbs}${algorithm}${signature}`],
    ["a length beyond the end", `3083ffffff${tbs}${algorithm}${signature}`],
    ["an inner length beyond the outer", "3004300a0000"],
    ["bytes after the end", `300b${tbs}${algorithm}${signature}00`],
    ["a fourth element", `300d${tbs}${algorithm}${signature}0500`],
    ["no signature", `3009${tbs}${algorithm}`],
    ["no object identifier", `3006${tbs}3000${signature}`],
    ["an indefinite signature", `300b${tbs}${algorithm}0380`],
    [
      "PSS with two hashes",
      `3022${tbs}301c06092a864886f70d01010a300fa00d300506032b6570300406022a03${signature}`,
    ],
    ["PSS without parameters", `3011${tbs}300b06092a864886f70d01010a${signature}`],
  ];
  assert.equal(await tlsServerEndPoint(hex(`300b${tbs}${algorithm}${signature}`)), undefined);
  for (const [name, text] of cases) {
    await assert.rejects(tlsServerEndPoint(hex(text)), ProtocolError, name);
  }
});

test("tls-server-end-point: any bytes give a hash, undefined or a ProtocolError", async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.tuple(fc.nat(ED25519.length - 1), fc.nat(255)).map(([at, byte]) => ED25519.with(at, byte)),
    fc.tuple(fc.nat(ALGORITHMS.length - 1), fc.nat(400), fc.nat(255)).map(([which, at, byte]) => {
      const der = signedWith(ALGORITHMS[which]![1]);
      return der.with(at % der.length, byte);
    }),
  );
  await fc.assert(
    fc.asyncProperty(bytes, async (der) => {
      try {
        const hash = await tlsServerEndPoint(der);
        assert.ok(hash === undefined || [28, 32, 48, 64].includes(hash.length));
      } catch (error) {
        assert.ok(error instanceof ProtocolError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});

test("sha224: equals OpenSSL's for every length up to three blocks", () => {
  for (let length = 0; length <= 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 7 + length) & 255);
    const expected = createHash("sha224").update(bytes).digest("hex");
    assert.equal(Buffer.from(sha224(bytes)).toString("hex"), expected, `${length} bytes`);
  }
});
