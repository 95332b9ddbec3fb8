/** The hosts that a certificate is issued for, by libpq's rules, and names that cannot be forged. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { checkServerIdentity } from "node:tls";
import { test } from "node:test";
import fc from "fast-check";
import { readCertificate } from "../../src/certificates/certificate.ts";
import {
  alternativeNamesText,
  isAddress,
  isIssuedFor,
  issuedFor,
} from "../../src/certificates/identity.ts";
import { ProtocolError } from "../../src/errors/errors.ts";
import { commonName, der, extension, forge, hex, Name } from "../_kit/forged_certs.ts";

type Names = readonly (readonly [tag: number, bytes: Uint8Array | string])[];

const dns = (name: string | Uint8Array) => [Name.dns, name] as const;
const ip = (...bytes: number[]) => [Name.ip, Uint8Array.from(bytes)] as const;
const uri = (text: string) => [Name.uri, text] as const;
const email = (text: string) => [Name.email, text] as const;
const directory = (text: string) => [Name.directory, commonName(text)] as const;
const LOOPBACK = ip(...Array.from({ length: 15 }, () => 0), 1);
const KELVIN = "\u212a";
const NO_NAMES = undefined;

const CASES: readonly (readonly [
  what: string,
  names: Names | undefined,
  subject: string | Uint8Array,
  host: string,
  isIssued: boolean,
])[] = [
  ["a DNS name", [dns("db.example")], "x", "db.example", true],
  ["a DNS name in other case", [dns("DB.Example")], "x", "db.exAMPLE", true],
  ["the beginning of the host", [dns("db.example")], "x", "db.example.org", false],
  ["the second of two names", [dns("other"), dns("db.example")], "x", "db.example", true],
  ["a wildcard for one label", [dns("*.example.org")], "x", "db.example.org", true],
  ["a wildcard for two labels", [dns("*.example.org")], "x", "a.db.example.org", false],
  ["a wildcard for no label", [dns("*.example.org")], "x", "example.org", false],
  ["a wildcard for an empty label", [dns("*.example.org")], "x", ".example.org", false],
  ["a wildcard for a part of a label", [dns("d*.example.org")], "x", "db.example.org", false],
  ["a wildcard inside", [dns("db.*.org")], "x", "db.example.org", false],
  ["a wildcard alone", [dns("*")], "x", "db", false],
  ["a wildcard for a part of an address", [dns("*.0.0.1")], "x", "10.0.0.1", false],
  ["an empty name", [dns("")], "x", "", false],
  ["the common name alone", NO_NAMES, "db.example", "db.example", true],
  ["a wildcard as the common name", NO_NAMES, "*.example.org", "db.example.org", true],
  ["the common name beside a DNS name", [dns("other")], "db.example", "db.example", false],
  ["the common name beside an address", [ip(10, 0, 0, 1)], "db.example", "db.example", true],
  ["the common name beside a URI", [uri("http://x/")], "db.example", "db.example", true],
  ["an address", [ip(10, 0, 0, 1)], "x", "10.0.0.1", true],
  ["an address in hexadecimal", [ip(10, 0, 0, 1)], "x", "0x0A.1", true],
  ["another address", [ip(10, 0, 0, 1)], "x", "10.0.0.2", false],
  ["an address of IPv6", [LOOPBACK], "x", "::1", true],
  ["an address of IPv6 in full", [LOOPBACK], "x", "0:0:0:0:0:0:0:1", true],
  [
    "IPv4 within IPv6",
    [ip(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 1, 2, 3, 4)],
    "x",
    "1.2.3.4",
    false,
  ],
  ["the bytes of a DNS name as an address", [ip(0x61, 0x2e, 0x62, 0x63)], "x", "a.bc", false],
  ["the common name beside another address", [ip(10, 0, 0, 2)], "10.0.0.1", "10.0.0.1", false],
  ["an address as the common name", [dns("other")], "10.0.0.1", "10.0.0.1", true],
  ["an address as a DNS name", [dns("10.0.0.1")], "x", "10.0.0.1", true],
  ["a URI with another's name", [uri("http://x/, DNS:victim.test")], "x", "victim.test", false],
  ["a URI that is the host", [uri("victim.test")], "x", "victim.test", false],
  ["an e-mail address", [email("x, DNS:victim.test")], "x", "victim.test", false],
  ["a directory name", [directory("victim.test")], "x", "victim.test", false],
  ["a directory name in disguise", [directory("x, DNS:victim.test")], "x", "victim.test", false],
  ["a DNS name with a comma", [dns("evil, DNS:victim.test")], "x", "victim.test", false],
  ["a DNS name with quotes", [dns('evil", DNS:"victim.test')], "x", "victim.test", false],
  ["a common name like alternative names", NO_NAMES, "DNS:victim.test", "victim.test", false],
  ["U+212A in the common name", NO_NAMES, `${KELVIN}.test`, "k.test", false],
  ["U+212A in a DNS name", [dns(`${KELVIN}.test`)], "x", "k.test", false],
  ["U+212A in the host", NO_NAMES, "k.test", `${KELVIN}.test`, false],
  ["a dotless i", NO_NAMES, "lıve.test", "live.test", false],
  ["a fullwidth letter", NO_NAMES, "ａ.test", "a.test", false],
  ["the same name that is not ASCII", NO_NAMES, "bücher.test", "bücher.test", true],
  ["the second of two common names", NO_NAMES, twoNames("x", "victim.test"), "victim.test", false],
  ["the first of two common names", NO_NAMES, twoNames("db.test", "x"), "db.test", true],
  ["no name at all", NO_NAMES, der(0x30), "db.test", false],
];

function twoNames(first: string, second: string): Uint8Array {
  const one = (text: string) => der(0x31, der(0x30, hex("0603550403"), der(0x0c, text)));
  return der(0x30, one(first), one(second));
}

for (const [what, names, subject, host, isIssued] of CASES) {
  test(`identity: ${what} ${isIssued ? "is" : "is not"} for ${host || "the empty host"}`, () => {
    const certificate = readCertificate(forge({ names, subject }).der);
    assert.equal(isIssuedFor(certificate, host), isIssued);
  });
}

const REFUSED: readonly (readonly [string, Names | undefined, string | Uint8Array, RegExp])[] = [
  ["a zero byte in a DNS name", [dns("victim.test\0.evil")], "x", /zero byte/],
  ["a zero byte in the common name", NO_NAMES, "victim.test\0.evil", /zero byte/],
  ["a common name in two-byte characters", NO_NAMES, commonName("\0v\0i\0c", 0x1e), /zero byte/],
  ["an address of five bytes", [ip(1, 2, 3, 4, 5)], "victim.test", /odd length/],
];

for (const [what, names, subject, message] of REFUSED) {
  test(`identity: ${what} is refused`, () => {
    const certificate = readCertificate(forge({ names, subject }).der);
    assert.throws(() => isIssuedFor(certificate, "victim.test"), (error) => {
      assert.ok(error instanceof ProtocolError);
      assert.match(error.message, message);
      return true;
    });
  });
}

test("identity: malformed names are refused, and never replaced by the common name", () => {
  const broken: readonly [string, Uint8Array][] = [
    ["no sequence", der(0x04)],
    ["bytes behind the sequence", Uint8Array.of(...der(0x30), 0)],
    ["a name that is cut off", der(0x30, [0x82, 5, 0x61])],
    ["an indefinite length", Uint8Array.of(0x30, 0x80, 0, 0)],
    ["a length that is longer than it must be", der(0x30, [0x82, 0x81, 1, 0x61])],
  ];
  for (const [what, value] of broken) {
    const certificate = readCertificate(
      forge({ subject: "victim.test", extensions: [extension(17, value)] }).der,
    );
    assert.throws(() => isIssuedFor(certificate, "victim.test"), ProtocolError, what);
  }
  const names = der(0x30, der(0x82, "a.test"));
  const twice = forge({ extensions: [extension(17, names), extension(17, names)] });
  assert.throws(() => readCertificate(twice.der), /an extension occurs twice/);
});

test("identity: every truncation and many changes of a certificate give an answer or a ProtocolError", () => {
  const whole = forge({ names: [dns("a.test"), ip(1, 2, 3, 4)], isAuthority: false }).der;
  const look = (bytes: Uint8Array) => {
    try {
      isIssuedFor(readCertificate(bytes), "b.test");
    } catch (error) {
      assert.ok(error instanceof ProtocolError, String(error));
    }
  };
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => readCertificate(whole.subarray(0, length)), ProtocolError);
  }
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
      look(whole.with(at, byte));
    }),
    { numRuns: 2000 },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), look));
});

test("identity: an error lists few names, cut and escaped", () => {
  const names = Array.from({ length: 5000 }, (_, i) => dns(`\x1b[31m\u202e${i}`.padEnd(100, "a")));
  const text = issuedFor(readCertificate(forge({ names }).der));
  assert.ok(text.length < 800, `${text.length}`);
  assert.match(text, /^"\\x1b\[31m\\xe2\\x80\\xae0a+…", .* and 4997 more$/);
  const found = issuedFor(readCertificate(forge({ names: [ip(10, 0, 0, 1), LOOPBACK] }).der));
  assert.equal(found, '"10.0.0.1", "0:0:0:0:0:0:0:1"');
  assert.equal(issuedFor(readCertificate(forge({ subject: der(0x30) }).der)), "no host");
});

test("identity: Node's check cannot misread the text of alternative names", () => {
  const forged = forge({
    names: [
      uri("http://x/, DNS:victim.test"),
      email("a, DNS:victim.test"),
      dns('b", DNS:"victim.test'),
    ],
  });
  const subjectaltname = alternativeNamesText(readCertificate(forged.der));
  const certificate = { subject: { CN: "x" }, subjectaltname } as unknown as Parameters<
    typeof checkServerIdentity
  >[1];
  assert.ok(checkServerIdentity("victim.test", certificate) instanceof Error);
  const plain = alternativeNamesText(
    readCertificate(forge({ names: [dns("a.test"), ip(127, 0, 0, 1), uri("http://a/b")] }).der),
  );
  assert.equal(plain, "DNS:a.test, IP Address:127.0.0.1, URI:http://a/b");
});

test("identity: addresses are recognised as by inet_aton and inet_pton", () => {
  const addresses = ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.01", "::1"];
  for (const host of [...addresses, "2001:db8::1", "fe80::1%eth0", "::ffff:1.2.3.4"]) {
    assert.equal(isAddress(host), true, host);
  }
  const names = [
    "localhost",
    "300.1.1.1",
    "db.example",
    "a:b",
    "::1::",
    "1.2.3.4.5",
    "08.1.1.1",
    "",
  ];
  for (const host of [...names, "4294967296", "1.2.65536", "1.", "0x", "1:2:3:4:5:6:7:8:9"]) {
    assert.equal(isAddress(host), false, host);
  }
});

test("certificates: the fields are those that were written", () => {
  const certificate = readCertificate(
    forge({ subject: "a", from: "700101000000Z", until: "491231235959Z" }).der,
  );
  assert.equal(certificate.version, 3);
  assert.equal(certificate.notBefore, 0);
  assert.equal(new Date(certificate.notAfter).toISOString(), "2049-12-31T23:59:59.000Z");
  assert.deepEqual(Buffer.from(certificate.subject), Buffer.from(commonName("a")));
  for (const until of ["49123123595Z", "491331235959Z", "490230235959Z", "4912312359599", "0"]) {
    assert.throws(() => readCertificate(forge({ until }).der), /bad time/, until);
  }
});
