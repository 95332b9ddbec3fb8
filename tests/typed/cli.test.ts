import { deepEqual, equal, match } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { main } from "../../src/cli/cli.ts";
import { watchFiles } from "../../src/cli/run.ts";
import { SCHEMA } from "./corpus/schema.ts";
import { type FakeWorkplace, fakeWorkplace } from "./fake_workplace.ts";
import { program } from "./program.ts";
import { withTables } from "./typed_server.ts";
import { sharedServer } from "../_kit/servers.ts";

type Work = (
  run: (args: readonly string[], files: Record<string, string>) => Promise<FakeWorkplace>,
  url: string,
) => Promise<void>;

/** Runs the tool on a database with the corpus's tables. */
async function withTool(work: Work): Promise<void> {
  const { host, port } = await sharedServer();
  await withTables(18, SCHEMA, async (_, database) => {
    const url = `postgres://postgres@${host}:${port}/${database}?sslmode=disable`;
    await work(async (args, files) => {
      const place = fakeWorkplace(args, files, { DATABASE_URL: url });
      await main(place);
      place.output = place.output.replace(/\(\d+\.\d s\)/, "(… s)");
      return place;
    }, url);
  });
}

const RIGHT =
  "db.sql<{ id: number; email: string | null }, [number]>`select id, email from users where id = ${id}`;\n";

test("check passes sources whose types are right, in any layout", async () => {
  await withTool(async (run) => {
    const other = RIGHT.replace(
      "{ id: number; email: string | null }",
      "{\n  id: number,\n  email: string | null,\n}",
    );
    const { output, code } = await run(["check"], {
      "a.ts": RIGHT,
      "b.tsx": other,
      "c.js": "sql`",
    });
    equal(output, "2 templates: none is wrong (… s)\n");
    equal(code, 0);
  });
});

// deno-fmt-ignore
const FAULTS: readonly [fact: string, source: string, output: string][] = [
  ["a nullability that has changed", "db.sql<{ id: number; email: string }>`select id, email from users`", `a.ts:1 "email" can be NULL
  - <{ id: number; email: string }>
  + <{ id: number; email: string | null }>
`],
  ["a column that can no more be NULL", "db.sql<{ id: number | null }>`select id from users`", `a.ts:1 "id" cannot be NULL
  - <{ id: number | null }>
  + <{ id: number }>
`],
  ["another type, a column too many and one that is missing", "db.sql<{ id: string; x: number }>`select id, name from users`", `a.ts:1 there is no column "x", "id" is number, the column "name" is missing
  - <{ id: string; x: number }>
  + <{ id: number; name: string }>
`],
  ["wrong values", "db.sql<never, [string]>`update users set mood = ${a}`", `a.ts:1
  - <never, [string]>
  + <never, ["sad" | "ok" | "happy" | null]>
`],
  ["a wrong column, at its place", "const a = 1;\ndb.sql`\n  select id,\n    nme from users where id = ${a}`", `a.ts:4:5 column "nme" does not exist
  Perhaps you meant to reference the column "users.name".
`],
  ["a table that is gone", "db.sql`select 1 from gone`", `a.ts:1:22 relation "gone" does not exist
`],
  ["a mistake in a fragment, at its place", "const w = c ? sql`where nme = 1` : sql``;\ndb.sql`select id from users ${w}`", `a.ts:1:25 column "nme" does not exist
  Perhaps you meant to reference the column "users.name".
`],
  ["variants with different columns", "db.sql`select id${c ? sql`, name` : sql``} from users`", `a.ts:1 the statements that it becomes have different columns: id, name; id
`],
  ["a source that cannot be read", "db.sql`select 1", `a.ts:1 a template has no end; the file is left as it is
`],
];

test("check reports faults with their place, and exits with 1", async () => {
  await withTool(async (run) => {
    for (const [fact, source, expected] of FAULTS) {
      const { output, code } = await run(["check"], { "a.ts": source });
      equal(output.replace(/^\d+ templates?:.*\n/m, ""), expected, fact);
      equal(code, 1, fact);
    }
  });
});

test("check is silent about templates without types, unless it is strict", async () => {
  await withTool(async (run) => {
    const files = { "a.ts": "db.sql`select 1 as a`; db.sql`select ${sql(names)} from users`" };
    const plain = await run(["check"], files);
    equal(plain.output, "2 templates: none is wrong, 1 without types, 1 not checked (… s)\n");
    equal(plain.code, 0);
    const strict = await run(["check", "--strict"], files);
    match(strict.output, /a\.ts:1\n {2}\+ <\{ a: number \}>\na\.ts:1 not checked: the columns/);
    equal(strict.code, 1);
  });
});

test("write puts types in place, and a second time changes nothing", async () => {
  await withTool(async (run) => {
    const source = `
const where = all ? sql\`\` : sql\`where id = \${id}\`;
const a = await db.sql\`select id, email from users \${where} limit \${limit}\`;
const b = await db.sql<{ x: string }>\`select id from users\`.one();
const c = await db.sql\`update users set name = \${name}, email = \${email}\`;
const d = await db.sql<User>\`select id from users where id = \${id}\`;
const e = await db.sql\`select nme from users\`;
const f = await db.sql\`create table x (a int)\`;
`;
    const { texts } = await run(["write"], { "a.ts": source, "own.ts": "sql`" });
    const written = texts.get("a.ts")!;
    equal(
      written,
      `
const where = all ? sql\`\` : sql\`where id = \${id}\`;
const a = await db.sql<{ id: number; email: string | null }, [import("@cornac/pg").Fragment, bigint | number | string]>\`select id, email from users \${where} limit \${limit}\`;
const b = await db.sql<{ id: number }>\`select id from users\`.one();
const c = await db.sql<never, [string, string | null]>\`update users set name = \${name}, email = \${email}\`;
const d = await db.sql<User, [number]>\`select id from users where id = \${id}\`;
const e = await db.sql\`select nme from users\`;
const f = await db.sql\`create table x (a int)\`;
`,
    );
    const again = await run(["write"], { "a.ts": written });
    deepEqual(again.written, []);
    equal(again.texts.get("a.ts"), written);
  });
});

test("write leaves a file that changes meanwhile, and one that cannot be read", async () => {
  await withTool(async (run, url) => {
    const place = fakeWorkplace(["write"], { "a.ts": "db.sql`select 1 as a`" }, {
      DATABASE_URL: url,
    });
    let reads = 0;
    const read = place.read;
    Object.assign(place, {
      read: (path: string) => {
        if (path === "a.ts" && ++reads === 2) place.texts.set(path, "// another text");
        return read(path);
      },
    });
    await main(place);
    match(place.output, /^a\.ts has changed meanwhile; it is left as it is$/m);
    equal(place.texts.get("a.ts"), "// another text");
    const broken = await run(["write"], { "a.ts": "db.sql`select 1`; `" });
    deepEqual([broken.written, broken.code], [[], 1]);
  });
});

test("the configuration chooses files, policies, types of columns and functions", async () => {
  await withTool(async (run) => {
    const config = {
      include: ["src"],
      exclude: ["src/old"],
      int8: "number",
      columns: { "users.meta": "Meta" },
      neverNull: ["slug"],
    };
    const files = {
      "cornac.json": JSON.stringify(config),
      "src/a.ts": "db.sql`select count(*) as n, meta from users group by meta`",
      "src/old/b.ts": "db.sql`select x`",
      "lib/c.ts": "db.sql`select x`",
    };
    const { texts, code } = await run(["write"], files);
    equal(
      texts.get("src/a.ts"),
      "db.sql<{ n: number; meta: Meta | null }>`select count(*) as n, meta from users group by meta`",
    );
    equal(code, 0);
    const inPackage = { "package.json": '{ "cornac": { "includes": [] } }' };
    match(
      (await run(["check"], inPackage)).output,
      /package\.json: cornac: there is no key "includes"/,
    );
    const wrong = { "cornac.json": '{ "int8": "double" }' };
    match((await run(["check"], wrong)).output, /cornac\.json: "int8" has a wrong value/);
  });
});

test("wrong calls exit with 2 and say what is wrong", async () => {
  await withTool(async (run) => {
    for (
      const [args, message] of [
        [["chekc"], "cornac: chekc: there is check, write, watch and types\n"],
        [["check", "--fast"], "cornac: --fast: no such option\n"],
        [["check", "--config", "none.json"], "cornac: none.json: there is no such file\n"],
        [["check", "--database"], "cornac: --database takes one value\n"],
      ] as const
    ) {
      const { output, code } = await run(args, {});
      deepEqual([output, code], [message, 2]);
    }
    const { output, code } = await run(
      ["check", "--database", "postgres://postgres@127.0.0.1:1/x"],
      {},
    );
    match(output, /^cornac: /);
    equal(code, 2);
  });
});

test("watch writes the files that change", async () => {
  await withTool(async (_, url) => {
    const place = fakeWorkplace(["watch"], { "a.ts": "db.sql`select 1 as a`" });
    const { connect } = await import("../../mod.ts");
    const db = await connect(url);
    let rounds = 0;
    const isOver = (): boolean => {
      if (++rounds === 2) place.texts.set("b.ts", "db.sql`select 2 as bb`");
      return rounds > 4;
    };
    const invocation = { command: "watch", paths: [], strict: false } as never;
    await watchFiles(place, db, invocation, {}, isOver);
    await db.close();
    deepEqual(place.written, ["a.ts", "b.ts"]);
  });
});

test("the program writes files on this runtime, and sets its exit code", async () => {
  await withTool((_, url) => {
    const cwd = mkdtempSync(join(tmpdir(), "cornac-cli-"));
    try {
      writeFileSync(join(cwd, "a.ts"), "db.sql`select 1 as a`;\n");
      const env = { ...process.env, DATABASE_URL: url };
      const run = (command: string): ReturnType<typeof spawnSync> =>
        spawnSync(process.execPath, [...program(), command], { cwd, env, encoding: "utf8" });
      const { stdout, stderr, status } = run("write");
      match(
        `${stdout}${stderr}`,
        /a\.ts:1\n {2}\+ <\{ a: number \}>\n1 template: none is wrong, 1 written/,
      );
      equal(status, 0);
      equal(readFileSync(join(cwd, "a.ts"), "utf8"), "db.sql<{ a: number }>`select 1 as a`;\n");
      writeFileSync(join(cwd, "a.ts"), "db.sql`select x`;\n");
      equal(run("check").status, 1);
    } finally {
      rmSync(cwd, { recursive: true, force: true });
    }
    return Promise.resolve();
  });
});
