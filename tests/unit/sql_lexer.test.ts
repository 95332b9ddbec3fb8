import assert from "node:assert/strict";
import { test } from "node:test";
import { Lexer } from "../../src/query/lexer.ts";

/** All tokens but spaces, each as `kind text`. */
function tokens(text: string, backslashes = false): string[] {
  const found: string[] = [];
  for (const lexer = new Lexer(text, backslashes); lexer.next();) {
    if (lexer.kind !== "space") found.push(`${lexer.kind} ${text.slice(lexer.start, lexer.end)}`);
  }
  return found;
}

const TOKENS: readonly (readonly [text: string, ...expected: string[]])[] = [
  [""],
  ["a1$b _x é", "word a1$b", "word _x", "word é"],
  ["'it''s' 'b", "string 'it''s'", "string 'b"],
  ["'a\\' b", "string 'a\\'", "word b"],
  ["E'a\\'b' c", "string E'a\\'b'", "word c"],
  ["e'a\\\\' c", "string e'a\\\\'", "word c"],
  ["E'a''\\'b' c", "string E'a''\\'b'", "word c"],
  ["E'a\\", "string E'a\\"],
  ["E'a'\n 'b\\'c' d", "string E'a'\n 'b\\'c'", "word d"],
  ["E'a' -- x\n -- y'\n'b\\'c' d", "string E'a' -- x\n -- y'\n'b\\'c'", "word d"],
  ["E'a' 'b\\' c", "string E'a'", "string 'b\\'", "word c"],
  ["me'x' type'y'", "word me", "string 'x'", "word type", "string 'y'"],
  ["U&'\\0041''' u&\"d\"\"e\" f", "string U&'\\0041'''", 'quoted u&"d""e"', "word f"],
  ["B'01' x'ff' n'z'", "string B'01'", "string x'ff'", "string n'z'"],
  ['"a""b" "c', 'quoted "a""b"', 'quoted "c'],
  ["$$a'b$$ c", "string $$a'b$$", "word c"],
  ["$t$ $$ $u$ $t$ c", "string $t$ $$ $u$ $t$", "word c"],
  ["$t$ never", "string $t$ never"],
  ["a$b$c$d", "word a$b$c$d"],
  ["$1 $23 $ x", "parameter $1", "parameter $23", "symbol $", "word x"],
  ["a -- b 'c\n d", "word a", "comment -- b 'c", "word d"],
  ["a--b\rc", "word a", "comment --b", "word c"],
  ["1 - -1", "number 1", "symbol -", "symbol -", "number 1"],
  ["a+--b\nc", "word a", "symbol +", "comment --b", "word c"],
  ["/* a /* ' */ b */ c", "comment /* a /* ' */ b */", "word c"],
  ["/*/**/*/ c", "comment /*/**/*/", "word c"],
  ["a*/* b", "word a", "symbol *", "comment /* b"],
  ["/*", "comment /*"],
  // deno-fmt-ignore
  ["1.5e-3 .5 0xFF 1_000 1..2", "number 1.5e-3",
    "symbol .",
    "number 5",
    "number 0xFF",
    "number 1_000",
    "number 1",
    "symbol .",
    "symbol .",
    "number 2"],
  // deno-fmt-ignore
  ["a::b c:=d e:f :::g", "word a", "symbol ::", "word b", "word c", "symbol :=", "word d",
    "word e", "symbol :", "word f", "symbol ::", "symbol :", "word g"],
  ["a[1:n]", "word a", "symbol [", "number 1", "symbol :", "word n", "symbol ]"],
];

for (const [text, ...expected] of TOKENS) {
  test(`lexer: ${JSON.stringify(text)}`, () => assert.deepEqual(tokens(text), expected));
}

test("lexer: with standard_conforming_strings off a backslash escapes in every string", () => {
  assert.deepEqual(tokens("'a\\' b' n'\\'' c", true), [
    "string 'a\\' b'",
    "string n'\\''",
    "word c",
  ]);
});

test("lexer: tokens cover every text without a gap", () => {
  const parts = [
    "'",
    '"',
    "$",
    "$$",
    "$a$",
    "E'",
    "U&'",
    "\\",
    "--",
    "/*",
    "*/",
    ":",
    "::",
    "a",
    "1",
  ];
  let seed = 1;
  for (let round = 0; round < 3000; round++) {
    let text = "";
    for (let i = 0; i < 8; i++) {
      seed = (seed * 48271) % 2147483647;
      text += parts[seed % parts.length] + (seed % 3 === 0 ? "\n" : seed % 5 === 0 ? " " : "");
    }
    let at = 0;
    for (const lexer = new Lexer(text); lexer.next(); at = lexer.end) {
      assert.equal(lexer.start, at, text);
      assert.ok(lexer.end > lexer.start && lexer.end <= text.length, text);
    }
    assert.equal(at, text.length, text);
  }
});

test("lexer: a string of a megabyte is one token", () => {
  const text = `'${"x''".repeat(350_000)}' b`;
  assert.equal(tokens(text).length, 2);
});

test("lexer: a string before many dashes on one line takes linear time", () => {
  assert.equal(tokens(`E'a' ${"-- ".repeat(10_000)}`).length, 2);
  assert.equal(tokens(`E'a'${"\n-- '".repeat(10_000)}\n'b\\'' c`).length, 2);
});

test("lexer: a string goes on behind blanks, comments and a line break, and only there", () => {
  const one = (gap: string): boolean => tokens(`E'a'${gap}'b'`).length === 1;
  for (const gap of ["\n", " \n ", "\r", " -- x\n", "--\n--\n  ", "\f\v\n\n", "\t--a--b\r\n"]) {
    assert.ok(one(gap), JSON.stringify(gap));
  }
  for (const gap of [" ", "\t\f\v", "/**/\n", "\n/**/", "x\n", "\n-"]) {
    assert.ok(!one(gap), JSON.stringify(gap));
  }
});
