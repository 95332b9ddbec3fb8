import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseDsn } from "../../src/config/dsn.ts";
import { isUri } from "../../src/config/uri.ts";
import { PARAMETERS } from "../../src/config/parameters.ts";
import { InterfaceError } from "../../src/errors/errors.ts";

type Pairs = Record<string, string>;

/** The first half is libpq's own list of URIs (`001_uri.pl` of its tests), retold. */
const URIS: [string, Pairs][] = [
  ["postgresql://uri-user:secret@host:12345/db", {
    user: "uri-user",
    password: "secret",
    host: "host",
    port: "12345",
    dbname: "db",
  }],
  ["postgresql://uri-user@host:12345/db", {
    user: "uri-user",
    host: "host",
    port: "12345",
    dbname: "db",
  }],
  ["postgresql://uri-user@host/db", { user: "uri-user", host: "host", dbname: "db" }],
  ["postgresql://host:12345/db", { host: "host", port: "12345", dbname: "db" }],
  ["postgresql://host/db", { host: "host", dbname: "db" }],
  ["postgresql://uri-user@host:12345/", { user: "uri-user", host: "host", port: "12345" }],
  ["postgresql://uri-user@", { user: "uri-user" }],
  ["postgresql://host:12345/", { host: "host", port: "12345" }],
  ["postgresql://", {}],
  ["postgres://", {}],
  ["postgresql:///", {}],
  ["postgresql:///db", { dbname: "db" }],
  ["postgresql://:12345/db", { port: "12345", dbname: "db" }],
  ["postgresql://:@host/", { host: "host" }],
  ["postgresql://u:@host/", { user: "u", host: "host" }],
  ["postgresql://:secret@host/", { password: "secret", host: "host" }],
  ["postgresql://%68ost/", { host: "host" }],
  ["postgresql://host/db?user=uri-user", { host: "host", dbname: "db", user: "uri-user" }],
  ["postgresql://host?user=uri-user", { host: "host", user: "uri-user" }],
  ["postgresql://host?", { host: "host" }],
  ["postgresql://host/?user=u&port=1&", { host: "host", user: "u", port: "1" }],
  ["postgresql:///?u%73er=u", { user: "u" }],
  ["postgresql://[::1]", { host: "::1" }],
  ["postgresql://[::1]:5433/db", { host: "::1", port: "5433", dbname: "db" }],
  ["postgresql://[2001:db8::1],[::1]:5", { host: "2001:db8::1,::1", port: ",5" }],
  ["postgresql://[::1]?user=u", { host: "::1", user: "u" }],
  ["postgresql://%2Ftmp/db", { host: "/tmp", dbname: "db" }],
  ["postgresql:///db?host=/var/run/postgresql", { dbname: "db", host: "/var/run/postgresql" }],
  ["postgresql://a,b:2,:3,/db", { host: "a,b,,", port: ",2,3,", dbname: "db" }],
  ["postgresql://a:1,b:2/db", { host: "a,b", port: "1,2", dbname: "db" }],
  ["postgresql://u:p:q@h", { user: "u", password: "p:q", host: "h" }],
  ["postgresql://u:p%40%2F%3F%3A%25@h", { user: "u", password: "p@/?:%", host: "h" }],
  ["postgresql://u:p?q@h/d", { user: "u", password: "p?q", host: "h", dbname: "d" }],
  ["postgresql://h/a/b", { host: "h", dbname: "a/b" }],
  ["postgresql://h/d?application_name=a%3Db%26c", {
    host: "h",
    dbname: "d",
    application_name: "a=b&c",
  }],
  ["postgresql://h/d?dbname=", { host: "h", dbname: "" }],
  ["postgresql://h/d?host=x&host=y", { host: "y", dbname: "d" }],
  ["postgresql://h/?ssl=true", { host: "h", sslmode: "require" }],
  ["postgresql://h/?requiressl=1", { host: "h", sslmode: "require" }],
  ["postgresql://h/?requiressl=0", { host: "h", sslmode: "prefer" }],
  ["postgresql://%C3%A9t%C3%A9:h%C3%A9@h/", { user: "été", password: "hé", host: "h" }],
  ["postgresql://é:☃@h/", { user: "é", password: "☃", host: "h" }],
  [" postgresql://h".trim() + " ", { host: "h" }],
  ["postgresql:// u @h/ db ?application_name= x ", {
    user: "u",
    host: "h",
    dbname: "db",
    application_name: "x",
  }],
  ["postgresql://h/?application_name=a%20b+c", { host: "h", application_name: "a b+c" }],
];

for (const [uri, pairs] of URIS) {
  test(`URI ${uri}`, () => assert.deepEqual(Object.fromEntries(parseDsn(uri)), pairs));
}

const BROKEN_URIS: [string, RegExp][] = [
  ["postgresql://host/db?user", /query parameter without "="/],
  ["postgresql://host/?&user=u", /query parameter without "="/],
  ["postgresql://host/?user=u&&port=1", /query parameter without "="/],
  ["postgresql://host/db?user=a=b", /second "="/],
  ["postgresql://host/db?u=1", /unknown key "u"/],
  ["postgresql://host/db?sslmod=require", /unknown key "sslmod"; did you mean "sslmode"\?/],
  ["postgresql://host/db?sslMode=require", /unknown key "sslMode"; did you mean "sslmode"\?/],
  ["postgresql://host/db?HOST=x", /unknown key "HOST"; did you mean "host"\?/],
  ["postgresql://host/?ssl=false", /unknown key "ssl"/],
  ["postgresql://[::1", /no "]" after the IPv6 address/],
  ["postgresql://[]", /empty IPv6 address/],
  ["postgresql://[::1]z", /after the IPv6 address/],
  ["postgresql://%", /"%" without two hex digits in "host"/],
  ["postgresql://%1/", /"%" without two hex digits in "host"/],
  ["postgresql://u:%zz@h", /"%" without two hex digits in "password"/],
  ["postgresql://%00", /NUL byte \(%00\) in "host"/],
  ["postgresql://h/?user=%00", /NUL byte \(%00\) in "user"/],
  ["postgresql://u:%FF@h", /in "password" that are not UTF-8/],
  ["postgresql://u:my secret@h", /space in "password"; write %20/],
  ["postgresql://h\0", /NUL byte/],
];

for (const [uri, message] of BROKEN_URIS) {
  test(`broken URI ${JSON.stringify(uri)}`, () =>
    assert.throws(() => parseDsn(uri), check(message)));
}

const PAIRS: [string, Pairs][] = [
  ["", {}],
  ["  \t\n", {}],
  ["host=a port=5", { host: "a", port: "5" }],
  ["host = a\tport\n=\v5 ", { host: "a", port: "5" }],
  ["host=", { host: "" }],
  // The value of a keyword is what comes next, across blanks.
  ["host= port=5", { host: "port=5" }],
  ["host='' port=5", { host: "", port: "5" }],
  ["password='it\\'s \\\\ a b'", { password: "it's \\ a b" }],
  ["password=a\\ b\\'c\\\\d", { password: "a b'c\\d" }],
  ["password=it's", { password: "it's" }],
  ["password=a\\", { password: "a" }],
  ["host='a'port=5", { host: "a", port: "5" }],
  ["host=a host=b", { host: "b" }],
  ["requiressl=1 host=a", { sslmode: "require", host: "a" }],
  ["application_name=a=b", { application_name: "a=b" }],
  ["application_name='a\nb'", { application_name: "a\nb" }],
  // U+00A0 is no blank of the C locale.
  ["user=a\u00a0b", { user: "a\u00a0b" }],
  ["dbname=postgres://other/db", { dbname: "postgres://other/db" }],
  ["user=%41", { user: "%41" }],
];

for (const [text, pairs] of PAIRS) {
  test(`pairs ${JSON.stringify(text)}`, () =>
    assert.deepEqual(Object.fromEntries(parseDsn(text)), pairs));
}

const BROKEN_PAIRS: [string, RegExp][] = [
  ["mydb", /lacks "=" after "mydb"/],
  ["host a", /lacks "=" after "host"/],
  ["host", /lacks "=" after "host"/],
  ["=x", /something that is not a key$/],
  ["host='a", /no closing quote for the value of "host"/],
  ["host='a\\", /no closing quote for the value of "host"/],
  ["hots=a", /unknown key "hots"; did you mean "host"\?/],
  ["ssl=true", /unknown key "ssl"/],
  ["POSTGRES://h", /does not begin with postgres:\/\/ or postgresql/],
  ["mysql://u:p@h/d?sslmode=require", /does not begin with postgres:/],
];

for (const [text, message] of BROKEN_PAIRS) {
  test(`broken pairs ${JSON.stringify(text)}`, () =>
    assert.throws(() => parseDsn(text), check(message)));
}

test("only the two prefixes, in lower case, make a URI", () => {
  assert.ok(isUri("postgres://") && isUri("postgresql://h"));
  assert.ok(!isUri("Postgres://h") && !isUri("pg://h") && !isUri(" postgres://h"));
});

/** Mistakes that make a piece of the password look like something else. */
const LEAKS: string[] = [
  "postgres://u:hunter2/tail@h/db",
  "postgres://u:x/hunter2?hunter2@h/db",
  "postgres://u:x/y?hunter2=1@h/db",
  "postgres://u:x/y?hunter2=1=2@h/db",
  "postgres://u:x/y?%hunter2=1@h/db",
  "postgres://u:%hunter2@h/db",
  "postgres://u:x hunter2@h/db",
  "postgres://u:hunter2@[h/db",
  "postgres://u:hunter2@h/db?bogus=hunter2",
  "postgress://u:hunter2@h/db",
  "postgresql:/u:hunter2@h/db?sslmode=require",
  " postgres://u:hunter2@h/db",
  "password=x hunter2",
  "password=x hunter2 host=h",
  "password=x hunter2=y host=h",
  "password='hunter2",
  "password=hunter2 bogus=hunter2",
];

for (const dsn of LEAKS) {
  test(`the password does not show in what is said of ${dsn}`, () => {
    try {
      const port = parseDsn(dsn).get("port");
      assert.ok(port?.includes("hunter2"), "neither refused nor the case of a port");
    } catch (error) {
      assert.ok(error instanceof InterfaceError, String(error));
      assert.ok(!`${error.message}${error.cause}`.includes("hunter2"), error.message);
    }
  });
}

const keyword = fc.constantFrom(...PARAMETERS.map((row) => row.keyword));
const value = fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0"));
const pairs = fc.dictionary(keyword, value).map((record) => ({ ...record }));

function printPairs(record: Pairs): string {
  const quoted = ([key, text]: [string, string]) => `${key}='${text.replace(/['\\]/g, "\\$&")}'`;
  return Object.entries(record).map(quoted).join(" ");
}

function printBare(record: Pairs): string {
  const bare = ([key, text]: [string, string]) => `${key}=${text.replace(/[' \t-\r\\]/g, "\\$&")}`;
  return Object.entries(record).map(bare).join("\n");
}

function printQuery(record: Pairs): string {
  const part = ([key, text]: [string, string]) => `${key}=${encodeURIComponent(text)}`;
  return `postgres://?${Object.entries(record).map(part).join("&")}`;
}

test("what is printed as quoted pairs is parsed to the same", () => {
  fc.assert(fc.property(pairs, (record) => {
    assert.deepEqual(Object.fromEntries(parseDsn(printPairs(record))), record);
  }));
});

test("what is printed as bare pairs is parsed to the same", () => {
  const full = fc.dictionary(keyword, value.filter((text) => text !== ""))
    .map((record) => ({ ...record }));
  fc.assert(fc.property(full, (record) => {
    assert.deepEqual(Object.fromEntries(parseDsn(printBare(record))), record);
  }));
});

test("what is printed as a URI's query is parsed to the same", () => {
  fc.assert(fc.property(pairs, (record) => {
    assert.deepEqual(Object.fromEntries(parseDsn(printQuery(record))), record);
  }));
});

test("what is printed as a URI's authority and path is parsed to the same", () => {
  const part = value.filter((text) => text !== "");
  fc.assert(fc.property(part, part, part, part, (user, password, host, dbname) => {
    const [u, p, h, d] = [user, password, host, dbname].map(encodeURIComponent);
    assert.deepEqual(Object.fromEntries(parseDsn(`postgresql://${u}:${p}@${h}/${d}`)), {
      user,
      password,
      host,
      dbname,
    });
  }));
});

const piece = fc.constantFrom(
  ..."=:/?@&,[]%'\\ \t\n",
  "postgres://",
  "%41",
  "%00",
  "%ff",
  "host",
  "port",
  "password",
  "ssl",
  "x",
  "é",
);
const noise = fc.array(piece).map((pieces) => pieces.join(""));

test("any text is parsed or refused with an InterfaceError", () => {
  fc.assert(
    fc.property(fc.oneof(noise, noise.map((text) => `postgres://${text}`), fc.string()), (text) => {
      try {
        for (const key of parseDsn(text).keys()) {
          assert.ok(PARAMETERS.some((row) => row.keyword === key), key);
        }
      } catch (error) {
        assert.ok(error instanceof InterfaceError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test("a long string is parsed without running out of stack", () => {
  const long = "\\'a".repeat(300_000);
  assert.equal(parseDsn(`password='${long}' host=h`).get("host"), "h");
  assert.equal(parseDsn(`password=${long} host=h`).get("host"), "h");
  assert.equal(parseDsn(`postgres://${"h,".repeat(300_000)}/db`).get("dbname"), "db");
});

function check(message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof InterfaceError, String(error));
    assert.match(error.message, message);
    return true;
  };
}
