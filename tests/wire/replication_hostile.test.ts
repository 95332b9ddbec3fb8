import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtocolError } from "../../mod.ts";
import { failure } from "../_kit/outcomes.ts";
import { xlogData } from "../_kit/replication_messages.ts";
import { close, expectClose, handshake, type Script, send, wait } from "../_kit/scripted_server.ts";
import {
  commandComplete,
  copyBothResponse,
  copyData,
  copyInResponse,
  dataRow,
  errorResponse,
  readyForQuery,
  rowDescription,
} from "../_kit/server_messages.ts";
import { assertUsable, STARTED, streaming, textsOf, USABLE } from "./replicating.ts";

const ENDS: readonly (readonly [string, Script, RegExp, string])[] = [
  [
    "closes without an error",
    [close()],
    /no status within wal_sender_timeout, or has stopped/,
    "08006",
  ],
  ["shuts down", [send(commandComplete("COPY 0")), close()], /the server has shut down/, "08006"],
  [
    "terminates the walsender",
    [send(errorResponse({ S: "FATAL", V: "FATAL", C: "57P01", M: "terminating" })), close()],
    /^terminating$/,
    "57P01",
  ],
];

for (const [name, end, message, code] of ENDS) {
  test(`replication: the server ${name}: the loop gets what came before, and the reason`, async () => {
    const script = [handshake(), STARTED, send(xlogData(1n, "a")), wait(0.02), end];
    await streaming(script, async (stream) => {
      const texts: string[] = [];
      const error = await failure((async () => {
        for await (const { data } of stream) texts.push(new TextDecoder().decode(data));
      })());
      assert.match(error.message, message);
      assert.equal((error as { code?: string }).code, code);
      assert.deepEqual(texts, ["a"]);
    });
  });
}

test("replication: an error amid the stream ends it, and the connection is usable", async () => {
  // deno-fmt-ignore
  const script = [
    handshake(), STARTED,
    send(xlogData(1n, "a"), errorResponse({ C: "42704", M: "no publication" }), readyForQuery()),
    USABLE,
  ];
  await streaming(script, async (stream, db) => {
    assert.equal((await failure(textsOf(stream))).message, "no publication");
    await assertUsable(db);
  });
});

/** Messages of a server that is not one. */
const VIOLATIONS: readonly (readonly [string, Uint8Array[], RegExp])[] = [
  ["an unknown message", [copyData("?")], /unknown replication message 0x3f/],
  ["an empty CopyData", [copyData("")], /malformed CopyData|bytes wanted/],
  ["XLogData without a whole header", [copyData("w12345678")], /bytes wanted/],
  ["a keepalive that is too short", [copyData("k12345678")], /bytes wanted/],
  ["a keepalive that is too long", [copyData("k" + "1".repeat(18))], /left over/],
  ["a row", [dataRow(["1"])], /DataRow in a replication stream/],
  ["ReadyForQuery", [readyForQuery()], /ReadyForQuery in a replication stream/],
  ["CopyBothResponse again", [copyBothResponse()], /CopyBothResponse in a replication stream/],
  ["CopyInResponse", [copyInResponse()], /CopyInResponse in a replication stream/],
  [
    "columns and no row",
    [rowDescription(["a", "b"]), readyForQuery()],
    /next timeline|ReadyForQuery/,
  ],
  [
    "a timeline that is no number",
    [rowDescription(["a", "b"]), dataRow(["x", "0/0"])],
    /malformed number/,
  ],
  [
    "a position that is none",
    [rowDescription(["a", "b"]), dataRow(["2", "zero"])],
    /malformed LSN/,
  ],
];

for (const [name, messages, phrase] of VIOLATIONS) {
  test(`replication: ${name} in a stream is a violation and ends the connection`, async () => {
    await streaming(
      [handshake(), STARTED, send(...messages), expectClose()],
      async (stream, db) => {
        const error = await failure(textsOf(stream), ProtocolError);
        assert.match(error.message, phrase);
        await db.closed;
      },
    );
  });
}
