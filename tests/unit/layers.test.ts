import { deepEqual } from "node:assert/strict";
import { describe, test } from "node:test";
import { checkTree } from "../../scripts/check_layers.ts";

/** What is reported of one file, as `rule:line`. */
function report(file: string, text: string): string[] {
  return checkTree(new Map([[file, text]])).map(({ rule, line }) => `${rule}:${line}`);
}

const lines = (count: number, text = ""): string => `${text}\n`.repeat(count);
const bigSwitch = (cases: number, row = 1): string =>
  `switch (x) {\n${`case 1:\n${lines(row, "y();")}`.repeat(cases)}}\n`;

/** file, text, what must be reported. A planted violation of every rule, and its lawful neighbour. */
const PLANTED: [fact: string, file: string, text: string, rules: string[]][] = [
  ["errors import nothing", "src/errors/a.ts", `import "../bytes/reader.ts";`, ["layer:1"]],
  ["bytes import errors", "src/bytes/a.ts", `import "../errors/errors.ts";`, []],
  ["bytes do not import types", "src/bytes/a.ts", `\nimport "../types/codec.ts";`, ["layer:2"]],
  ["protocol knows no session", "src/protocol/a.ts", `import "../session/b.ts";`, ["layer:1"]],
  ["auth knows no protocol", "src/auth/a.ts", `import "../protocol/b.ts";`, ["layer:1"]],
  ["a codec runs no query", "src/types/a.ts", `import "../query/b.ts";`, ["layer:1"]],
  ["a type import is an import", "src/types/a.ts", `import type { X } from "../query/b.ts";`, [
    "layer:1",
  ]],
  ["an import() type is an import", "src/types/a.ts", `type X = import("../query/b.ts").X;`, [
    "layer:1",
  ]],
  ["a re-export is an import", "src/types/a.ts", `export * from "../query/b.ts";`, ["layer:1"]],
  ["runtime imports errors only", "src/runtime/a.ts", `import "../bytes/b.ts";`, ["layer:1"]],
  ["an adapter imports errors only", "src/runtime/bun.ts", `import "../bytes/b.ts";`, ["layer:1"]],
  [
    "config takes the runtime's interface",
    "src/config/a.ts",
    `import "../runtime/runtime.ts";`,
    [],
  ],
  ["config knows no other runtime file", "src/config/a.ts", `import "../runtime/detect.ts";`, [
    "layer:1",
  ]],
  ["session knows no types", "src/session/a.ts", `import "../types/codec.ts";`, ["layer:1"]],
  [
    "session takes types of config",
    "src/session/a.ts",
    `import type {A} from "../config/b.ts";`,
    [],
  ],
  [
    "session takes types of config, inline",
    "src/session/a.ts",
    `import {type A} from "../config/b.ts";`,
    [],
  ],
  ["session takes no value of config", "src/session/a.ts", `import {a} from "../config/b.ts";`, [
    "layer:1",
  ]],
  ["session is not traced", "src/session/a.ts", `import "../trace.ts";`, ["layer:1"]],
  ["query takes types of trace", "src/query/a.ts", `import type {T} from "../trace.ts";`, []],
  ["query knows no feature", "src/query/a.ts", `import "../features/copy.ts";`, ["layer:1"]],
  ["query knows no pool", "src/query/a.ts", `import "../pool.ts";`, ["layer:1"]],
  ["features know no connection", "src/features/a.ts", `import "../connection.ts";`, ["layer:1"]],
  ["features do not know one another", "src/features/a.ts", `import "./copy.ts";`, ["layer:1"]],
  ["copy_rows knows copy_in", "src/features/copy_rows.ts", `import "./copy_in.ts";`, []],
  ["copy_in does not know copy", "src/features/copy_in.ts", `import "./copy.ts";`, ["layer:1"]],
  ["nor by import()", "src/features/copy_in.ts", `const f = () => import("./copy.ts");`, [
    "layer:1",
  ]],
  ["dbapi knows no session", "src/dbapi/a.ts", `import "../session/b.ts";`, ["layer:1"]],
  [
    "dbapi takes types of connection",
    "src/dbapi/a.ts",
    `import type {Q} from "../connection.ts";`,
    [],
  ],
  ["dbapi takes no value of connection", "src/dbapi/a.ts", `import "../connection.ts";`, [
    "layer:1",
  ]],
  ["pool may import features", "src/pool.ts", `import "./features/copy.ts";`, []],
  ["a folder must be declared", "src/extras/a.ts", ``, ["unknown-part:1"]],
  ["a root file must be declared", "src/extra.ts", ``, ["unknown-part:1"]],
  ["src imports nothing outside", "src/query/a.ts", `import "../../tests/_kit/b.ts";`, [
    "outside:1",
  ]],
  ["src has no dependencies", "src/query/a.ts", `import "pg";`, ["dependency:1"]],
  ["an adapter stands on its peer", "src/pglite/a.ts", `import "@electric-sql/pglite";`, []],
  ["and on no other's", "src/pglite/a.ts", `import "kysely";`, ["dependency:1"]],
  ["src takes no builtin without node:", "src/query/a.ts", `import "fs";`, ["dependency:1"]],

  [
    "detect imports adapters dynamically",
    "src/runtime/detect.ts",
    `const f = () => import("./deno.ts");`,
    [],
  ],
  ["detect imports no adapter statically", "src/runtime/detect.ts", `import "./deno.ts";`, [
    "adapter:1",
  ]],
  ["connect imports no adapter", "src/connect.ts", `const f = () => import("./runtime/bun.ts");`, [
    "adapter:1",
  ]],
  ["bun stands on node", "src/runtime/bun.ts", `import "./node.ts"; import "./node_tls.ts";`, []],
  ["node does not stand on bun", "src/runtime/node.ts", `import "./bun.ts";`, ["adapter:1"]],
  ["a web stream names no adapter", "src/runtime/web_stream.ts", `import "./node.ts";`, [
    "adapter:1",
  ]],

  ["node: only in adapters", "src/session/a.ts", `import "node:net";`, ["runtime-name:1"]],
  ["node: not dynamically either", "src/session/a.ts", `const f = () => import("node:net");`, [
    "runtime-name:1",
  ]],
  ["node: in an adapter", "src/runtime/node_tls.ts", `import "node:tls";`, []],
  ["node: not in trace", "src/trace.ts", `import "node:diagnostics_channel";`, ["runtime-name:1"]],
  ["Deno", "src/pool.ts", `const f = () => Deno.env;`, ["runtime-name:1"]],
  ["Deno as a type", "src/pool.ts", `type C = Deno.Conn;`, ["runtime-name:1"]],
  ["typeof Bun", "src/pool.ts", `const f = () => typeof Bun;`, ["runtime-name:1"]],
  ["process", "src/pool.ts", `const f = () => process.env;`, ["runtime-name:1"]],
  ["Buffer", "src/pool.ts", `const f = () => Buffer.from("");`, ["runtime-name:1"]],
  [
    "an imported Buffer is not the runtime's",
    "src/compat/a.ts",
    `import { Buffer } from "./node.ts"; export const f = (): Buffer => Buffer.from("");`,
    [],
  ],
  ["compat takes Node's events", "src/compat/a.ts", `import "node:events";`, []],
  ["compat takes no sockets", "src/compat/a.ts", `import "node:net";`, ["runtime-name:1"]],
  ["require", "src/pool.ts", `const f = () => require("net");`, ["runtime-name:1"]],
  ["globalThis.process", "src/pool.ts", `const f = () => globalThis.process;`, ["runtime-name:1"]],
  ["globalThis[Deno]", "src/pool.ts", `const f = () => globalThis["Deno"];`, ["runtime-name:1"]],
  ["Deno of an alias", "src/pool.ts", `const f = (g: G) => g.Deno;`, ["runtime-name:1"]],
  ["Bun in globalThis", "src/pool.ts", `const f = () => "Bun" in globalThis;`, ["runtime-name:1"]],
  ["detect asks globalThis", "src/runtime/detect.ts", `const f = () => "Bun" in globalThis;`, []],
  ["detect uses no runtime", "src/runtime/detect.ts", `const f = () => Deno.env;`, [
    "runtime-name:1",
  ]],
  [
    "a word in a comment or a member is none",
    "src/pool.ts",
    `/** Deno */ interface A { process(): void; require: 1 }`,
    [],
  ],

  ["a remote import", "tests/unit/a.test.ts", `import "jsr:@std/assert";`, ["remote-import:1"]],
  ["an import from the web", "scripts/a.ts", `import "https://deno.land/x/y.ts";`, [
    "remote-import:1",
  ]],
  ["an npm: import", "bench/a.ts", `import "npm:pg@8";`, ["remote-import:1"]],
  ["an import map into the web", "deno.json", `{"imports":{\n"a":"jsr:@std/assert"}}`, [
    "remote-import:2",
  ]],
  ["an import map to npm", "deno.json", `{"imports":{"a":"npm:a@1"}}`, []],

  ["a file of 400 lines", "tests/unit/a.test.ts", lines(400, ";"), []],
  ["a file of 401 lines", "tests/unit/a.test.ts", lines(401, ";"), ["file-length:401"]],
  ["a generated file", "src/types/oids.ts", `// Generated by scripts/x.ts\n${lines(400, ";")}`, []],
  ["a function of 60 lines", "bench/a.ts", `function f() {\n${lines(58)}}`, []],
  ["a function of 61 lines", "bench/a.ts", `\nfunction f() {\n${lines(59)}}`, [
    "function-length:2",
  ]],
  ["a method of 61 lines", "bench/a.ts", `class A {\n  f() {\n${lines(59)}}\n}`, [
    "function-length:2",
  ]],
  ["a list of tests", "tests/unit/a.test.ts", `describe("x", () => {\n${lines(80)}});`, []],
  ["a test of 61 lines", "tests/unit/a.test.ts", `test("x", () => {\n${lines(59)}});`, [
    "function-length:1",
  ]],
  ["one table", "bench/a.ts", `function f() {\n${bigSwitch(40)}}`, []],
  [
    "two tables",
    "bench/a.ts",
    `function f() {\n${bigSwitch(40)}}\nfunction g() {\n${bigSwitch(40)}}`,
    ["function-length:85"],
  ],
  ["a table with long rows", "bench/a.ts", `function f() {\n${bigSwitch(5, 20)}}`, [
    "function-length:1",
  ]],
  ["a table with much around it", "bench/a.ts", `function f() {\n${lines(30)}${bigSwitch(40)}}`, [
    "function-length:1",
  ]],
  ["utils", "src/bytes/utils.ts", ``, ["file-name:1"]],
  ["a file in camelCase", "src/bytes/byteReader.ts", ``, ["file-name:1"]],

  ["state in a module", "src/bytes/a.ts", `let count = 0;`, ["module-state:1"]],
  ["a constant in a module", "src/bytes/a.ts", `export const COUNT = 0;`, []],
  ["work on import", "src/bytes/a.ts", `\nregister();`, ["import-work:2"]],
  ["any", "src/bytes/a.ts", `const f = (a: any) => a;`, ["banned:1"]],
  ["Proxy", "src/bytes/a.ts", `const f = () => new Proxy({}, {});`, ["banned:1"]],
  ["enum", "src/bytes/a.ts", `enum A { B }`, ["banned:1"]],
  ["namespace", "src/bytes/a.ts", `namespace A { export const b = 1; }`, ["banned:1"]],
  ["a parameter property", "src/bytes/a.ts", `class A { constructor(readonly a: 1) {} }`, [
    "banned:1",
  ]],
  ["using", "src/bytes/a.ts", `function f() { using a = b(); }`, ["banned:1"]],
  ["await using", "src/bytes/a.ts", `async function f() { await using a = b(); }`, ["banned:1"]],
  ["newer than Node 20", "src/bytes/a.ts", `const f = () => Promise.withResolvers();`, [
    "banned:1",
  ]],

  ["nobody in a comment", "src/bytes/a.ts", `\n// Nobody reads it.`, ["words:2"]],
  ["somebody in an error", "src/bytes/a.ts", `const A = "somebody else has it";`, ["words:1"]],
  ["whoever in a page", "README.md", `For whoever connects.`, ["words:1"]],
  ["anew in a test's name", "tests/unit/a.test.ts", `test("made anew", () => {});`, ["words:1"]],
  ["is told", "docs/a.md", `The caller\nis told.`, ["words:2"]],
  ["a doc comment that begins with What", "src/bytes/a.ts", `/** What is left. */`, ["words:1"]],
  ["a doc comment that begins with It", "src/bytes/a.ts", `/**\n * It is left.\n */`, ["words:1"]],
  ["a doc comment that begins with Those", "src/bytes/a.ts", `/** Those left. */`, ["words:1"]],
  ["a doc comment that begins with Whose", "src/bytes/a.ts", `/** Whose turn. */`, ["words:1"]],
  ["a doc comment with a subject", "src/bytes/a.ts", `/** The rest, as it is left. */`, []],
  ["a generated page", "FAILURES.md", `<!-- Generated by x -->\nnobody`, []],

  ["mod.ts names its exports", "mod.ts", `export { a, type B } from "./src/connect.ts";`, []],
  ["mod.ts holds no code", "mod.ts", `export const a = 1;`, ["entry:1"]],
  ["mod.ts exports no star", "mod.ts", `export * from "./src/connect.ts";`, ["entry:1"]],
];

describe("layers", () => {
  for (const [fact, file, text, rules] of PLANTED) {
    test(`${rules.length === 0 ? "passes" : "reports"}: ${fact}`, () => {
      deepEqual(report(file, text), rules);
    });
  }

  test("reports a scripted server that reaches src through another file", () => {
    const violations = checkTree(
      new Map([
        ["tests/_kit/scripted_server.ts", `import "./a.ts";`],
        ["tests/_kit/a.ts", `\nimport "../../src/protocol/tags.ts";`],
        ["tests/_kit/b.ts", `import "../../src/protocol/tags.ts";`],
      ]),
    );
    deepEqual(violations.map(({ file, line, rule }) => `${file}:${line}:${rule}`), [
      "tests/_kit/a.ts:2:independence",
    ]);
  });

  test("reports a circle of imports once, types included", () => {
    const violations = checkTree(
      new Map([
        ["src/query/a.ts", `import { b } from "./b.ts";`],
        ["src/query/b.ts", `import { c } from "./c.ts";`],
        ["src/query/c.ts", `\nimport type { A } from "./a.ts";`],
      ]),
    );
    deepEqual(violations.map(({ file, line, rule }) => `${file}:${line}:${rule}`), [
      "src/query/c.ts:2:circle",
    ]);
  });
});
