import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, OperationalError } from "../../mod.ts";
import { failure } from "../_kit/outcomes.ts";
import {
  call,
  close,
  expect,
  expectClose,
  handshake,
  type Script,
  send,
  serve,
  withServer,
} from "../_kit/scripted_server.ts";
import {
  authenticationOk,
  backendKeyData,
  errorResponse,
  negotiateProtocolVersion,
  noticeResponse,
  parameterStatus,
  readyForQuery,
} from "../_kit/server_messages.ts";
import { assertFailure, fails, NEW, quietly, reach } from "./hostile.ts";

const startup: Script = [expect("startup")];

for (const size of [4, 32, 256]) {
  test(`odd server: a secret key of ${size} bytes comes back in the cancel request`, async () => {
    const key = Uint8Array.from({ length: size }, (_, i) => 255 - i);
    const cancelled = errorResponse({ C: "57014", M: "canceling statement due to user request" });
    let wasCancelled = () => {};
    const cancel = new Promise<void>((resolve) => wasCancelled = resolve);
    const scripts: Script[] = [
      // deno-fmt-ignore
      [
        handshake({ key, processId: 815 }), NEW, call("a cancel", () => cancel),
        send(cancelled, readyForQuery()), expect("X"), expectClose(),
      ],
      // deno-fmt-ignore
      [
        expect("cancel", (message) => {
          assert.equal(message.processId, 815);
          assert.deepEqual([...message.key!], [...key]);
        }),
        call("tell", () => wasCancelled()), close(),
      ],
    ];
    await withServer((i) => scripts[i], async (server) => {
      const db = await connect(reach(server));
      assert.equal(db.processId, 815);
      const query = db.query("select pg_sleep(60)").execute();
      await new Promise((resolve) => setTimeout(resolve, 1));
      db.cancel();
      assertFailure(await failure(query), fails(OperationalError, /^query cancelled$/, "57014"));
      await db.close();
    });
  });
}

test("odd server: one without BackendKeyData and without parameters is ready all the same", () =>
  quietly(
    [...startup, send(authenticationOk(), readyForQuery()), expect("X"), expectClose()],
    async (server) => {
      const db = await connect(reach(server));
      assert.equal(db.processId, 0);
      assert.deepEqual(db.serverVersion, { major: 0, minor: 0, text: "" });
      await db.close();
    },
  ));

test("odd server: negotiating down to protocol 3.0 is fine unless 3.2 is the least that will do", () =>
  quietly(
    [handshake({ authentication: [send(negotiateProtocolVersion(0))] }), expect("X")],
    async (server) => {
      const db = await connect(reach(server, { maxProtocolVersion: "3.2" }));
      assert.deepEqual(server.received[0]!.protocol, [3, 2]);
      await db.close();
    },
  ));

test("odd server: notices and parameters between all messages of startup are taken aside", () =>
  quietly(
    // deno-fmt-ignore
    [
      ...startup,
      send(noticeResponse(), noticeResponse({ M: "x".repeat(60_000) }), authenticationOk()),
      send(noticeResponse(), parameterStatus("server_version", "9.6.24"), noticeResponse()),
      send(backendKeyData(), parameterStatus("server_version", "18.4"), readyForQuery()),
      expect("X"), expectClose(),
    ],
    async (server) => {
      const db = await connect(reach(server));
      assert.equal(db.serverVersion.major, 18);
      await db.close();
    },
  ));

test("hostile server at startup: a flood of notices ends with connectTimeout", async () => {
  const flood = serve(async (_message, peer) => {
    for (let gone = false; !gone;) {
      await peer.send(noticeResponse({ M: "x".repeat(1000) }));
      await new Promise((resolve) => setTimeout(resolve, 1));
      gone = peer.transcript.some((line) => /connection (lost|closed)|FIN/.test(line));
    }
  });
  await withServer([flood], async (server) => {
    const error = await failure(connect(reach(server, { connectTimeout: 0.3 })));
    assert.match(error.message, /timed out after 0\.3 s \(connectTimeout\) while waiting for/);
  });
});
