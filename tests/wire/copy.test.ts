import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, OperationalError, ProtocolError } from "../../mod.ts";
import { failure } from "../_kit/outcomes.ts";
import {
  call,
  close,
  deaf,
  expect,
  expectAll,
  handshake,
  reset,
  type Script,
  send,
  withServer,
} from "../_kit/scripted_server.ts";
import {
  commandComplete,
  copyBothResponse,
  copyData,
  copyInResponse,
  errorResponse,
  noticeResponse,
  notificationResponse,
  parseComplete,
  readyForQuery,
} from "../_kit/server_messages.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { assertAlive, BEGIN_IN, BEGUN, bodyOf, data, IN, USABLE } from "./copies.ts";
import { assertClosed, assertFailure, fails, NEW, quietly, reach, wholeAnswer } from "./hostile.ts";

/** An endless source that tells when it was given up. */
function endless() {
  const seen = { returned: 0 };
  const iterator = {
    next: async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      return { done: false, value: "x".repeat(20_000) };
    },
    return: () => {
      seen.returned++;
      return Promise.resolve({ done: true, value: undefined });
    },
  };
  return { seen, source: { [Symbol.asyncIterator]: () => iterator } as AsyncIterable<string> };
}

test("copy in: many small pieces leave in one CopyData, and one Sync comes after CopyDone", async () => {
  // deno-fmt-ignore
  const script = [
    handshake(), BEGIN_IN, data("1\ta\n2\tb\n"), expectAll("c", "S"),
    send(commandComplete("COPY 2"), readyForQuery()), USABLE,
  ];
  await quietly(script, async (server) => {
    const db = await connect(reach(server));
    assert.equal(await db.copyFrom(IN, ["1\t", "a\n", "", "2\tb", "\n"]), 2);
    await assertAlive(db);
  });
});

test("copy in: notices and notifications do not disturb it", async () => {
  // deno-fmt-ignore
  const script = [
    handshake(), BEGIN_IN, send(noticeResponse({ M: "n" }), notificationResponse("c", "p")),
    data("1\n"), expectAll("c", "S"), send(commandComplete("COPY 1"), readyForQuery()), USABLE,
  ];
  await quietly(script, async (server) => {
    const db = await connect(reach(server));
    const source = async function* () {
      while (db.notifications.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      yield "1\n";
    };
    assert.equal(await db.copyFrom(IN, source()), 1);
    await assertAlive(db);
  });
});

test("copy in: a source that throws is reported to the server by CopyFail, with its message", async () => {
  const mine = new Error("the disk is gone");
  // deno-fmt-ignore
  const script = [
    handshake(), BEGIN_IN, data("1\n"),
    expect("f", (m) => assert.match(bodyOf(m), /^the disk is gone\0$/)), expect("S"),
    send(errorResponse({ C: "57014", M: "COPY from stdin failed" }), readyForQuery()), USABLE,
  ];
  await quietly(script, async (server) => {
    const db = await connect(reach(server));
    const source = function* () {
      yield "1\n";
      throw mine;
    };
    assert.equal(await failure(db.copyFrom(IN, source())), mine);
    await assertAlive(db);
  });
});

test("copy in: an error before or amid the data is answered by one Sync, and no data follows", async () => {
  const refused = errorResponse({ C: "22P02", M: "bad row" });
  const early = [expectAll("P", "B", "E", "H"), send(parseComplete(), refused)];
  let amid = 0;
  // deno-fmt-ignore
  const late = [
    BEGIN_IN,
    expect("d"), send(refused),
    call("until Sync", async (peer) => {
      for (let m = await peer.receive("Sync"); m.tag !== "S"; m = await peer.receive("Sync")) {
        assert.equal(m.tag, "d");
        amid++;
      }
    }),
  ];
  // deno-fmt-ignore
  const script = [
    handshake(), early, expect("S"), send(readyForQuery()),
    late, send(readyForQuery()), USABLE,
  ];
  await withoutUnhandled(() =>
    withServer(script, async (server) => {
      const db = await connect(reach(server));
      const wanted = fails(Error, /^bad row$/, "22P02");
      for (let i = 0; i < 2; i++) {
        const { seen, source } = endless();
        const error = await failure(db.copyFrom(IN, source));
        assert.match(error.message, wanted.phrase);
        assert.equal(seen.returned, 1);
      }
      await assertAlive(db);
      assert.ok(amid < 1000);
    })
  );
});

const VIOLATIONS: readonly (readonly [string, Script, RegExp])[] = [
  [
    "CommandComplete before CopyDone",
    [BEGIN_IN, send(commandComplete("COPY 0"))],
    /CommandComplete/,
  ],
  ["CopyBothResponse", [
    expectAll("P", "B", "E", "H"),
    send(...BEGUN, copyBothResponse()),
  ], /CopyBothResponse/],
  ["ReadyForQuery instead of an answer", [BEGIN_IN, send(readyForQuery())], /ReadyForQuery/],
  ["CopyData from the server", [BEGIN_IN, send(copyData("x"))], /CopyData/],
  ["no BindComplete", [
    expectAll("P", "B", "E", "H"),
    send(parseComplete(), copyInResponse()),
  ], /CopyInResponse/],
  ["a count of columns that is not there", [
    expectAll("P", "B", "E", "H"),
    send(...BEGUN, "G\0\0\0\x07\0\0\x09"),
  ], /CopyInResponse/],
];

for (const [name, script, message] of VIOLATIONS) {
  test(`copy in: ${name} ends the connection`, async () => {
    const whole = [
      handshake(),
      script,
      call("drain", async (peer) => {
        while (await peer.next({ forever: true }) !== undefined);
      }),
    ];
    await quietly(whole, async (server) => {
      const db = await connect(reach(server));
      const { seen, source } = endless();
      const error = await failure(db.copyFrom(IN, source));
      assertFailure(error, fails(ProtocolError, message, "08P01"));
      assert.equal(seen.returned, 1);
      await assertClosed(db, message);
    });
  });
}

test("copy in: a connection that is closed or reset amid the data ends copy and source", async () => {
  for (const end of [close(), reset()]) {
    const script = [handshake(), BEGIN_IN, expect("d"), end];
    await withoutUnhandled(() =>
      withServer(script, async (server) => {
        const db = await connect(reach(server));
        const { seen, source } = endless();
        const error = await failure(db.copyFrom(IN, source));
        assertFailure(error, fails(OperationalError, /^connection lost/, "08006"));
        assert.equal(seen.returned, 1);
        await db.closed;
      })
    );
  }
});

test("copy in: a server that stops reading is given up after `timeout`", async () => {
  await withoutUnhandled(() =>
    withServer([handshake(), BEGIN_IN, expect("d"), deaf()], async (server) => {
      const db = await connect(reach(server, { timeout: 0.4 }));
      const { seen, source } = endless();
      const error = await failure(db.copyFrom(IN, source));
      assertFailure(error, fails(OperationalError, /^connection timed out/, "08006"));
      assert.equal(seen.returned, 1);
      await db.closed;
    })
  );
});

test("copy in: a server that does not answer CopyDone is given up after `timeout`", async () => {
  const silent = call("silent", async (peer) => {
    while (await peer.next({ forever: true }) !== undefined);
  });
  await withoutUnhandled(() =>
    withServer(
      [handshake(), BEGIN_IN, data("1\n"), expectAll("c", "S"), silent],
      async (server) => {
        const db = await connect(reach(server, { timeout: 0.2 }));
        const error = await failure(db.copyFrom(IN, "1\n"));
        assertFailure(error, fails(OperationalError, /^connection timed out/, "08006"));
      },
    )
  );
});

test("cancel: a query aborted while another's cancel is under way is cancelled after it", async () => {
  let came = () => {}, answered = () => {}, asked = () => {};
  const firstCame = new Promise<void>((resolve) => came = resolve);
  const firstAnswered = new Promise<void>((resolve) => answered = resolve);
  const bothAsked = new Promise<void>((resolve) => asked = resolve);
  let again = () => {};
  const secondCame = new Promise<void>((resolve) => again = resolve);
  const cancelled = errorResponse({ C: "57014", M: "canceling statement due to user request" });
  const scripts: Script[] = [
    // deno-fmt-ignore
    [
      handshake(), NEW, NEW, call("asked", asked), call("cancel", () => firstCame),
      send(cancelled, readyForQuery()), call("settle", (peer) => peer.wait(0.05)),
      call("answered", answered), call("cancel", () => secondCame),
      send(cancelled, readyForQuery()), USABLE,
    ],
    [expect("cancel"), call("came", came), call("until", () => firstAnswered), close()],
    [expect("cancel"), call("came", again), close()],
  ];
  await withoutUnhandled(() =>
    withServer((i) => scripts[i], async (server) => {
      const db = await connect(reach(server));
      const reasons = [new Error("first"), new Error("second")];
      const controllers = reasons.map(() => new AbortController());
      const queries = controllers.map(({ signal }, i) =>
        failure(db.query(`select ${i}`, [], { signal }))
      );
      await bothAsked;
      controllers.forEach((controller, i) => controller.abort(reasons[i]));
      const errors = await Promise.all(queries);
      assert.deepEqual(errors.map((error) => error.cause ?? error), reasons);
      await assertAlive(db);
    })
  );
});

test("copy in: hit by a cancel meant for the query before, it fails and is not sent again", async () => {
  let came = () => {}, answered = () => {}, asked = () => {};
  const cancelCame = new Promise<void>((resolve) => came = resolve);
  const copyAnswered = new Promise<void>((resolve) => answered = resolve);
  const bothAsked = new Promise<void>((resolve) => asked = resolve);
  const cancelled = errorResponse({ C: "57014", M: "canceling statement due to user request" });
  const scripts: Script[] = [
    // deno-fmt-ignore
    [
      handshake(), NEW, expectAll("P", "B", "E", "H"), call("asked", asked),
      call("cancel", () => cancelCame), send(...wholeAnswer("just done")),
      send(...BEGUN, copyInResponse()), data("1\n"), expectAll("c", "S"),
      send(cancelled, readyForQuery()), call("answered", answered), USABLE,
    ],
    [expect("cancel"), call("came", came), call("until", () => copyAnswered), close()],
  ];
  await withoutUnhandled(() =>
    withServer((i) => scripts[i], async (server) => {
      const db = await connect(reach(server));
      const target = db.query("select slow").execute();
      const copy = failure(db.copyFrom(IN, "1\n"));
      await bothAsked;
      db.cancel();
      assert.deepEqual([...await target], [{ n: "just done" }]);
      assertFailure(await copy, fails(OperationalError, /meant for another query/, "57014"));
      await assertAlive(db);
    })
  );
});
