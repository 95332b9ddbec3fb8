/** A pool while its server is away, refuses it, or does not answer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createPool, type Pool, type PoolOptions, PoolTimeoutError } from "../../mod.ts";
import { failure } from "../_kit/outcomes.ts";
import {
  close,
  expect,
  handshake,
  ignore,
  type Script,
  send,
  type Step,
  withServer,
} from "../_kit/scripted_server.ts";
import {
  authenticationCleartextPassword,
  commandComplete,
  errorResponse,
  readyForQuery,
} from "../_kit/server_messages.ts";
import { until } from "../_kit/waiting.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";

/** No server listens there. */
const AWAY = { host: "127.0.0.1", port: 1, user: "u" };

/** Long enough to fail the test when anything waits for it. */
const LONG = 60;

const WAYS: readonly (readonly [string, (pool: Pool) => PromiseLike<unknown>])[] = [
  ["query()", (pool) => pool.query("select 1")],
  ["sql", (pool) => pool.sql`select 1`],
  ["simple()", (pool) => pool.query("select 1").simple()],
  ["a stream", (pool) => pool.query("select 1")[Symbol.asyncIterator]().next()],
  ["batch()", (pool) => pool.batch([{ text: "select 1" }])],
  ["executeMany()", (pool) => pool.executeMany("select $1", [[1]])],
  ["prepare()", (pool) => pool.prepare("select 1")],
  ["transaction()", (pool) => pool.transaction((tx) => tx.query("select 1"))],
  ["connect()", (pool) => pool.connect()],
  ["COPY in", (pool) => pool.copyFrom("copy t from stdin", "1")],
  ["COPY out", (pool) => pool.copyTo("copy t to stdout")[Symbol.asyncIterator]().next()],
  ["listen()", (pool) => pool.listen("c")],
  ["notify()", (pool) => pool.notify("c")],
];

test("pool: while no connection was ever made, a server that is away fails each call at once", () =>
  withoutUnhandled(async () => {
    const pool = createPool(AWAY, { acquireTimeout: LONG, connectBackoff: LONG });
    for (const [way, call] of WAYS) {
      for (let i = 0; i < 2; i++) {
        const error = await failure(call(pool)) as Error & { code?: string };
        assert.equal(error.name, "OperationalError", way);
        assert.equal(error.code, "08001", way);
        assert.match(error.message, /ECONNREFUSED/, way);
      }
    }
    const all = await Promise.all(WAYS.map(([, call]) => failure(call(pool))));
    assert.equal(new Set(all).size, all.length);
    await pool.close();
  }));

test("pool: with waitForServer callers wait, and the error says what the attempts said", async () => {
  const pool = createPool(AWAY, { acquireTimeout: 0.2, waitForServer: true, connectBackoff: 0.05 });
  for (const call of [() => pool.connect(), () => pool.listen("c")]) {
    const error = await failure(call()) as PoolTimeoutError;
    assert.ok(error instanceof PoolTimeoutError);
    assert.equal(error.code, "08001");
    assert.match(error.message, /the last attempt to connect: .*ECONNREFUSED/);
    assert.match((error.cause as Error).message, /ECONNREFUSED/);
  }
  await pool.close();
});

test('pool: waitForServer: "never" fails calls with the error of the attempt, at any time', () => {
  const starting = errorResponse({ V: "FATAL", C: "57P03", M: "the system is starting up" });
  const refuse: Script = [...handshake({ authentication: [send(starting), close()] })];
  const once: Script = [handshake(), asks(""), answers(""), asks("select 1"), answers("SELECT 1")];
  const lost: Script = [...once, close()];
  const scripts = [refuse, lost, refuse, refuse, [...once, ignore()]];
  return withServer((index) => scripts[index]!, async ({ host, port }) => {
    const to = { host, port, user: "u", sslMode: "disable" as const };
    const patience = { acquireTimeout: LONG, connectBackoff: LONG };
    const pool = createPool(to, { ...patience, waitForServer: "never", reset: "text" });
    const run = () => pool.query("select 1").simple();
    const refused = { name: "OperationalError", code: "57P03", message: /starting up/ };
    await assert.rejects(run(), refused);
    await run();
    await until(() => pool.stats().retired.lost === 1);
    await assert.rejects(run(), refused);
    await assert.rejects(pool.listen("c"), refused);
    await run();
    await pool.close();
  });
});

test("pool: a wait for a first connection that never comes ends with 08001", () =>
  withServer((): Script => [ignore()], async ({ host, port }) => {
    const pool = createPool({ host, port, user: "u" }, { acquireTimeout: 0.1 });
    const error = await failure(pool.connect()) as PoolTimeoutError;
    assert.ok(error instanceof PoolTimeoutError);
    assert.deepEqual([error.code, error.cause], ["08001", undefined]);
    assert.match(error.message, /0 open, 0 in use, 1 connecting/);
    pool.destroy();
  }));

test("pool: a mistake in the password function is not tried again", () =>
  withServer((): Script => [
    ...handshake({
      authentication: [send(authenticationCleartextPassword()), ignore()],
    }),
  ], async ({ host, port }) => {
    let calls = 0;
    const password = () => {
      calls++;
      throw new ReferenceError("secrets is not defined");
    };
    const options = { host, port, user: "u", sslMode: "disable" as const };
    const pool = createPool(options, { password, waitForServer: true, acquireTimeout: LONG });
    const error = await failure(pool.query("select 1"));
    assert.match(String(error), /password/);
    assert.equal(calls, 1);
    await pool.close();
  }));

const asks = (text: string): Step => expect("Q", (message) => assert.equal(message.text, text));

const answers = (tag: string): Step => send(commandComplete(tag), readyForQuery());

function withPool(
  scripts: readonly Script[],
  options: PoolOptions,
  work: (pool: Pool) => Promise<void>,
): Promise<void> {
  const script = (index: number): Script => [handshake(), ...scripts[index] ?? scripts.at(-1)!];
  return withServer(script, async ({ host, port }) => {
    const connection = { host, port, user: "u", sslMode: "disable" as const };
    const pool = createPool(connection, { reset: "text", ...options });
    try {
      await withoutUnhandled(() => work(pool));
    } finally {
      await pool.close({ timeout: 1 });
    }
  });
}

test("pool: a connection that logs in and gets no answer is not lent, and its error says why", () =>
  withPool(
    [
      [
        asks(""),
        answers(""),
        asks("select 1"),
        answers("SELECT 1"),
        asks("select 2"),
        answers("SELECT 2"),
        ignore(),
      ],
      [asks(""), ignore()],
    ],
    { max: 2, acquireTimeout: 0.4, connectBackoff: LONG },
    async (pool) => {
      const first = await pool.connect();
      await first.query("select 1").simple();
      const error = await failure(pool.connect()) as PoolTimeoutError;
      assert.match(error.message, /pooler in session mode/);
      assert.equal(error.code, "08006");
      await first.close();
      await pool.query("select 2").simple();
    },
  ));

test("pool: the first connection that gets no answer fails its query with the reason", () =>
  withPool([[asks(""), asks("select 1"), ignore()]], { acquireTimeout: 0.2 }, async (pool) => {
    const error = await failure(pool.query("select 1").simple()) as Error;
    assert.match(String(error.cause ?? error), /pooler in session mode/);
  }));

const TIMED_OUT = errorResponse({
  S: "FATAL",
  V: "FATAL",
  C: "57P05",
  M: "terminating connection due to idle-session timeout",
});

test("pool: a query that meets the end of an idle session is run on another connection", () =>
  withPool(
    [
      [
        asks(""),
        answers(""),
        asks("select 1"),
        answers("SELECT 1"),
        asks("select 2"),
        send(TIMED_OUT),
        close(),
      ],
      [asks(""), answers(""), asks("select 2"), answers("SELECT 2"), ignore()],
    ],
    { max: 1 },
    async (pool) => {
      await pool.query("select 1").simple();
      await pool.query("select 2").simple();
      assert.equal(pool.stats().created, 2);
    },
  ));

test("pool: a connection is asked whether it lives after the process was frozen", async () => {
  const real = Date.now;
  try {
    await withPool(
      [[
        ...[asks(""), answers(""), asks("select 1"), answers("SELECT 1")],
        ...[asks("select 2"), answers("SELECT 2"), asks(""), answers("")],
        ...[asks("select 3"), answers("SELECT 3"), ignore()],
      ]],
      { max: 1 },
      async (pool) => {
        await pool.query("select 1").simple();
        await pool.query("select 2").simple();
        // The monotonic clock stands still meanwhile.
        Date.now = () => real() + 60_000;
        await pool.query("select 3").simple();
      },
    );
  } finally {
    Date.now = real;
  }
});
