/** How a pool cleans a session between two borrowers, message by message. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createPool, type Pool, type PoolOptions } from "../../mod.ts";
import { cleaning } from "../../src/own_sql.ts";
import {
  expect,
  expectClose,
  handshake,
  type Script,
  type ScriptedServer,
  send,
  type Step,
  withServer,
} from "../_kit/scripted_server.ts";
import {
  commandComplete,
  dataRow,
  errorResponse,
  readyForQuery,
  rowDescription,
} from "../_kit/server_messages.ts";
import { until } from "../_kit/waiting.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";

/** The text for a connection that was opened with no parameter of its own. */
const CLEANING = cleaning([["'client_encoding'", "'UTF8'"]]);

const asks = (text: string): Step => expect("Q", (message) => assert.equal(message.text, text));

const answers = (tag: string): Step => send(commandComplete(tag), readyForQuery());

const cleaned: Step = send(
  ...["BEGIN", "CLOSE", "RESET", "RESET", "RESET", "UNLISTEN", "DISCARD", "DISCARD"]
    .map((tag) => commandComplete(tag)),
  rowDescription([{ name: "pg_advisory_unlock_all", typeOid: 2278 }]),
  dataRow([""]),
  commandComplete("SELECT 1"),
  commandComplete("COMMIT"),
  readyForQuery(),
);

async function withPool(
  { host, port }: ScriptedServer,
  options: PoolOptions,
  work: (pool: Pool) => Promise<void>,
): Promise<void> {
  const connection = { host, port, user: "u", sslMode: "disable" as const };
  const pool = createPool(connection, { max: 1, ...options });
  try {
    await withoutUnhandled(() => work(pool));
  } finally {
    await pool.close({ timeout: 2 });
  }
}

function scripted(
  scripts: readonly Script[],
  options: PoolOptions,
  work: (pool: Pool) => Promise<void>,
): Promise<void> {
  const script = (index: number): Script | undefined =>
    scripts[index] && [handshake(), asks(""), answers(""), ...scripts[index]];
  return withServer(script, (server) => withPool(server, options, work));
}

test("pool cleaning: the next borrower's request is sent behind it, without waiting for its answer", () =>
  scripted(
    [[
      asks("select 1"),
      answers("SELECT 1"),
      asks(CLEANING),
      asks("select 2"),
      cleaned,
      answers("SELECT 2"),
      asks(CLEANING),
      cleaned,
      expectClose(),
    ]],
    {},
    async (pool) => {
      await pool.query("select 1").simple();
      const [second] = await pool.query("select 2").simple().all();
      assert.equal(second!.rowCount, 2);
      await until(() => pool.stats().idle === 1);
      await new Promise((resolve) => setTimeout(resolve, 20));
    },
  ));

test("pool cleaning: nothing is sent for a borrower that has sent nothing", () =>
  scripted(
    [[asks("select 1"), answers("SELECT 1"), asks(CLEANING), cleaned, expectClose()]],
    {},
    async (pool) => {
      await (await pool.connect()).close();
      await pool.query("select 1").simple();
      for (let i = 0; i < 3; i++) await (await pool.connect()).close();
      await new Promise((resolve) => setTimeout(resolve, 20));
    },
  ));

test('pool cleaning: with reset "text" and behind a transaction pooler there is none', async () => {
  for (const options of [{ reset: "text" }, { pooler: "transaction" }] as const) {
    await scripted(
      [[
        asks("select 1"),
        answers("SELECT 1"),
        asks("select 2"),
        answers("SELECT 1"),
        expectClose(),
      ]],
      options,
      async (pool) => {
        await pool.query("select 1").simple();
        await new Promise((resolve) => setTimeout(resolve, 20));
        await pool.query("select 2").simple();
      },
    );
  }
});

const FAILED_BLOCK = errorResponse({
  S: "ERROR",
  V: "ERROR",
  C: "25P02",
  M: "current transaction is aborted, commands ignored until end of transaction block",
});

test("pool cleaning: where it fails, what was sent behind it is run on another connection", () =>
  scripted(
    [
      [
        asks("select 1"),
        answers("SELECT 1"),
        asks(CLEANING),
        asks("select 2"),
        send(
          commandComplete("BEGIN"),
          errorResponse({ S: "ERROR", V: "ERROR", C: "57014", M: "canceling statement" }),
          readyForQuery("E"),
          FAILED_BLOCK,
          readyForQuery("E"),
        ),
      ],
      [asks("select 2"), answers("SELECT 2"), asks(CLEANING), cleaned, expectClose()],
    ],
    {},
    async (pool) => {
      await pool.query("select 1").simple();
      const [second] = await pool.query("select 2").simple().all();
      assert.equal(second!.rowCount, 2);
      assert.equal(pool.stats().created, 2);
      await new Promise((resolve) => setTimeout(resolve, 20));
    },
  ));

test("pool cleaning: a session whose cleaning fails while it is idle is closed", () =>
  scripted(
    [[
      asks("select 1"),
      answers("SELECT 1"),
      asks(CLEANING),
      send(
        errorResponse({ S: "ERROR", V: "ERROR", C: "42601", M: "syntax error" }),
        readyForQuery(),
      ),
    ]],
    {},
    async (pool) => {
      await pool.query("select 1").simple();
      await until(() => pool.stats().total === 0);
      assert.equal(pool.stats().retired.lost, 1);
    },
  ));
