/**
 * Cancels that take effect after they seem to be over, as behind a pooler that closes the cancel
 * connection early; and statements of the driver's own that are hit.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type Connection, InternalError, OperationalError } from "../../mod.ts";
import { failure } from "../_kit/outcomes.ts";
import {
  call,
  expect,
  expectAll,
  expectClose,
  handshake,
  type Script,
  send,
  withServer,
} from "../_kit/scripted_server.ts";
import {
  bindComplete,
  commandComplete,
  dataRow,
  errorResponse,
  parseComplete,
  readyForQuery,
} from "../_kit/server_messages.ts";
import { CANCELLED, cancelled, signal } from "./cancelling.ts";
import { assertFailure, ending, fails, NEW, opening, reach, wholeAnswer } from "./hostile.ts";

/** A simple query whose text begins with `words`. */
function asks(words: string): Script {
  return [expect("Q", (message) => assert.ok(String(message.text).startsWith(words)))];
}

/** BEGIN by itself, in front of a simple query, and its answer. */
const BEGUN: Script = [
  expectAll("P", "B", "E", "S"),
  send(parseComplete(), bindComplete(), commandComplete("BEGIN"), readyForQuery("T")),
];

/** The answer to the first query, which a cancel has missed, and the end of that cancel. */
function missed(status: string, came: Promise<void>, close: () => void): Script {
  return [
    call("cancel", () => came),
    send(...opening(), dataRow(["missed"]), commandComplete("SELECT 1"), readyForQuery(status)),
    call("close", close),
  ];
}

/** The statements after a cancel that takes effect when it seems to be over, and what comes of them. */
const LATE: readonly {
  what: string;
  status: string;
  script: Script;
  run: (db: Connection) => Promise<void>;
}[] = [
  {
    what: "a query outside of a transaction is sent again",
    status: "I",
    script: [NEW, send(CANCELLED, readyForQuery()), NEW, send(...wholeAnswer("again"))],
    run: async (db) => assert.equal(await db.query("select late").scalar(), "again"),
  },
  {
    what: "a text that commits on its way is not sent again, and the error says why",
    status: "I",
    script: [
      asks("insert"),
      send(commandComplete("INSERT 0 1"), commandComplete("COMMIT"), CANCELLED, readyForQuery()),
    ],
    run: async (db) => {
      const error = await failure(db.query("insert into t values (1); commit; select 2").simple());
      assertFailure(error, fails(OperationalError, /^canceling/, "57014"));
      assert.match(String(error.cause), /the cancel of an earlier request/);
    },
  },
  {
    what: "a query in a transaction fails, and the error says why",
    status: "T",
    script: [
      NEW,
      send(CANCELLED, readyForQuery("E")),
      asks("rollback"),
      send(...ending("ROLLBACK")),
    ],
    run: async (db) => {
      const error = await failure(db.query("select late"));
      assertFailure(error, fails(OperationalError, /^canceling/, "57014"));
      assert.match(String(error.cause), /the cancel of an earlier request/);
      await db.query("rollback").simple();
    },
  },
];

for (const { what, status, script, run } of LATE) {
  test(`cancel: after one that takes effect late, ${what}`, async () => {
    const asked = signal(), came = signal(), answered = signal();
    const scripts: Script[] = [
      [
        handshake(),
        NEW,
        call("asked", asked.give),
        missed(status, came.given, answered.give),
        script,
        expect("X"),
        expectClose(),
      ],
      cancelled(came.give, answered.given),
    ];
    await withServer((i) => scripts[i], async (server) => {
      const db = await connect(reach(server));
      const target = db.query("select slow").execute();
      await asked.given;
      const over = db.cancel();
      assert.deepEqual([...await target], [{ n: "missed" }]);
      await over;
      await run(db);
      await db.close();
    });
  });
}

test("cancel: ROLLBACK TO that a late cancel has hit is sent again", async () => {
  const asked = signal(), came = signal(), answered = signal();
  const scripts: Script[] = [
    // deno-fmt-ignore
    [
      handshake(), BEGUN, asks("savepoint"),
      send(commandComplete("SAVEPOINT"), readyForQuery("T")), NEW, call("asked", asked.give),
      missed("T", came.given, answered.give),
      asks("rollback to savepoint"), send(CANCELLED, readyForQuery("E")),
      asks("rollback to savepoint"),
      send(commandComplete("ROLLBACK"), commandComplete("RELEASE"), readyForQuery("T")),
      asks("commit"), send(...ending("COMMIT")), expect("X"), expectClose(),
    ],
    cancelled(came.give, answered.given),
  ];
  await withServer((i) => scripts[i], async (server) => {
    const db = await connect(reach(server));
    const mine = new Error("mine");
    await db.transaction(async (tx) => {
      const error = await failure(tx.savepoint(async (inner) => {
        const target = inner.query("select slow").execute();
        await asked.given;
        const over = db.cancel();
        await target;
        await over;
        throw mine;
      }));
      assert.equal(error, mine);
    });
    await db.close();
  });
});

test("cancel: a transaction that cannot be rolled back to its savepoint has the cause", async () => {
  const refused = [errorResponse({ C: "XX000", M: "out of luck" }), readyForQuery("E")];
  const script: Script = [
    // deno-fmt-ignore
    [
      handshake(), BEGUN, asks("savepoint"),
      send(commandComplete("SAVEPOINT"), readyForQuery("T")),
      asks("rollback to savepoint"), send(...refused), asks("commit"),
      send(...ending("ROLLBACK")), expect("X"), expectClose(),
    ],
  ].flat();
  await withServer(() => script, async (server) => {
    const db = await connect(reach(server));
    const error = await failure(db.transaction(async (tx) => {
      await tx.savepoint(() => Promise.reject(new Error("mine"))).catch(() => {});
    }));
    assertFailure(error, fails(InternalError, /rolled back instead of committed/, "40000"));
    assert.equal((error.cause as Error).message, "out of luck");
    await db.close();
  });
});

test("cancel: a connection whose transaction cannot be rolled back is given up", async () => {
  const refused = [errorResponse({ C: "XX000", M: "out of luck" }), readyForQuery("E")];
  const script: Script = [
    handshake(),
    ...[
      BEGUN,
      asks("select 1"),
      send(commandComplete("SELECT 0"), readyForQuery("T")),
      asks("rollback"),
      send(...refused),
      expectClose(),
    ],
  ];
  await withServer(() => script, async (server) => {
    const db = await connect(reach(server));
    const mine = new Error("mine");
    const error = await failure(db.transaction(async (tx) => {
      await tx.query("select 1").simple();
      throw mine;
    }));
    assert.equal(error, mine);
    assert.equal(((await db.closed) as Error).message, "connection destroyed");
  });
});
