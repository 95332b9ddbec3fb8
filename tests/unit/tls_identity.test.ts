import assert from "node:assert/strict";
import { test } from "node:test";
import { isAddress, isIssuedFor, parseAlternativeNames } from "../../src/runtime/tls_identity.ts";

const CASES: [names: string, commonName: string | undefined, host: string, issued: boolean][] = [
  ["DNS:db.example", undefined, "db.example", true],
  ["DNS:DB.Example", undefined, "db.exAMPLE", true],
  ["DNS:db.example", undefined, "db.example.org", false],
  ["DNS:other, DNS:db.example", undefined, "db.example", true],
  ["DNS:*.example.org", undefined, "db.example.org", true],
  ["DNS:*.example.org", undefined, "a.db.example.org", false],
  ["DNS:*.example.org", undefined, "example.org", false],
  ["DNS:*.example.org", undefined, ".example.org", false],
  ["DNS:d*.example.org", undefined, "db.example.org", false],
  ["DNS:db.*.org", undefined, "db.example.org", false],
  ["DNS:*", undefined, "db", false],
  ["", "db.example", "db.example", true],
  ["", "*.example.org", "db.example.org", true],
  ["DNS:other", "db.example", "db.example", false],
  ["IP Address:10.0.0.1", "db.example", "db.example", true],
  ["IP Address:10.0.0.1", undefined, "10.0.0.1", true],
  ["IP Address:10.0.0.1", undefined, "10.0.0.2", false],
  ["IP Address:2001:DB8:0:0:0:0:0:1", undefined, "2001:db8::1", true],
  ["IP Address:0:0:0:0:0:0:0:1", undefined, "::1", true],
  ["IP Address:10.0.0.2", "10.0.0.1", "10.0.0.1", false],
  ["DNS:other", "10.0.0.1", "10.0.0.1", true],
  ["DNS:10.0.0.1", undefined, "10.0.0.1", true],
  ['DNS:"db.example\\u0000.evil"', undefined, "db.example", false],
  ['DNS:"evil, DNS:db.example"', undefined, "db.example", false],
  ["URI:db.example, email:db.example", undefined, "db.example", false],
  ["", undefined, "db.example", false],
];

for (const [names, commonName, host, issued] of CASES) {
  const what = names || `the common name ${commonName}`;
  test(`${what} ${issued ? "is" : "is not"} for ${host}, common name ${commonName}`, () => {
    assert.equal(isIssuedFor({ ...parseAlternativeNames(names), commonName }, host), issued);
  });
}

test("addresses are told from names", () => {
  for (const host of ["127.0.0.1", "::1", "2001:db8::1", "fe80::1%eth0"]) {
    assert.equal(isAddress(host), true, host);
  }
  for (const host of ["localhost", "1.2.3", "300.1.1.1", "db.example", "a:b", "::1::"]) {
    assert.equal(isAddress(host), false, host);
  }
});
