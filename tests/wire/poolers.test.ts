/** The messages of poolers, word for word, and what the driver's error adds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, DatabaseError } from "../../mod.ts";
import { failure } from "../_kit/outcomes.ts";
import {
  close,
  expect,
  expectAll,
  expectClose,
  handshake,
  type Script,
  send,
  withServer,
} from "../_kit/scripted_server.ts";
import { errorResponse, readyForQuery } from "../_kit/server_messages.ts";
import { reach } from "./hostile.ts";

const SAID: readonly (readonly [pooler: string, fields: Record<string, string>, means: RegExp])[] =
  [
    [
      "PgBouncer",
      { C: "08P01", M: "unsupported startup parameter: options" },
      /^unsupported startup parameter: options; PgBouncer refuses startup parameter "options": omit it, .*ignore_startup_parameters$/,
    ],
    [
      "PgBouncer",
      { C: "08P01", M: "unsupported startup parameter in options: search_path" },
      /; PgBouncer refuses "search_path" in startup parameter "options"/,
    ],
    [
      "PgBouncer",
      { C: "08P01", M: "query_wait_timeout" },
      /; PgBouncer had no server connection free/,
    ],
    [
      "PgBouncer",
      { C: "08P01", M: "no more connections allowed (max_client_conn)" },
      /; PgBouncer has reached its max_client_conn$/,
    ],
    [
      "PgBouncer",
      { C: "08P01", M: "no such database: shop" },
      /; PgBouncer does not list the database/,
    ],
    [
      "PgBouncer",
      { C: "08P01", M: "server login has been failing, try again later (server_login_retry)" },
      /; PgBouncer is running, but the server behind it is not$/,
    ],
    [
      "Odyssey",
      { C: "08P01", M: "odyssey: cc3deab3a28e8: route for 'shop.bob' is not found" },
      /; the error comes from Odyssey, not from the server behind it$/,
    ],
    [
      "pgagroal",
      { C: "53300", M: "connection pool is full" },
      /; pgagroal has no connection free$/,
    ],
    [
      "pgagroal",
      { C: "28000", M: 'no pgagroal_hba.conf entry for host "::1", user "bob", database "shop"' },
      /; pgagroal refuses the connection, not the server behind it$/,
    ],
    [
      "Pgpool-II",
      {
        C: "58000",
        M: 'kind mismatch among backends. Possible last query was: "select 1" kind details are: 0[C]',
        F: "pool_process_query.c",
      },
      /; the servers behind Pgpool-II returned different answers$/,
    ],
    [
      "Pgpool-II",
      { C: "58000", M: "unable to read data from DB node 1", F: "pool_stream.c" },
      /; Pgpool-II could not read from a server behind it$/,
    ],
    [
      "PgCat",
      { C: "58000", M: "could not get connection from the pool - AllServersDown" },
      /; PgCat had no server connection within its connect_timeout$/,
    ],
    [
      "Supavisor",
      { C: "XX000", M: "Tenant or user not found" },
      /; Supavisor needs the tenant in the user's name: user\.tenant$/,
    ],
    [
      "Supavisor",
      { C: "XX000", M: "Max client connections reached" },
      /; Supavisor has reached its limit of clients$/,
    ],
    [
      "RDS Proxy",
      {
        C: "0A000",
        M: "Feature not supported: RDS Proxy currently doesn’t support the option plan_cache_mode.",
      },
      /; omit startup parameter "plan_cache_mode"$/,
    ],
    [
      "RDS Proxy",
      {
        C: "0A000",
        M: "Feature not supported: RDS Proxy currently doesn’t support command-line options.",
      },
      /; omit startup parameter "options"$/,
    ],
  ];

const refusal = (fields: Record<string, string>): Uint8Array =>
  errorResponse({ S: "FATAL", V: "FATAL", ...fields } as Parameters<typeof errorResponse>[0]);

for (const [pooler, fields, means] of SAID) {
  test(`pooler: what ${pooler} means by "${fields.M}"`, async () => {
    const script: Script = [expect("startup"), send(refusal(fields)), close()];
    await withServer(script, async (server) => {
      const error = await failure(connect(reach(server)));
      assert.ok(error instanceof DatabaseError);
      assert.match(error.message, means);
      assert.equal(error.fields.M, fields.M, "the words themselves are kept");
    });
  });
}

test("pooler: PostgreSQL, which names its source file, is not taken for one", async () => {
  for (const [, fields] of SAID.filter(([pooler]) => pooler !== "Pgpool-II")) {
    const raised = refusal({
      ...fields,
      S: "ERROR",
      V: "ERROR",
      F: "pl_exec.c",
      R: "exec_stmt_raise",
    });
    const talk = [...expectAll("P", "D", "B", "E", "S"), send(raised, readyForQuery())];
    await withServer([handshake(), ...talk, expect("X"), expectClose()], async (server) => {
      const db = await connect(reach(server));
      const error = await failure(db.query("select raise()"));
      assert.equal(error.message, fields.M);
      await db.close();
    });
  }
});

test("pooler: one that drops 3.2 is named as a reason, when no less will do", async () => {
  const least = { maxProtocolVersion: "3.2", minProtocolVersion: "3.2" } as const;
  await withServer([expect("startup"), close()], async (server) => {
    const error = await failure(connect(reach(server, least)));
    assert.match(error.message, /connection lost.*; poolers without protocol 3\.2/);
  });
  await withServer(
    [expect("startup"), send(refusal({ C: "28000", M: "no" })), close()],
    async (server) => {
      assert.equal((await failure(connect(reach(server, least)))).message, "no");
    },
  );
});
