import { equal, match } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { sharedServer } from "../_kit/servers.ts";
import { SCHEMA } from "./corpus/schema.ts";
import { withTables } from "./typed_server.ts";
import { program } from "./program.ts";

const HEAD =
  `declare const db: { sql<Row, Values = unknown>(text: TemplateStringsArray, ...values: unknown[]): Row[] };
interface User { id: number; email: string }
interface Wide { id: number | bigint; email: string | null; more?: string }
`;

const typescript = [".", "..", "../.."]
  .map((one) => fileURLToPath(new URL(`../../${one}/node_modules/typescript`, import.meta.url)))
  .find((path) => existsSync(path));
const skip = typescript === undefined ? "there is no TypeScript in node_modules" : false;

/** Runs the tool in a folder with this source. */
async function check(
  source: string,
): Promise<{ output: string; status: number | null; left: string }> {
  const { host, port } = await sharedServer();
  return await withTables(18, SCHEMA, (_, database) => {
    const cwd = mkdtempSync(join(tmpdir(), "cornac-own-"));
    try {
      mkdirSync(join(cwd, "node_modules"));
      symlinkSync(typescript!, join(cwd, "node_modules", "typescript"));
      writeFileSync(join(cwd, "a.ts"), source);
      const url = `postgres://postgres@${host}:${port}/${database}?sslmode=disable`;
      const { stdout, stderr, status } = spawnSync(process.execPath, [...program(), "check"], {
        cwd,
        env: { ...process.env, DATABASE_URL: url },
        encoding: "utf8",
      });
      const left = readdirSync(cwd).sort().join();
      return Promise.resolve({ output: stdout + stderr, status, left });
    } finally {
      rmSync(cwd, { recursive: true, force: true });
    }
  });
}

test(
  "a type of the user's that takes the rows passes, and nothing is left behind",
  { skip },
  async () => {
    const source = `${HEAD}db.sql<Wide>\`select id, email from users\`;\n`;
    const { output, status, left } = await check(source);
    match(output, /^1 template: none is wrong/);
    equal(status, 0);
    equal(left, "a.ts,node_modules");
  },
);

test(
  "a type of the user's that does not take the rows fails, with the compiler's reason",
  { skip },
  async () => {
    const source =
      `${HEAD}function f() {\n  return db.sql<User>\`select id, email from users\`;\n}\n`;
    const { output, status } = await check(source);
    match(output, /^a\.ts:5 rows do not fit the type written here\n/);
    match(
      output,
      /'email' are incompatible|Type 'string \| null' is not assignable to type 'string'/,
    );
    match(output, /rows are \{ id: number; email: string \| null \}/);
    equal(status, 1);
  },
);
