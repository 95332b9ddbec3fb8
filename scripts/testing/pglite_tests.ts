/**
 * The tests of tests/server that run once more against PGlite (`CORNAC_POOLER=pglite`), and those of
 * them that cannot hold there, each with its reason. PGlite has one session, which a second
 * connection, a pool of several and SQL behind the driver's back would need, and a statement occupies
 * the thread, so that none can be stopped.
 */
import type { Exclusion, LeftOut } from "./exclusions.ts";

/** The files that are run. */
export const SELECTED: readonly string[] = [
  ...["batch", "dbapi_copy", "dbapi_cursor", "error_position", "large_object"],
  ...["parameters", "prepare", "query", "sql", "stream", "transaction", "types_copied_strings"],
  ...["types_round_trip", "types_writing"],
].map((name) => `tests/server/${name}.test.ts`);

const SESSIONS = "it needs a second session";
const STOPS = "it stops statements that run, which PGlite cannot";
const WHOLE = "PGlite runs a COPY when its data are complete, so that errors and waits come later";

/** Files that are not run: no test of them, or hardly one, applies. */
export const LEFT_OUT: readonly LeftOut[] = [
  ...leftOut("it needs roles, passwords, addresses or TLS of a server", [
    ...["connect", "connect_life", "connect_oauth", "connect_parameters", "connect_roles"],
    ...["dial", "own_options", "tls", "tls_sequence", "tls_table", "client_encoding"],
  ]),
  ...leftOut(SESSIONS, [
    ...["dbapi_tpc", "dbapi_transactions", "kit", "listen", "own_sql", "own_sql_codecs", "pool"],
    ...[
      "pgbouncer",
      "pool_chaos",
      "pool_checkouts",
      "pool_close",
      "pool_examples",
      "pool_failover",
    ],
    ...["pool_faults", "pool_functions", "pool_life", "pool_listen", "pool_lost", "pool_pgbouncer"],
    ...["pool_plain_reads", "pool_release", "pool_trace", "trace", "trace_channels", "two_phase"],
    ...["dbapi_types_register", "failures", "statement_model", "transaction_limits"],
    ...["transaction_lost", "types_catalogue", "types_extensions", "websocket", "pool_copy"],
  ]),
  ...leftOut("PGlite has no replication", ["option_checks"]),
  ...leftOut(STOPS, ["cancel", "large_object_limits", "query_cancel", "stream_stop", "transfers"]),
  ...leftOut(WHOLE, ["copy_exclusive", "copy_in", "copy_out", "copy_rows"]),
  ...leftOut("it runs COPY with a program, which PGlite cannot start", ["copy_refused"]),
  ...leftOut("it takes minutes there and tests codecs, which the selected files test as well", [
    ...["types_days"],
  ]),
  ...leftOut("it tests what the selected files test as well; left out for the time it takes", [
    ...["dbapi_pep249", "order", "pool_session_need", "query_options", "query_promise", "rules"],
    ...["safe_to_retry", "sql_foreign", "transaction_unstarted", "types_names", "types_settings"],
    ...["types_surrogates"],
  ]),
  ...leftOut("it changes the session's authorization, which PGlite does not give back", ["native"]),
  ...leftOut("it tests PGlite itself", ["pglite"]),
];

/** Tests that cannot hold in PGlite. */
export const EXCLUSIONS: readonly Exclusion[] = [
  ...excluded(SESSIONS, [
    "batch: unknown types, stale statements, and rows as arrays",
    "executeMany: without a cache, with a stale statement, aborted, and when the backend dies",
    "batch: queries made on it keep their texts, parameters and shapes, by every way",
    "cursor: while its code loads, a statement keeps the values it was made with",
    "query: parameterTypes by name and by OID fix what the server would choose",
    "sql: text that is not what it seems is refused before anything is sent",
    "sql: a list within parentheses is hinted at, by every way",
    "transaction: retries serialization failures until it succeeds",
    "transaction: the end of the backend rejects it, and later queries are refused",
    "types of extensions go to PostgreSQL 18 and come back, found by their names",
    "every base type of PostgreSQL 18 has a table or a reason to have none",
    "a user's codec stands in for a type of PostgreSQL 18 by its OID or its name, in containers too",
  ]),
  { test: "query: describe() tells the types and runs nothing", reason: SESSIONS, sometimes: true },
  ...excluded("PGlite does not report the stale statement there; the cause is not known", [
    "statement cache: inside a transaction a stale statement is a retryable error, once",
    "statement cache: a stale statement in a pipeline with its ROLLBACK is not run outside",
  ]),
  ...excluded(STOPS, [
    "batch: abort and timeout stop it, and undo it",
    "query: cancel() stops this one and no other",
    "query: cancel() of one that waits behind another leaves the other alone",
    "stream: what was asked before is answered before, and what is asked after comes after",
    "transaction: an abort within it fails it, and the connection is usable",
    "pseudo-types of PostgreSQL 18 that a result can have are read alike in both formats",
  ]),
];

function leftOut(reason: string, names: readonly string[]): LeftOut[] {
  return names.map((name) => [`tests/server/${name}.test.ts`, reason]);
}

function excluded(reason: string, tests: readonly string[]): Exclusion[] {
  return tests.map((test) => ({ test, reason }));
}
