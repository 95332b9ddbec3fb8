/** Walks PG8000.md: whatever pg8000 documents is there, and what is said of it is so. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Cursor } from "../../mod.ts";
import * as dbapi from "../../src/dbapi/dbapi.ts";
import * as native from "../../src/dbapi/native.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PAGE = readFileSync(join(ROOT, "PG8000.md"), "utf8");
const [NAMES = "", BEHAVIOUR = ""] = PAGE.split("\n## Behaviour\n");

const CONNECTION = `close __enter__ notices notifications parameter_statuses register_in_adapter
  register_out_adapter`;
const ERRORS = `Warning Error InterfaceError DatabaseError DataError OperationalError IntegrityError
  InternalError ProgrammingError NotSupportedError`;

/** Every public name of pg8000, by where it is. */
const PG8000: Readonly<Record<string, string>> = {
  "": `user host database port password source_address unix_sock ssl_context timeout tcp_keepalive
    application_name replication startup_params sock`,
  "pg8000.": "connect dbapi.connect native.Connection()",
  "native.":
    `Connection PreparedStatement identifier literal to_statement State Error InterfaceError
    DatabaseError PGInterval Range`,
  "native.Connection.": `run columns row_count prepare ${CONNECTION}`,
  "native.PreparedStatement.": "run columns close",
  "dbapi.": `apilevel threadsafety paramstyle __version__ convert_paramstyle Date Time Timestamp
    DateFromTicks TimeFromTicks TimestampFromTicks Binary PgDate PgTime Connection Cursor
    ArrayContentNotSupportedError ${ERRORS}`,
  "dbapi.Connection.": `autocommit cursor commit rollback xid tpc_begin tpc_prepare tpc_commit
    tpc_rollback tpc_recover ${CONNECTION} ${ERRORS}`,
  "dbapi.Cursor.": `arraysize connection rowcount description execute executemany callproc fetchone
    fetchmany fetchall __iter__ close setinputsizes setoutputsize`,
  "legacy.": "pginterval_in pginterval_out timedelta_in",
  "legacy.Connection.": "run description prepare",
  "legacy.PreparedStatement.": "run close",
  "legacy.Cursor.": "paramstyle __enter__",
  "types.": "PGInterval Range",
  "types.PGInterval.": `from_str from_str_iso_8601 from_str_postgres from_str_sql_standard normalize
    to_timedelta __eq__ __str__`,
  "types.Range.": "lower upper bounds is_empty __eq__ __str__",
  "converters.":
    `identifier literal *_in *_out array_out array_string_escape composite_out record_in
    vector_in make_param make_params PG_TYPES PY_TYPES PY_PG PG_PY_ENCODINGS MIN_INT2`,
  "core.Connection.": `user password channel_binding pg_types py_types message_types execute_simple
    execute_unnamed prepare_statement execute_named close_prepared_statement`,
};

/** Instead of a connection, as nothing is sent. */
const DRIVER = { implicit: () => ({}) } as never;
/** The members that instances must have. */
const INSTANCES: Readonly<Record<string, object>> = {
  "native.Connection": new native.Connection(DRIVER),
  "dbapi.Connection": new dbapi.Connection(DRIVER, false, "format"),
  "dbapi.Cursor": new Cursor(null, {} as never, {} as never),
  "native.PreparedStatement": native.PreparedStatement.prototype,
  "dbapi.PreparedStatement": dbapi.PreparedStatement.prototype,
  "native.PGInterval": new native.PGInterval(),
  "dbapi.PGInterval": new dbapi.PGInterval(),
  "native.Range": new native.Range(),
};

function rowsOf(markdown: string): string[][] {
  return markdown.split("\n").filter((line) => /^\| [^-]/.test(line)).map((line) =>
    line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim().replaceAll("\\|", "|"))
  ).filter(([name]) => name !== "pg8000");
}

/** Whether `dbapi.Cursor.fetchone` and the like exist; `Symbol.` names a well-known symbol. */
function exists(path: string): boolean {
  const [module, name, ...rest] = path.split(".");
  const exported = ({ dbapi, native } as Record<string, object>)[module!]!;
  if (rest.length === 0) return name! in exported;
  const key = rest[0] === "Symbol" ? Symbol[rest[1] as "asyncDispose"] : rest[0]!;
  const Class = (exported as Record<string, object>)[name!]!;
  return key in (INSTANCES[`${module}.${name}`] ?? {}) || key in Class;
}

const names = new Map(rowsOf(NAMES).map(([name, here]) => [name!.replaceAll("`", ""), here!]));

test("pg8000 checklist: the table of names is complete and has nothing else", () => {
  const wanted = Object.entries(PG8000).flatMap(([prefix, list]) =>
    list.split(/\s+/).map((name) => `${prefix}${name}`)
  );
  assert.deepEqual([...names.keys()].toSorted(), wanted.toSorted());
});

test("pg8000 checklist: every name has its equal here, or a reason to have none", async () => {
  let equals = 0;
  let reasons = 0;
  for (const [name, here] of names) {
    const option = /^option `(\w+)`$/.exec(here)?.[1];
    const path = /^`([\w.]+)`$/.exec(here)?.[1];
    if (option !== undefined) await isOption(option);
    else if (path !== undefined) assert.ok(exists(path), `${name}: ${path}`);
    else assert.match(here, /^no: \S.{4}/, name);
    if (here.startsWith("no: ")) reasons++;
    else equals++;
  }
  process.stdout.write(`# pg8000's names: ${equals} are here, ${reasons} are not, with a reason\n`);
});

async function isOption(name: string): Promise<void> {
  const options = { host: "192.0.2.1", [name]: Symbol("of no option's type") };
  await assert.rejects(dbapi.connect(options as never), (error) => {
    assert.match(String(error), new RegExp(`InterfaceError: ${name} must be `));
    return true;
  });
}

test("pg8000 checklist: every constant is an OID in both modules, and is listed", () => {
  const listed = [...NAMES.matchAll(/(?<=[\s,(])`([A-Z][A-Z0-9_]+)`/g)].map(([, name]) => name!);
  const isConstant = (name: string): boolean => /^[A-Z][A-Z0-9_]+$/.test(name);
  for (const module of [dbapi, native]) {
    const exported = Object.keys(module).filter(isConstant);
    assert.deepEqual(exported.toSorted(), [...new Set(listed)].toSorted());
    const oids = exported.map((name) => (module as Record<string, unknown>)[name]);
    assert.ok(oids.every((oid) => Number.isInteger(oid)));
  }
  assert.equal(native.NULLTYPE, -1);
  assert.deepEqual([native.STRING, native.JSONB_ARRAY, native.XID], [1043, 3807, 28]);
});

test("pg8000 checklist: every behaviour has a test that exists, and what differs a reason", () => {
  const titles = testSources();
  const counts = { same: 0, fixed: 0, differs: 0 };
  for (const [behaviour, here, title] of rowsOf(BEHAVIOUR.split("\n## ")[0]!)) {
    const word = /^(same|fixed|differs)(?=[;:,]|$)/.exec(here!)?.[1] as keyof typeof counts;
    assert.ok(word, `${behaviour}: same, fixed or differs`);
    if (word === "differs") assert.match(here!, /^differs: \S.{2}/, behaviour);
    assert.ok(title !== "" && titles.includes(title!), `${behaviour}: no test "${title}"`);
    counts[word]++;
  }
  const { same, fixed, differs } = counts;
  process.stdout.write(
    `# pg8000's behaviours: ${same} the same, ${fixed} fixed, each with its test; ${differs} differ\n`,
  );
  assert.ok(same + fixed + differs > 100);
});

/** The text of all tests but this one. */
function testSources(): string {
  const tests = join(ROOT, "tests");
  return readdirSync(tests, { recursive: true, encoding: "utf8" })
    .filter((path) => /\.[tj]s$/.test(path) && !path.includes("dbapi_checklist"))
    .map((path) => readFileSync(join(tests, path), "utf8"))
    .join("\n").replaceAll("\\\\", "\\");
}
