import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, ProtocolError } from "../../mod.ts";
import { failure, textOf } from "../_kit/outcomes.ts";
import {
  call,
  close,
  expect,
  expectAll,
  expectClose,
  handshake,
  type Script,
  send,
  withServer,
} from "../_kit/scripted_server.ts";
import {
  commandComplete,
  copyBothResponse,
  copyData,
  copyDone,
  dataRow,
  noticeResponse,
  parameterDescription,
  parseComplete,
  readyForQuery,
  rowDescription,
} from "../_kit/server_messages.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { assertAlive, BEGIN_OUT, BEGUN, OUT, USABLE } from "./copies.ts";
import { assertClosed, assertFailure, fails, quietly, reach } from "./hostile.ts";

test("copy out: data is the contents of CopyData, however it arrives", async () => {
  // deno-fmt-ignore
  const script = [
    handshake(), BEGIN_OUT, send(copyData("1\ta\n"), noticeResponse({ M: "n" }), copyData("")),
    send(copyData("2\t"), copyData("b\n"), copyDone(), commandComplete("COPY 2")),
    send(readyForQuery()), USABLE,
  ];
  await quietly(script, async (server) => {
    const db = await connect(reach(server));
    assert.equal(await textOf(db.copyTo(OUT)), "1\ta\n2\tb\n");
    await assertAlive(db);
  });
});

test("copy out: a row is delivered before the next has arrived", async () => {
  let seen = () => {};
  const wasSeen = new Promise<void>((resolve) => seen = resolve);
  // deno-fmt-ignore
  const script = [
    handshake(), BEGIN_OUT, send(copyData("1\n")), call("seen", () => wasSeen),
    send(copyData("2\n"), copyDone(), commandComplete("COPY 2"), readyForQuery()), USABLE,
  ];
  await withoutUnhandled(() =>
    withServer(script, async (server) => {
      const db = await connect(reach(server));
      let text = "";
      for await (const chunk of db.copyTo(OUT)) {
        text += new TextDecoder().decode(chunk);
        seen();
      }
      assert.equal(text, "1\n2\n");
      await assertAlive(db);
    })
  );
});

const OUT_VIOLATIONS: readonly (readonly [string, Script, RegExp])[] = [
  [
    "ReadyForQuery amid the data",
    [BEGIN_OUT, send(copyData("x"), readyForQuery())],
    /ReadyForQuery/,
  ],
  ["CopyData after CopyDone", [BEGIN_OUT, send(copyDone(), copyData("x"))], /CopyData/],
  ["DataRow amid the data", [BEGIN_OUT, send(copyData("x"), dataRow(["1"]))], /DataRow/],
  [
    "CommandComplete without CopyDone",
    [BEGIN_OUT, send(commandComplete("COPY 0"))],
    /CommandComplete/,
  ],
  ["CopyBothResponse", [
    expectAll("P", "B", "E", "S"),
    send(...BEGUN, copyBothResponse()),
  ], /CopyBothResponse/],
];

for (const [name, script, message] of OUT_VIOLATIONS) {
  test(`copy out: ${name} ends the connection`, async () => {
    await quietly([handshake(), script, expectClose()], async (server) => {
      const db = await connect(reach(server));
      const error = await failure(textOf(db.copyTo(OUT)));
      assertFailure(error, fails(ProtocolError, message, "08P01"));
      await assertClosed(db, message);
    });
  });
}

test("copy rows: tuples are read wherever CopyData cuts them", async () => {
  const tuple = "\0\x02\0\0\0\x04\0\0\0\x07\0\0\0\x02hi";
  const bytes = `PGCOPY\n\xff\r\n\0${"\0".repeat(8)}${tuple}${tuple}\xff\xff`;
  const whole = Uint8Array.from(bytes, (character) => character.charCodeAt(0));
  const columns = [{ name: "a", typeOid: 23 }, { name: "b", typeOid: 25 }];
  const described = [parseComplete(), parameterDescription(), rowDescription(columns)];
  for (const size of [1, 2, 7, 20, 100]) {
    const parts: Uint8Array[] = [];
    for (let at = 0; at < whole.length; at += size) {
      parts.push(copyData(whole.slice(at, at + size)));
    }
    // deno-fmt-ignore
    const script = [
      handshake(), expectAll("P", "D", "S"), send(...described, readyForQuery()),
      BEGIN_OUT,
        send(...parts, copyDone(), commandComplete("COPY 2"), readyForQuery()),
        USABLE,
    ];
    await withoutUnhandled(() =>
      withServer(script, async (server) => {
        const db = await connect(reach(server));
        const rows: unknown[] = [];
        for await (const row of db.copyRowsTo("t", ["a", "b"])) rows.push(row);
        assert.deepEqual(rows, [{ a: 7, b: "hi" }, { a: 7, b: "hi" }]);
        await assertAlive(db);
      })
    );
  }
});

const BROKEN: readonly (readonly [string, string])[] = [
  ["no signature", "PGCOPX\n\xff\r\n\0" + "\0".repeat(8)],
  ["nothing", ""],
  ["half a tuple", `PGCOPY\n\xff\r\n\0${"\0".repeat(8)}\0\x01\0\0\0\x04\0`],
  ["no trailer", `PGCOPY\n\xff\r\n\0${"\0".repeat(8)}\0\x01\0\0\0\x04\0\0\0\x01`],
  ["a wrong count of columns", `PGCOPY\n\xff\r\n\0${"\0".repeat(8)}\0\0\xff\xff`],
];

for (const [name, bytes] of BROKEN) {
  test(`copy rows: data with ${name} is an error of the reader, and the connection is usable`, async () => {
    const body = Uint8Array.from(bytes, (character) => character.charCodeAt(0));
    const described = rowDescription([{ name: "a", typeOid: 23 }]);
    // deno-fmt-ignore
    const script = [
      handshake(), expectAll("P", "D", "S"),
      send(parseComplete(), parameterDescription(), described, readyForQuery()),
      BEGIN_OUT, send(copyData(body), copyDone(), commandComplete("COPY 1"), readyForQuery()),
      USABLE,
    ];
    // What is read no further is cancelled, unless it is over by then.
    const cancel: Script = [expect("cancel"), close()];
    await quietly((i) => i === 0 ? script : cancel, async (server) => {
      const db = await connect(reach(server));
      const error = await failure((async () => {
        for await (const _ of db.copyRowsTo("t", ["a"]));
      })());
      assert.match(error.message, /^malformed (COPY data|DataRow)/);
      await assertAlive(db);
    });
  });
}
