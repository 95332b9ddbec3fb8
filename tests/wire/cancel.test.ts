import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, OperationalError } from "../../mod.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import { failure } from "../_kit/outcomes.ts";
import {
  call,
  close,
  expect,
  expectClose,
  handshake,
  type Script,
  send,
  together,
  withServer,
} from "../_kit/scripted_server.ts";
import {
  bindComplete,
  closeComplete,
  dataRow,
  noticeResponse,
  readyForQuery,
} from "../_kit/server_messages.ts";
import { CANCELLED, cancelled, signal } from "./cancelling.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import {
  assertFailure,
  ending,
  fails,
  KNOWN,
  NEW,
  opening,
  reach,
  wholeAnswer,
} from "./hostile.ts";

const HIT: readonly { where: string; before: Uint8Array[]; again: Script }[] = [
  { where: "Close", before: [], again: [NEW, send(...wholeAnswer("again"))] },
  { where: "Parse", before: [closeComplete()], again: [NEW, send(...wholeAnswer("again"))] },
  {
    where: "Execute",
    before: [closeComplete(), ...opening()],
    again: [KNOWN, send(bindComplete(), dataRow(["again"]), ...ending())],
  },
];

for (const { where, before, again } of HIT) {
  test(`cancel: a query whose ${where} is hit in another's place is sent again`, async () => {
    const asked = signal(), came = signal(), answered = signal();
    const scripts: Script[] = [
      // deno-fmt-ignore
      [
        handshake(), NEW, send(...wholeAnswer("cached")),
        NEW, expect("C"), NEW, call("asked", asked.give), call("cancel", () => came.given),
        send(...wholeAnswer("just done"), ...before, CANCELLED, readyForQuery()),
        call("settle", (peer) => peer.wait(0.05)), call("answered", answered.give),
        again, expect("X"), expectClose(),
      ],
      cancelled(came.give, answered.given),
    ];
    await withServer((i) => scripts[i], async (server) => {
      const db = await connect(reach(server, { statementCacheSize: 1 }));
      await db.query("select evicted");
      const target = db.query("select slow", [], { prepare: false }).execute();
      const bystander = db.query("select fast").execute();
      await asked.given;
      db.cancel();
      assert.deepEqual([...await target], [{ n: "just done" }]);
      assert.deepEqual([...await bystander], [{ n: "again" }]);
      await db.close();
    });
  });
}

test("cancel: inside a transaction a query hit in another's place fails", async () => {
  const asked = signal(), came = signal(), answered = signal();
  const scripts: Script[] = [
    // deno-fmt-ignore
    [
      handshake(), NEW, NEW, call("asked", asked.give), call("cancel", () => came.given),
      send(...opening(), dataRow(["1"]), ending()[0]!, readyForQuery("T")),
      send(CANCELLED, readyForQuery("E")), call("answered", answered.give),
      expect("X"), expectClose(),
    ],
    cancelled(came.give, answered.given),
  ];
  await withServer((i) => scripts[i], async (server) => {
    const db = await connect(reach(server));
    const target = db.query("select slow").execute();
    const bystander = db.query("select fast").execute();
    await asked.given;
    db.cancel();
    assert.deepEqual([...await target], [{ n: "1" }]);
    assertFailure(await failure(bystander), fails(OperationalError, /^canceling/, "57014"));
    assert.equal(db.transactionStatus, "failed");
    await db.close();
  });
});

test("cancel: nothing new is sent during a cancel", async () => {
  const asked = signal(), came = signal(), over = signal();
  const scripts: Script[] = [
    // deno-fmt-ignore
    [
      handshake(), NEW, call("asked", asked.give), call("cancel", () => came.given),
      send(CANCELLED, readyForQuery()), call("wait", (peer) => peer.wait(0.05)),
      call("silence", (peer) => assert.equal(peer.received.length, 1 + 5)),
      call("over", over.give), NEW, send(...wholeAnswer("after")), expect("X"), expectClose(),
    ],
    cancelled(came.give, over.given),
  ];
  await withServer((i) => scripts[i], async (server) => {
    const db = await connect(reach(server));
    const target = db.query("select slow").execute();
    await asked.given;
    db.cancel();
    const held = db.query("select later").execute();
    assertFailure(await failure(target), fails(OperationalError, /^query cancelled$/, "57014"));
    assert.deepEqual([...await held], [{ n: "after" }]);
    await db.close();
  });
});

test("cancel: close() waits for queries that are held back, and no cancel outlives it", async () => {
  const asked = signal(), came = signal(), over = signal();
  const scripts: Script[] = [
    // deno-fmt-ignore
    [
      handshake(), NEW, call("asked", asked.give), call("cancel", () => came.given),
      send(CANCELLED, readyForQuery()), call("wait", (peer) => peer.wait(0.05)),
      call("over", over.give), NEW, send(...wholeAnswer("held")), expect("X"), expectClose(),
    ],
    cancelled(came.give, over.given),
  ];
  await withServer((i) => scripts[i], async (server) => {
    const db = await connect(reach(server));
    const target = failure(db.query("select slow").execute());
    await asked.given;
    db.cancel();
    const held = db.query("select later").execute();
    const closing = db.close();
    assertFailure(await target, fails(OperationalError, /^query cancelled$/, "57014"));
    assert.deepEqual([...await held], [{ n: "held" }]);
    await closing;
  });
});

test("cancel: close() does not wait for a cancel that is not awaited", async () => {
  const asked = signal(), came = signal(), closed = signal();
  const scripts: Script[] = [
    // deno-fmt-ignore
    [
      handshake(), NEW, call("asked", asked.give), call("cancel", () => came.given),
      send(...wholeAnswer("just done")), expect("X"), expectClose(),
    ],
    cancelled(came.give, closed.given),
  ];
  await withServer((i) => scripts[i], async (server) => {
    const db = await connect(reach(server));
    const target = db.query("select slow").execute();
    await asked.given;
    db.cancel();
    assert.deepEqual([...await target], [{ n: "just done" }]);
    await db.close();
    closed.give();
  });
});

test("cancel: cancel() stops a query that is held back because another's cancel is under way", async () => {
  const asked = signal(), came = signal(), over = signal();
  const scripts: Script[] = [
    // deno-fmt-ignore
    [
      handshake(), NEW, call("asked", asked.give), call("cancel", () => came.given),
      send(CANCELLED, readyForQuery()), call("until", () => over.given),
      call("silence", (peer) => assert.equal(peer.received.length, 1 + 5)),
      expect("X"), expectClose(),
    ],
    cancelled(came.give, over.given),
  ];
  await withServer((i) => scripts[i], async (server) => {
    const db = await connect(reach(server));
    const target = failure(db.query("select slow"));
    await asked.given;
    const telling = db.cancel();
    assertFailure(await target, fails(OperationalError, /^query cancelled$/, "57014"));
    const held = failure(db.query("select later").execute());
    await db.cancel();
    assertFailure(await held, fails(OperationalError, /^query cancelled$/, "57014"));
    over.give();
    await telling;
    await db.close();
  });
});

test("cancel: a cancel that the server has dropped is repeated", async () => {
  const asked = signal(), came = signal();
  const scripts: Script[] = [
    // deno-fmt-ignore
    [
      handshake(), NEW, call("asked", asked.give), call("cancel", () => came.given),
      send(CANCELLED, readyForQuery()), expect("X"), expectClose(),
    ],
    [expect("cancel"), close()],
    cancelled(came.give, Promise.resolve()),
  ];
  await withServer((i) => scripts[i], async (server) => {
    const db = await connect(reach(server));
    const query = db.query("select slow").execute();
    await asked.given;
    db.cancel();
    assertFailure(await failure(query), fails(OperationalError, /^query cancelled$/, "57014"));
    await db.close();
  });
});

test("cancel: no cancel is repeated for a closed connection", async () => {
  const asked = signal(), came = signal();
  const scripts: Script[] = [
    [handshake(), NEW, call("asked", asked.give), expectClose()],
    cancelled(came.give, Promise.resolve()),
  ];
  await withServer((i) => scripts[i], async (server) => {
    const db = await connect(reach(server));
    const query = db.query("select slow").execute();
    await asked.given;
    db.cancel();
    await came.given;
    db.destroy();
    await failure(query);
    await new Promise((resolve) => setTimeout(resolve, 400));
    assert.equal(server.peers.length, 2);
  });
});

test("cancel: cancel() resolves when the server has closed the cancel connection", async () => {
  const asked = signal(), came = signal(), mayClose = signal(), told = signal();
  const scripts: Script[] = [
    // deno-fmt-ignore
    [
      handshake(), NEW, call("asked", asked.give), call("told", () => told.given),
      send(...wholeAnswer("in time")), expect("X"), expectClose(),
    ],
    cancelled(came.give, mayClose.given),
    cancelled(() => {}, Promise.resolve()),
  ];
  await withServer((i) => scripts[i], async (server) => {
    const db = await connect(reach(server));
    const query = db.query("select slow").execute();
    await asked.given;
    let isResolved = false;
    const telling = db.cancel().then(() => isResolved = true);
    await came.given;
    assert.equal(isResolved, false);
    mayClose.give();
    await telling;
    told.give();
    assert.deepEqual([...await query], [{ n: "in time" }]);
    await db.cancel();
    await db.close();
  });
});

test("cancel: cancel() resolves although the server cannot be reached", () =>
  withoutUnhandled(async () => {
    const asked = signal(), told = signal();
    const scripts: Script[] = [
      // deno-fmt-ignore
      [
        handshake(), NEW, call("asked", asked.give), call("told", () => told.given),
        send(...wholeAnswer("untold")), expect("X"), expectClose(),
      ],
    ];
    await withServer((i) => scripts[i], async (server) => {
      const runtime = await detectRuntime();
      let dials = 0;
      const dialOnce: typeof runtime.connect = (address, options) =>
        dials++ === 0
          ? runtime.connect(address, options)
          : Promise.reject(new Error("no route to host"));
      const db = await connect(reach(server, { runtime: { ...runtime, connect: dialOnce } }));
      const query = db.query("select slow").execute();
      await asked.given;
      await db.cancel();
      told.give();
      assert.deepEqual([...await query], [{ n: "untold" }]);
      await db.cancel();
      await db.close();
    });
  }));

const ODD: Readonly<Record<string, Uint8Array>> = {
  "an error without a length": new TextEncoder().encode("Eno such server\0"),
  "no message": Uint8Array.of(0x5a, 0, 0, 0, 1),
  "more than a login takes": together(
    ...Array.from({ length: 40 }, () => noticeResponse({ M: "x".repeat(60_000) })),
  ),
};

for (const [what, answer] of Object.entries(ODD)) {
  test(`cancel: a cancel connection that is answered with ${what} is closed`, async () => {
    const asked = signal();
    const scripts: Script[] = [
      [handshake(), NEW, call("asked", asked.give), expectClose()],
      [expect("cancel"), send(answer), expectClose()],
    ];
    await withServer((i) => scripts[i], async (server) => {
      const db = await connect(reach(server));
      const query = db.query("select slow").execute();
      await asked.given;
      query.cancel();
      await assert.rejects(query, OperationalError);
      await db.closed;
    });
  });
}

test("cancel: queryTimeout cancels; the server's report is the cause", async () => {
  const came = signal();
  const scripts: Script[] = [
    // deno-fmt-ignore
    [
      handshake(), NEW, call("cancel", () => came.given),
      send(CANCELLED, readyForQuery()), expect("X"), expectClose(),
    ],
    cancelled(came.give, Promise.resolve()),
  ];
  await withServer((i) => scripts[i], async (server) => {
    const db = await connect(reach(server, { queryTimeout: 0.05 }));
    const error = await failure(db.query("select slow"));
    assertFailure(error, fails(OperationalError, /^query timed out after 0\.05 s/, "57014"));
    assert.match((error.cause as Error).message, /^canceling statement/);
    await db.close();
  });
});

test("cancel: a query aborted before it is sent is never sent", async () => {
  const script = [handshake(), NEW, send(...wholeAnswer("1")), expect("X"), expectClose()];
  await withServer(script, async (server) => {
    const db = await connect(reach(server, { maxPipelined: 1 }));
    const controller = new AbortController();
    const reason = new Error("changed my mind");
    const sent = db.query("select 1").execute();
    const { signal } = controller;
    const waiting = db.query("select 2", [], { signal }).execute();
    const error = failure(waiting);
    controller.abort(reason);
    assert.equal(await error, reason);
    assert.equal(await failure(db.query("select 3", [], { signal })), reason);
    assert.deepEqual([...await sent], [{ n: "1" }]);
    await db.close();
  });
});
