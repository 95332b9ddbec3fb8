import { equal, match } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { main } from "../../src/cli/cli.ts";
import { sharedServer } from "../_kit/servers.ts";
import { withDatabase } from "../server/types_server.ts";
import { fakeWorkplace } from "../typed/fake_workplace.ts";
import { ROOT } from "./run_block.ts";

const FOLDER = join(ROOT, "examples", "typed");
const text = (path: string): string => readFileSync(join(FOLDER, path), "utf8");

/** Checks the example on a database that is made by its schema, and then changed. */
async function check(change: string): Promise<{ output: string; code: number | undefined }> {
  const { host, port, major } = await sharedServer();
  const schema = `${text("schema.sql")}\n${change}`;
  return await withDatabase(major, schema, {}, async (_, database) => {
    const url = `postgres://postgres@${host}:${port}/${database}?sslmode=disable`;
    const files = { "cornac.json": text("cornac.json"), "src/library.ts": SOURCE };
    const place = fakeWorkplace(["check"], files, { DATABASE_URL: url });
    await main(place);
    return place;
  });
}

const SOURCE = readSource();

/** The npm tests hold the example as JavaScript; its types are gone there. */
function readSource(): string {
  try {
    return text("src/library.ts");
  } catch {
    return "";
  }
}

const skip = SOURCE === "" ? "the npm package holds JavaScript" : false;

test("the types of examples/typed are right", { skip }, async () => {
  const { output, code } = await check("");
  match(output, /^5 templates: none is wrong/m);
  equal(code, 0);
});

// deno-fmt-ignore
const CHANGES: readonly [fact: string, change: string, message: string][] = [
  ["a wrong column", "alter table books rename title to name", `src/library.ts:9:12 column b.title does not exist
src/library.ts:25:12 column b.title does not exist
`],
  ["a removed table", "drop table loans", `src/library.ts:11:15 relation "loans" does not exist
src/library.ts:26:10 relation "loans" does not exist
src/library.ts:40:30 relation "loans" does not exist
src/library.ts:51:17 relation "loans" does not exist
`],
  ["a changed nullability", "alter table books alter title drop not null", `src/library.ts:6 "title" can be NULL
  - <{ title: string; genre: "novel" | "poetry" | "science"; reader: string | null }>
  + <{ title: string | null; genre: "novel" | "poetry" | "science"; reader: string | null }>
src/library.ts:21 "title" can be NULL
  - <{ title: string; returned_on: string | null }, [number, import("../../../mod.ts").Fragment]>
  + <{ title: string | null; returned_on: string | null }, [number, import("../../../mod.ts").Fragment]>
`],
];

for (const [fact, change, message] of CHANGES) {
  test(`${fact} fails examples/typed with its place and the reason`, { skip }, async () => {
    const { output, code } = await check(change);
    equal(output.replace(/^1 types of your own.*\n5 templates.*\n$/m, ""), message);
    equal(code, 1);
  });
}
