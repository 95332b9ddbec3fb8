/**
 * Our parser of connection strings against libpq's own, on the same generated strings. Needs a C
 * compiler and libpq's headers; `DSN_LIBPQ_SEED` and `DSN_LIBPQ_RUNS` choose the strings. Run with
 * another libpq first on LD_LIBRARY_PATH to compare with that.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { parseDsn } from "../../src/config/dsn.ts";
import { InterfaceError } from "../../src/errors/errors.ts";

const SOURCE = fileURLToPath(new URL("./libpq_parse.c", import.meta.url));
const HEADER_DIRECTORIES = ["/usr/include/postgresql", "/usr/include", "/usr/local/include"];

const include = HEADER_DIRECTORIES.find((path) => existsSync(join(path, "libpq-fe.h")));
const compiler = ["/usr/bin/cc", "/usr/local/bin/cc"].find((path) => existsSync(path));
const skip = include === undefined
  ? "libpq-fe.h is not installed"
  : compiler === undefined
  ? "there is no C compiler"
  : false;

const seed = Number(process.env.DSN_LIBPQ_SEED ?? 20_260_101);
const runs = Number(process.env.DSN_LIBPQ_RUNS ?? 4000);

type Outcome = Record<string, string> | "error" | "not UTF-8";

test("connection strings mean the same to the driver and to libpq", { skip }, () => {
  const directory = mkdtempSync(join(tmpdir(), "dsn_libpq_"));
  try {
    const program = join(directory, "libpq_parse");
    execFileSync(compiler!, ["-I", include!, "-o", program, SOURCE, "-lpq"]);
    const [first] = ask(program, []);
    const [version, ...keywords] = first!.split(" ");
    // libpq 18 is the first to trim spaces in a URI, and to refuse them inside.
    const dsns = fc.sample(connectionString(keywords, Number(version) >= 180000), {
      seed,
      numRuns: runs,
    });
    const answers = ask(program, dsns).slice(1);
    assert.equal(answers.length, dsns.length);
    let accepted = 0;
    for (const [index, dsn] of dsns.entries()) {
      const theirs = readAnswer(answers[index]!);
      const expected = theirs === "not UTF-8" ? "error" : theirs;
      if (expected !== "error") accepted++;
      const found = ours(dsn, keywords);
      // Bytes that are no text are refused also where a later value of the same key makes up for them.
      if (found === "error" && dsn.includes("%FF")) continue;
      assert.deepEqual(found, expected, JSON.stringify(dsn));
    }
    // Neither side of the comparison may be empty, or it proves nothing.
    assert.ok(accepted > runs / 10 && accepted < runs * 9 / 10, `${accepted} of ${runs} accepted`);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

/** By files: Deno fills both pipes and waits for ever when much goes in and out at once. */
function ask(program: string, dsns: readonly string[]): string[] {
  const lines = dsns.map((dsn) => `${Buffer.from(dsn, "utf8").toString("hex")}\n`);
  writeFileSync(`${program}.in`, lines.join(""));
  execFileSync(program, [`${program}.in`, `${program}.out`]);
  const output = readFileSync(`${program}.out`, "utf8");
  return output.split("\n").slice(0, -1).map((line) => line.trimEnd());
}

function readAnswer(line: string): Outcome {
  if (line === "E") return "error";
  const pairs: Record<string, string> = {};
  for (const pair of line.split(" ").filter((part) => part !== "")) {
    const [keyword, hex] = pair.split("=");
    const bytes = Buffer.from(hex!, "hex");
    const text = bytes.toString("utf8");
    if (!Buffer.from(text, "utf8").equals(bytes)) return "not UTF-8";
    pairs[keyword!] = text;
  }
  return pairs;
}

/** A keyword that is newer than the libpq at hand counts as one that is unknown. */
function ours(dsn: string, keywords: readonly string[]): Outcome {
  try {
    const pairs = Object.fromEntries(parseDsn(dsn));
    return Object.keys(pairs).every((key) => keywords.includes(key)) ? pairs : "error";
  } catch (error) {
    assert.ok(error instanceof InterfaceError, String(error));
    return "error";
  }
}

function connectionString(keywords: readonly string[], spaces: boolean): fc.Arbitrary<string> {
  const keyword = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...keywords) },
    { weight: 1, arbitrary: fc.constantFrom("requiressl", "ssl", "hots", "HOST", "", "u%73er") },
  );
  // deno-fmt-ignore
  const letters = fc.constantFrom(
    ..."abzAZ019.-_é☃😀",
    ...":/?#[]@!$&()*+,;=%'\\\"",
    "%41", "%2f", "%C3%A9", "%2C", "%20", "true", "1", "0",
    ...(spaces ? [" "] : []),
  );
  const rare = fc.constantFrom("%00", "%FF", "%4", "%zz", "\u0001", "\u00a0");
  const word = (piece: fc.Arbitrary<string>, maxLength: number) =>
    fc.array(piece, { maxLength }).map((pieces) => pieces.join(""));
  const value = word(
    fc.oneof({ weight: 40, arbitrary: letters }, { weight: 1, arbitrary: rare }),
    6,
  );
  const tame = word(fc.constantFrom(..."ab1.-é", "%41", "%2F"), 5);
  return fc.oneof(uri(keyword, value, tame), pairs(keyword, value), noise(value));
}

function uri(
  keyword: fc.Arbitrary<string>,
  wild: fc.Arbitrary<string>,
  tame: fc.Arbitrary<string>,
): fc.Arbitrary<string> {
  const part = fc.oneof({ weight: 6, arbitrary: tame }, { weight: 1, arbitrary: wild });
  const login = fc.oneof(
    fc.constant(""),
    fc.tuple(part).map(([user]) => `${user}@`),
    fc.tuple(part, part).map(([user, password]) => `${user}:${password}@`),
  );
  const bracketed = fc.constantFrom("[::1]", "[fe80::1%25eth0]", "[", "[]", "[::1]x", "[a,b]");
  const host = fc.oneof({ weight: 5, arbitrary: part }, { weight: 1, arbitrary: bracketed });
  const port = fc.constantFrom("", "", ":5432", ":", ":x");
  const place = fc.tuple(host, port).map((pieces) => pieces.join(""));
  const places = fc.array(place, { maxLength: 3 }).map((list) => list.join(","));
  const path = fc.oneof(fc.constant(""), part.map((dbname) => `/${dbname}`));
  const parameter = fc.tuple(keyword, fc.constantFrom("=", "=", "=", "=", "=", "=", ""), part)
    .map((pieces) => pieces.join(""));
  const query = fc.oneof(
    fc.constant(""),
    fc.tuple(fc.array(parameter, { maxLength: 4 }), fc.constantFrom("", "", "", "&"))
      .map(([list, end]) => `?${list.join("&")}${end}`),
  );
  return fc.tuple(fc.constantFrom("postgres://", "postgresql://"), login, places, path, query)
    .map((pieces) => pieces.join(""));
}

function pairs(keyword: fc.Arbitrary<string>, value: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const blank = fc.constantFrom(" ", " ", " ", "\t", "\n", "\v", "\f", "\r", "  ");
  const gap = fc.oneof({ weight: 6, arbitrary: fc.constant("") }, { weight: 1, arbitrary: blank });
  const written = fc.oneof(
    { weight: 3, arbitrary: value.map((text) => `'${text.replace(/['\\]/g, "\\$&")}'`) },
    { weight: 3, arbitrary: value.map((text) => text.replace(/[ '\\]/g, "\\$&")) },
    { weight: 1, arbitrary: value },
    { weight: 1, arbitrary: value.map((text) => `'${text}`) },
  );
  const pair = fc.tuple(
    keyword,
    gap,
    fc.constantFrom("=", "=", "=", "=", "=", "=", "=", ""),
    gap,
    written,
  )
    .map((pieces) => pieces.join(""));
  return fc.tuple(gap, fc.array(fc.tuple(pair, blank), { maxLength: 4 }), gap)
    .map(([before, list, after]) => `${before}${list.flat().join("")}${after}`);
}

function noise(value: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const prefix = fc.constantFrom("", "postgres://", "postgresql://", "postgres:/", "host=");
  return fc.tuple(prefix, value, value).map((pieces) => pieces.join(""));
}
