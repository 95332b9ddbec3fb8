import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type DatabaseError, type Notice, type Notification } from "../../mod.ts";
import { failure } from "../_kit/outcomes.ts";
import { expect, expectClose, handshake, send, withServer } from "../_kit/scripted_server.ts";
import {
  bindComplete,
  commandComplete,
  dataRow,
  errorResponse,
  noticeResponse,
  notificationResponse,
  parameterStatus,
  readyForQuery,
  rowDescription,
} from "../_kit/server_messages.ts";
import { ending, KNOWN, NEW, opening, quietly, reach } from "./hostile.ts";

/** One of each aside before each of these messages. */
function amid(...messages: readonly Uint8Array[]): Uint8Array[] {
  return messages.flatMap((message) => [...asides(), message]);
}

function asides(): Uint8Array[] {
  return [
    noticeResponse({ M: "by the way", D: "detail" }),
    notificationResponse("channel", "payload", 17),
    parameterStatus("application_name", "changed"),
  ];
}

/** Tells what has arrived by hooks. */
function hooks() {
  const heard = {
    notices: [] as Notice[],
    notifications: [] as Notification[],
    parameters: [] as string[],
  };
  const options = {
    onNotice: (notice: Notice) => void heard.notices.push(notice),
    onNotification: (one: Notification) => void heard.notifications.push(one),
    onParameterStatus: (name: string, value: string) => void heard.parameters.push(name, value),
  };
  return { heard, options };
}

test("asides: notices, notifications and parameters between all messages of an answer", () =>
  quietly(
    // deno-fmt-ignore
    [
      handshake(),
      NEW, send(...amid(...opening("n", "m"), dataRow(["1", null]), ...ending())),
      KNOWN, send(...amid(bindComplete(), dataRow(["2", ""]), ...ending())),
      expect("X"), expectClose(),
    ],
    async (server) => {
      const { heard, options } = hooks();
      const db = await connect(reach(server, options));
      heard.parameters.length = 0; // those of the login
      assert.deepEqual([...await db.query("select n, m")], [{ n: "1", m: null }]);
      assert.deepEqual([...await db.query("select n, m")], [{ n: "2", m: "" }]);
      await db.close();
      assert.equal(heard.notices.length, 7 + 4);
      assert.equal(heard.notifications.length, 7 + 4);
      assert.equal(heard.parameters.length, 2 * (7 + 4));
      const { severity, message, detail } = heard.notices[0]!;
      assert.deepEqual([severity, message, detail], ["NOTICE", "by the way", "detail"]);
      assert.deepEqual(heard.notifications[0], {
        channel: "channel",
        payload: "payload",
        processId: 17,
      });
      assert.equal(db.parameterStatuses.get("application_name"), "changed");
    },
  ));

test("asides: they come between ErrorResponse and ReadyForQuery, too", () =>
  quietly(
    // deno-fmt-ignore
    [
      handshake(), NEW, send(...amid(errorResponse({ M: "oops" }), readyForQuery())),
      expect("X"), expectClose(),
    ],
    async (server) => {
      const { heard, options } = hooks();
      const db = await connect(reach(server, options));
      assert.equal((await failure(db.query("select n"))).message, "oops");
      await db.close();
      assert.equal(heard.notices.length, 2);
    },
  ));

test("asides: they come between the results of a simple query, too", () =>
  quietly(
    // deno-fmt-ignore
    [
      handshake(), expect("Q"),
      send(...amid(rowDescription(["n"]), dataRow(["1"]), commandComplete("SELECT 1"))),
      send(...amid(commandComplete("SET"), readyForQuery())),
      expect("X"), expectClose(),
    ],
    async (server) => {
      const db = await connect(reach(server));
      const results = await db.query("select 1 as n; set x to y").simple().all();
      assert.deepEqual(results.map((rows) => [...rows]), [[{ n: "1" }], []]);
      await db.close();
    },
  ));

test("asides: they are received while no request runs, and a hook that throws has no effect", () =>
  quietly(
    // deno-fmt-ignore
    [
      handshake(), NEW, send(...opening(), ...ending(), ...asides()), NEW,
      send(...opening(), ...ending()), expect("X"), expectClose(),
    ],
    async (server) => {
      let heard = () => {};
      const parameter = new Promise<void>((resolve) => heard = resolve);
      const fail = (): never => {
        throw new Error("a hook's own fault");
      };
      const db = await connect(
        reach(server, {
          onNotice: fail,
          onNotification: fail,
          onParameterStatus: () => {
            heard();
            fail();
          },
        }),
      );
      await db.query("select n");
      await parameter;
      await db.query("select n, once more");
      assert.equal(db.notices.length, 1);
      assert.equal(db.notifications.length, 1);
      await db.close();
    },
  ));

test("asides: the last hundred notices and notifications are remembered", () =>
  quietly(
    // deno-fmt-ignore
    [
      handshake(), NEW,
      send(...Array.from({ length: 120 }, (_, i) => noticeResponse({ M: String(i) }))),
      send(...Array.from({ length: 120 }, (_, i) => notificationResponse("c", String(i)))),
      send(...opening(), ...ending()), expect("X"), expectClose(),
    ],
    async (server) => {
      const db = await connect(reach(server));
      await db.query("select n");
      assert.deepEqual([db.notices.length, db.notices[0]!.message], [100, "20"]);
      assert.deepEqual([db.notifications.length, db.notifications[99]!.payload], [100, "119"]);
      await db.close();
    },
  ));

test("asides: what is kept of notices and notifications is limited in bytes", () =>
  withServer(
    // deno-fmt-ignore
    [
      handshake(),
      NEW, send(...opening("n"), dataRow(["1"])),
      send(...Array.from({ length: 20 }, () => noticeResponse({ M: "x".repeat(200_000) }))),
      send(...Array.from({ length: 40 }, () => notificationResponse("c", "y".repeat(60_000)))),
      send(noticeResponse({ M: "z".repeat(3_000_000) })),
      send(...ending()),
      expect("X"), expectClose(),
    ],
    async (server) => {
      const { heard, options } = hooks();
      const db = await connect(reach(server, options));
      await db.query("select n");
      assert.equal(heard.notices.length, 21);
      assert.equal(heard.notifications.length, 40);
      const { message } = heard.notices.at(-1)!;
      assert.ok(message.length < 2 ** 20 && message.endsWith("z…"), `${message.length}`);
      assert.equal(db.notices.length, 1);
      assert.equal(db.notifications.length, Math.floor(2 ** 20 / 60_001));
      await db.close();
    },
  ));

test("asides: of an error's fields a mebibyte is kept", () =>
  withServer(
    [
      handshake(),
      NEW,
      send(errorResponse({ M: "m".repeat(1_000_000), D: "d".repeat(1_000_000) }), readyForQuery()),
      expect("X"),
      expectClose(),
    ],
    async (server) => {
      const db = await connect(reach(server));
      const error = await failure(db.query("select n")) as DatabaseError;
      const { message, detail } = error;
      assert.ok(message.length + detail!.length < 2 ** 20 + 2, `${message.length}`);
      assert.ok(detail!.endsWith("d…"));
      await db.close();
    },
  ));
