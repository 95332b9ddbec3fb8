import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type Connection, InterfaceError, OperationalError } from "../../mod.ts";
import { failure } from "../_kit/outcomes.ts";
import { certificates } from "../_kit/certs.ts";
import {
  answerSsl,
  call,
  close,
  deaf,
  expect,
  expectClose,
  handshake,
  ignore,
  reset,
  type Script,
  type ScriptedServer,
  send,
  startTls,
  withServer,
} from "../_kit/scripted_server.ts";
import {
  authenticationOk,
  authenticationSasl,
  dataRow,
  errorResponse,
  readyForQuery,
} from "../_kit/server_messages.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import {
  assertFailure,
  ending,
  fails,
  NEW,
  opening,
  quietly,
  reach,
  wholeAnswer,
} from "./hostile.ts";

const GOODBYE = [expect("X"), expectClose()];
const CLOSED = fails(InterfaceError, /^connection is closed$/);
const DESTROYED = fails(OperationalError, /^connection destroyed$/, "08003");
const OVERDUE = fails(OperationalError, /^connection destroyed: closeTimeout is over$/);

/** A promise and the function that fulfils it. */
function signal(): { readonly given: Promise<void>; give: () => void } {
  let give = () => {};
  const given = new Promise<void>((resolve) => give = resolve);
  return { given, give };
}

function gracefully(
  script: Script,
  body: (db: Connection, server: ScriptedServer) => Promise<void>,
): Promise<void> {
  return quietly([handshake(), script], async (server) => {
    const db = await connect(reach(server));
    await body(db, server);
    await db.closed;
    assertFailure(await failure(db.query("select 'late'")), CLOSED);
  });
}

test("close: an idle connection says Terminate and closes", () =>
  gracefully(GOODBYE, async (db) => {
    assert.equal(await db.close(), undefined);
    assert.equal((await failure(db.query("select 1"))).cause, undefined, "nothing went wrong");
  }));

test("close: twice is once, also at the same time", () =>
  gracefully(GOODBYE, async (db, server) => {
    await Promise.all([db.close(), db.close(), db[Symbol.asyncDispose]()]);
    await db.close();
    db.destroy();
    await server.done();
    assert.equal(server.received.filter(({ tag }) => tag === "X").length, 1);
  }));

test("close: what is queued is answered first, and new queries are refused meanwhile", () =>
  gracefully(
    [NEW, NEW, NEW, send(...["1", "2", "3"].flatMap(wholeAnswer)), GOODBYE],
    async (db) => {
      const queries = [1, 2, 3].map((n) => db.query(`select ${n}`).execute());
      const closing = db.close();
      assertFailure(await failure(db.query("select 4")), CLOSED);
      const results = await Promise.all(queries);
      assert.deepEqual(results.map(([row]) => row), [{ n: "1" }, { n: "2" }, { n: "3" }]);
      await closing;
    },
  ));

test("close: after a query that failed", () =>
  gracefully([NEW, send(errorResponse(), readyForQuery()), GOODBYE], async (db) => {
    const query = db.query("select 1").execute();
    await Promise.all([failure(query), db.close()]);
  }));

test("close: it resolves when the connection is lost instead, and pending queries fail", async () => {
  for (const step of [close(), reset()]) {
    await gracefully([NEW, NEW, step], async (db) => {
      const queries = [1, 2].map((n) => failure(db.query(`select ${n}`).execute()));
      await db.close();
      for (const error of await Promise.all(queries)) {
        assertFailure(error, fails(OperationalError, /^connection lost/, "08006"));
      }
    });
  }
});

test("close: after the connection was lost it resolves at once", async () => {
  for (const step of [close(), reset()]) {
    await gracefully([step], async (db) => {
      await db.closed;
      await db.close();
      const { cause } = await failure(db.query("select 1"));
      assertFailure(cause as Error, fails(OperationalError, /^connection lost/, "08006"));
    });
  }
});

test("close: a server that ignores Terminate is left after closeTimeout at the latest", () =>
  withoutUnhandled(() =>
    withServer(
      // Neither reads nor closes: only a client that does not wait for it gets away.
      [handshake(), deaf()],
      async (server) => {
        const db = await connect(reach(server, { closeTimeout: 0.2 }));
        await db.close();
        await db.closed;
      },
    )
  ));

test("close: a query that is never answered fails when closeTimeout is over", () =>
  withoutUnhandled(() =>
    withServer([handshake(), NEW, NEW, expectClose()], async (server) => {
      const db = await connect(reach(server, { closeTimeout: 0.1 }));
      const queries = [1, 2].map((n) => failure(db.query(`select ${n}`).execute()));
      await db.close();
      for (const error of await Promise.all(queries)) assertFailure(error, OVERDUE);
      const { cause } = await failure(db.query("select 3"));
      assertFailure(cause as Error, OVERDUE);
    })
  ));

test("close: a write that the server never takes does not hold it up", () =>
  withoutUnhandled(() =>
    withServer([handshake(), deaf()], async (server) => {
      const db = await connect(reach(server, { closeTimeout: 0.2 }));
      const huge = failure(db.query("select $1", ["x".repeat(20_000_000)]).execute());
      await db.close();
      assertFailure(await huge, OVERDUE);
    })
  ));

test("close: queries that wait for their turn are answered, too", () =>
  quietly(
    [handshake(), NEW, send(...wholeAnswer("1")), NEW, send(...wholeAnswer("2")), GOODBYE],
    async (server) => {
      const db = await connect(reach(server, { maxPipelined: 1 }));
      const queries = [1, 2].map((n) => db.query(`select ${n}`).execute());
      await db.close();
      assert.deepEqual((await Promise.all(queries)).map(([row]) => row), [{ n: "1" }, { n: "2" }]);
    },
  ));

test("destroy: an idle connection is closed at once, twice is once", () =>
  gracefully([expectClose()], async (db, server) => {
    db.destroy();
    db.destroy(new Error("too late"));
    await db.closed;
    await db.close();
    await server.done();
    assert.ok(server.received.every(({ tag }) => tag !== "X"));
  }));

test("destroy: pending queries fail with the reason as the cause", () =>
  withoutUnhandled(() =>
    withServer([handshake(), NEW, NEW, expectClose()], async (server) => {
      const db = await connect(reach(server, { maxPipelined: 2 }));
      const queries = [1, 2, 3].map((n) => failure(db.query(`select ${n}`).execute()));
      await new Promise((resolve) => setTimeout(resolve, 20));
      const reason = new Error("shutting down");
      db.destroy(reason);
      const errors = await Promise.all(queries);
      for (const error of errors) {
        assertFailure(error, DESTROYED);
        assert.equal((error.cause as Error).cause, reason);
      }
      const safe = errors.map((error) => (error as OperationalError).safeToRetry);
      assert.deepEqual(safe, [false, false, true], "only the last was never sent");
    })
  ));

test("destroy: in the middle of an answer", () =>
  quietly([handshake(), NEW, send(...opening(), dataRow(["1"])), expectClose()], async (server) => {
    const db = await connect(reach(server));
    const query = failure(db.query("select 1").execute());
    await new Promise((resolve) => setTimeout(resolve, 5));
    db.destroy();
    assertFailure(await query, DESTROYED);
  }));

test("destroy: from a hook while messages are read", () =>
  quietly([handshake(), NEW, send(...wholeAnswer("1"), ...ending()), expectClose()], async (s) => {
    const db: Connection = await connect(reach(s));
    const after = db.query("select n").then(() => db.destroy());
    await after;
    await db.closed;
  }));

test("destroy: while closing", () =>
  withoutUnhandled(() =>
    withServer([handshake(), NEW, expectClose()], async (server) => {
      const db = await connect(reach(server));
      const query = failure(db.query("select 1").execute());
      const closing = db.close();
      await new Promise((resolve) => setTimeout(resolve, 20));
      db.destroy();
      await closing;
      assertFailure(await query, DESTROYED);
    })
  ));

test("destroy: after the connection was lost changes nothing", () =>
  gracefully([close()], async (db) => {
    await db.closed;
    db.destroy(new Error("too late"));
    const { cause } = await failure(db.query("select 1"));
    assertFailure(cause as Error, fails(OperationalError, /^connection lost/, "08006"));
  }));

const { server: tls } = await certificates();
const reached = signal;

/** Where connecting stands when it is aborted; each script ends when the client has gone. */
const STAGES: readonly { stage: string; script: (tell: Script) => Script; sslMode?: "require" }[] =
  [
    { stage: "the answer to SSLRequest", sslMode: "require", script: (t) => [expect("ssl"), t] },
    { stage: "the TLS handshake", sslMode: "require", script: (t) => [answerSsl("S"), t] },
    {
      stage: "the answer to an encrypted StartupMessage",
      sslMode: "require",
      script: (t) => [answerSsl("S"), startTls(tls), expect("startup"), t, ignore()],
    },
    { stage: "authentication", script: (t) => [expect("startup"), t, expectClose()] },
    {
      stage: "SCRAM",
      // deno-fmt-ignore
      script: (t) => [
        expect("startup"), send(authenticationSasl(["SCRAM-SHA-256"])), expect("p"), t,
        expectClose(),
      ],
    },
    {
      stage: "ReadyForQuery",
      script: (t) => [expect("startup"), send(authenticationOk()), t, expectClose()],
    },
  ];

for (const { stage, script, sslMode } of STAGES) {
  test(`abort: connecting is broken off while waiting for ${stage}`, async () => {
    const here = reached();
    const tell = [call("here", async (peer) => (await peer.wait(0.02), here.give()))];
    await withoutUnhandled(() =>
      withServer(script(tell), async (server) => {
        const controller = new AbortController();
        const { signal } = controller;
        const options = { signal, password: "p", ...(sslMode && { sslMode }) };
        const error = failure(connect(reach(server, options)));
        await here.given;
        const reason = new Error("changed my mind");
        controller.abort(reason);
        assert.equal(await error, reason);
      })
    );
  });
}

test("abort: a signal that was aborted before dials nothing", async () => {
  const reason = new Error("never mind");
  const options = { host: "127.0.0.1", port: 1, user: "u", signal: AbortSignal.abort(reason) };
  assert.equal(await failure(connect(options)), reason);
});

test("abort: once connected the signal has no effect", () =>
  quietly([handshake(), NEW, send(...wholeAnswer("1")), GOODBYE], async (server) => {
    const controller = new AbortController();
    const db = await connect(reach(server, { signal: controller.signal }));
    controller.abort();
    assert.deepEqual([...await db.query("select n")], [{ n: "1" }]);
    await db.close();
  }));
