import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import * as objectQueries from "../../src/cli/object_queries.ts";
import { literal } from "../../src/dbapi/quoting.ts";
import { quoteLiteral } from "../../src/query/quote.ts";
import * as replicateSql from "../../src/replication/replicate_sql.ts";
import * as slotSql from "../../src/replication/slot_sql.ts";
import { FUNCTIONS, RELATIONS, TYPES } from "../../src/typed/catalogue_queries.ts";
import { READ } from "../../src/typed/statements.ts";
import { faultsOf, ownTexts } from "../_kit/own_sql.ts";

test("the driver's own SQL names the schema of each function, type, relation and operator", () => {
  const texts = ownTexts();
  assert.ok(texts.length > 40);
  for (const [name, text] of texts) assert.deepEqual(faultsOf(text), [], name);
});

test("the SQL that finds types of statements names the schema of all it uses, too", () => {
  for (const text of [RELATIONS, FUNCTIONS, TYPES, READ]) assert.deepEqual(faultsOf(text), []);
});

test("the SQL that finds the objects of a database names the schema of all it uses, too", () => {
  for (const [name, text] of Object.entries(objectQueries)) {
    assert.deepEqual(faultsOf(text), [], name);
  }
});

test("the SQL for slots and publications names the schema of all it uses, too", () => {
  const made = [slotSql.slotNamed("'a'"), ...[true, false].map(slotSql.createLogicalSlot)];
  const fixed = Object.values(slotSql).filter((text) => typeof text === "string");
  assert.ok(fixed.length > 5);
  for (const text of [...fixed, ...made]) assert.deepEqual(faultsOf(text), [], text);
});

test("the SQL of change streams names the schema of all it uses, too", () => {
  const made = [
    replicateSql.importSnapshot("'a'"),
    replicateSql.tableRows(['"a"'], '"s"."t"', '("a" is null)', []),
  ];
  const fixed = Object.values(replicateSql).filter((text) => typeof text === "string");
  for (const text of [...fixed, ...made]) assert.deepEqual(faultsOf(text), [], text);
});

test("literals name the schema of their types", () => {
  for (const value of [NaN, new Date(0), Uint8Array.of(1), -Infinity]) {
    assert.deepEqual(faultsOf(`select ${quoteLiteral(value).trim().replace(/^E/, "")}`), []);
    const text = literal(value).trim().replace(/^E/, "");
    if (text.includes("::")) assert.deepEqual(faultsOf(`select ${text}`), []);
  }
});

/** Texts with one fault each; the first is what the catalogue query once said. */
const FAULTY: readonly string[] = [
  "select t.oid from pg_catalog.pg_type t where t.oid <> '0'::pg_catalog.oid",
  "select t.oid from pg_type t",
  "select t.oid from pg_catalog.pg_type t join pg_class c on true",
  "select t.oid from pg_catalog.pg_type t join pg_catalog.pg_class c using (oid)",
  "select t.oid from pg_catalog.pg_type t order by t.oid",
  "select t.oid from pg_catalog.pg_type t order by t.oid using <",
  "select t.oid from pg_catalog.pg_type t order by t.a using operator(pg_catalog.<), t.b",
  "select pg_advisory_unlock_all()",
  "select public.f()",
  "select $1",
  "select $1::oid",
  "select $1::public.oid",
  "select 1",
  "select 'a'",
  "select a in (b)",
  "select a between b and c",
  "select a like b",
  "select case a when b then c end",
  "select nullif(a, b)",
  "select a is distinct from b",
  "select a operator(public.=) b",
  "select a operator(=) b",
  "select a * b",
  "select a[b]",
  "select array[a]",
  "set a = 1",
  "commit prepared 'x' || f()",
];

test("the check of the driver's own SQL finds each kind of open name", () => {
  for (const text of FAULTY) assert.notDeepEqual(faultsOf(text), [], text);
});

/** How a statement begins: a verb and more. */
const STATEMENT =
  /^\s*(?:abort|alter|analyze|begin|call|close|cluster|comment|commit|copy|create|deallocate|declare|delete|discard|do|drop|execute|explain|fetch|grant|insert|listen|load|lock|merge|move|notify|prepare|reassign|refresh|reindex|release|reset|revoke|rollback|savepoint|security|select|set|show|start|table|truncate|unlisten|update|vacuum|values|with)\s+\S/i;

/** A command tag, as the server sends it: capitals only. */
const TAG = /^[A-Z]+(?: [A-Z]+)*$/;

/** A sentence, as errors are, or the name of an option. */
const SENTENCE = /\b(?:cannot|takes|needs)\b|…|[a-z][A-Z]/;

/** Files with texts of their own, which the tests above check, or are no more than one call. */
const OTHERS: ReadonlySet<string> = new Set([
  "cli/object_queries.ts",
  "dbapi/call_sql.ts",
  "features/late_sql.ts",
  "own_sql.ts",
  "pool/session_sql.ts",
  "query/catalog_sql.ts",
  "query/transaction_sql.ts",
  "replication/replicate_sql.ts",
  "replication/slot_sql.ts",
  "session/role_sql.ts",
  "typed/catalogue_queries.ts",
  "typed/statements.ts",
]);

/** Other strings of the source that begin like a statement, with their files. */
const NO_SQL: ReadonlySet<string> = new Set([
  "compat/pg/connection_string.ts: SECURITY WARNING: Using sslmode=verify-ca requires specifying a CA with sslrootcert.",
  "compat/pg/pool.ts: Release called on client which has already been released to the pool.",
  "errors/reason.ts: reset by the server",
  "pool/session_need.ts: set local in pool.transaction(), pool.connect() for a connection of your own, or ",
  "features/listen.ts: drop oldest",
  "features/listen.ts: drop newest",
  "pool/session_state.ts: SET LOCAL in a transaction",
  "replication/errors.ts: drop it, create another one and copy the tables again",
  "replication/explain.ts: drop unused slots, or raise max_replication_slots",
  "replication/explain.ts: set wal_level = logical and restart the server",
]);

test("no other file of the source has SQL of its own", async () => {
  const root = fileURLToPath(new URL("../../src/", import.meta.url));
  const files = (await readdir(root, { recursive: true })).filter((file) => file.endsWith(".ts"));
  assert.ok(files.length > 100);
  const found: string[] = [];
  for (const file of files) {
    if (OTHERS.has(file)) continue;
    for (const text of stringsOf(await readFile(root + file, "utf8"))) {
      if (TAG.test(text) || SENTENCE.test(text) || NO_SQL.has(`${file}: ${text}`)) continue;
      if (STATEMENT.test(text)) found.push(`${file}: ${text}`);
    }
  }
  assert.deepEqual(found, []);
});

/** The strings and the beginnings of templates in a module, but for those that are types. */
function stringsOf(text: string): string[] {
  const strings: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isLiteralTypeNode(node)) return;
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node)) strings.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile("a.ts", text, ts.ScriptTarget.Latest));
  return strings;
}
