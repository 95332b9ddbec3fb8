import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { Reader } from "../../src/bytes/reader.ts";
import { ProtocolError } from "../../src/errors/errors.ts";
import * as backend from "../../src/protocol/backend.ts";
import { readCopyResponse } from "../../src/protocol/copy_messages.ts";
import {
  readNegotiateProtocolVersion,
  readSaslMechanisms,
} from "../../src/protocol/login_messages.ts";

const READERS: readonly [string, (reader: Reader) => unknown][] = [
  ["readBackendKeyData", backend.readBackendKeyData],
  ["readCommandTag", backend.readCommandTag],
  ["readCopyResponse", readCopyResponse],
  ["readFields", backend.readFields],
  ["readFunctionResult", backend.readFunctionResult],
  ["readNegotiateProtocolVersion", readNegotiateProtocolVersion],
  ["readNotification", backend.readNotification],
  ["readParameterDescription", backend.readParameterDescription],
  ["readParameterStatus", backend.readParameterStatus],
  ["readRowDescription", backend.readRowDescription],
  ["readSaslMechanisms", readSaslMechanisms],
  ["readTransactionStatus", backend.readTransactionStatus],
];

/** One good body for each, as a server sends it. */
const GOOD: Readonly<Record<string, readonly [body: number[], value: unknown]>> = {
  readBackendKeyData: [[0, 0, 0, 7, 1, 2, 3, 4], {
    processId: 7,
    secretKey: Uint8Array.of(1, 2, 3, 4),
  }],
  readCommandTag: [[83, 69, 84, 0], "SET"],
  readCopyResponse: [[1, 0, 2, 0, 1, 0, 0], { format: 1, columnFormats: [1, 0] }],
  readFields: [[83, 69, 0, 67, 88, 0, 0], { S: "E", C: "X" }],
  readFunctionResult: [[0, 0, 0, 1, 9], Uint8Array.of(9)],
  readNegotiateProtocolVersion: [[0, 3, 0, 0, 0, 0, 0, 1, 97, 0], {
    version: 3 << 16,
    unrecognized: ["a"],
  }],
  readNotification: [[0, 0, 0, 5, 99, 0, 112, 0], { channel: "c", payload: "p", processId: 5 }],
  readParameterDescription: [[0, 1, 0xff, 0xff, 0xff, 0xff], [4294967295]],
  readParameterStatus: [[97, 0, 98, 0], ["a", "b"]],
  readRowDescription: [[
    0,
    1,
    120,
    0,
    0,
    0,
    0,
    1,
    0,
    2,
    0,
    0,
    0,
    23,
    0,
    4,
    0xff,
    0xff,
    0xff,
    0xff,
    0,
    1,
  ], [{
    name: "x",
    tableOid: 1,
    attributeNumber: 2,
    typeOid: 23,
    typeSize: 4,
    typeModifier: -1,
    format: 1,
  }]],
  readSaslMechanisms: [[65, 0, 66, 0, 0], ["A", "B"]],
  readTransactionStatus: [[0x54], "transaction"],
};

for (const [name, read] of READERS) {
  const [body, value] = GOOD[name]!;

  test(`${name}: a whole message is read`, () => {
    assert.deepEqual(read(new Reader(Uint8Array.from(body))), value);
  });

  test(`${name}: cut short or with a byte too many it is a protocol error`, () => {
    for (let length = 0; length < body.length; length++) {
      const bytes = Uint8Array.from(body.slice(0, length));
      assert.throws(() => read(new Reader(bytes)), ProtocolError, `${length} bytes`);
    }
    if (name === "readBackendKeyData") return; // any length from 4 to 256 is a key
    const longer = Uint8Array.from([...body, 1]);
    assert.throws(() => read(new Reader(longer)), ProtocolError);
  });

  test(`${name}: any bytes end in a value or a protocol error`, () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      try {
        read(new Reader(bytes));
      } catch (error) {
        assert.ok(error instanceof ProtocolError, String(error));
      }
    }));
  });
}

test("a secret key is 4 to 256 bytes", () => {
  for (
    const [size, good] of [[3, false], [4, true], [32, true], [256, true], [257, false]] as const
  ) {
    const reader = new Reader(new Uint8Array(4 + size));
    if (good) assert.equal(backend.readBackendKeyData(reader).secretKey.length, size);
    else assert.throws(() => backend.readBackendKeyData(reader), ProtocolError);
  }
});

test("a field that is called like an object's own property is only a field", () => {
  const fields = backend.readFields(new Reader(Uint8Array.of(95, 65, 0, 0)));
  assert.deepEqual(Object.entries(fields), [["_", "A"]]);
});
