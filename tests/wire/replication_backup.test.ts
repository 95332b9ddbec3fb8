import assert from "node:assert/strict";
import { test } from "node:test";
import { InterfaceError, OperationalError, ProtocolError } from "../../mod.ts";
import {
  type BaseBackup,
  connectReplication,
  type ReplicationConnection,
} from "../../src/replication/replication.ts";
import { failure, textOf } from "../_kit/outcomes.ts";
import {
  call,
  close,
  expect,
  expectClose,
  handshake,
  type Script,
  send,
  withServer,
} from "../_kit/scripted_server.ts";
import {
  type Bytes,
  commandComplete,
  concat,
  copyBothResponse,
  copyData,
  copyDone,
  copyOutResponse,
  cstring,
  dataRow,
  errorResponse,
  noticeResponse,
  readyForQuery,
  rowDescription,
} from "../_kit/server_messages.ts";
import { quietly, reach } from "./hostile.ts";

const POSITION = rowDescription(["recptr", "tli"]);
const TABLESPACES = rowDescription(["spcoid", "spclocation", "size"]);
const select = commandComplete("SELECT");
const archive = (name: string, path = "") => copyData(concat("n", cstring(name), cstring(path)));
const data = (bytes: Bytes) => copyData(concat("d", bytes));
const progress = (done: number) =>
  copyData(concat("p", new Uint8Array([0, 0, 0, 0, 0, 0, 0, done])));

const BEGUN: Script = [
  expect("Q"),
  send(POSITION, dataRow(["0/2000028", "1"]), select),
  send(TABLESPACES, dataRow(["16385", "/mnt/fast", "7"]), dataRow([null, null, "3"]), select),
];
const DONE: Script = [
  send(copyDone(), noticeResponse({ M: "all required WAL segments have been archived" })),
  send(POSITION, dataRow(["0/2000100", "1"]), select, commandComplete("BASE_BACKUP")),
  send(readyForQuery()),
];
const USABLE: Script = [
  expect("Q", ({ text }) => assert.equal(text, 'SHOW "x"')),
  send(rowDescription(["x"]), dataRow(["42"]), commandComplete("SHOW"), readyForQuery()),
  expectClose(),
];
const FILES: Script = [
  send(copyOutResponse(), archive("16385.tar", "/mnt/fast"), data("one"), progress(5), data("two")),
  send(archive("base.tar"), data("three"), copyData("m"), data("{}"), data("\n")),
];

async function assertUsable(db: ReplicationConnection): Promise<void> {
  assert.equal(await db.show("x"), "42");
  await db.close();
}

function backup(
  script: Script | ((connection: number) => Script | undefined),
  body: (backup: BaseBackup, db: ReplicationConnection) => Promise<void>,
): Promise<void> {
  return quietly(script, async (server) => {
    const db = await connectReplication({ ...reach(server), mode: "physical" });
    try {
      await body(await db.baseBackup({ label: "it's", wal: true }), db);
    } finally {
      db.destroy();
    }
  });
}

test("base backup: rows, copies and rows of one request become files, start and end", async () => {
  await backup([handshake(), BEGUN, FILES, DONE, USABLE], async (backup, db) => {
    assert.equal(String(backup.start.position), "0/2000028");
    assert.deepEqual(backup.tablespaces, [
      { oid: 16385, path: "/mnt/fast", size: 7168 },
      { oid: undefined, path: undefined, size: 3072 },
    ]);
    const files: unknown[] = [];
    for await (const { kind, name, tablespacePath, body } of backup) {
      files.push([kind, name, tablespacePath, await textOf(body)]);
    }
    assert.deepEqual(files, [
      ["archive", "16385.tar", "/mnt/fast", "onetwo"],
      ["archive", "base.tar", undefined, "three"],
      ["manifest", "backup_manifest", undefined, "{}\n"],
    ]);
    assert.deepEqual(backup.progress, { done: 5, total: 10240 });
    assert.equal(String(backup.end?.position), "0/2000100");
    await assertUsable(db);
  });
});

test("base backup: what is not read of a file is dropped, and a file cannot be read later", async () => {
  await backup([handshake(), BEGUN, FILES, DONE, USABLE], async (backup, db) => {
    let first: AsyncIterable<Uint8Array> | undefined;
    const names: string[] = [];
    for await (const { name, body } of backup) {
      names.push(name);
      first ??= body;
      if (name !== "base.tar") continue;
      const late = await failure(textOf(first), InterfaceError);
      assert.match(late.message, /16385\.tar was passed over/);
      await (body as unknown as ReadableStream).cancel();
    }
    assert.deepEqual(names, ["16385.tar", "base.tar", "backup_manifest"]);
    await assertUsable(db);
  });
});

test("base backup: leaving early cancels it, and the connection is usable", async () => {
  let isCancelled = () => {};
  const cancelled = new Promise<void>((resolve) => isCancelled = resolve);
  const main: Script = [
    ...[handshake(), BEGUN, send(copyOutResponse(), archive("base.tar"), data("one"))],
    call("cancelled", () => cancelled),
    send(data("two"), errorResponse({ C: "57014", M: "canceling" }), readyForQuery()),
    USABLE,
  ];
  const other = [expect("cancel"), call("tell", () => isCancelled()), close()];
  await backup((i) => i % 2 === 0 ? main : other, async (backup, db) => {
    for await (const { body } of backup) {
      for await (const _ of body) break;
      break;
    }
    assert.equal(backup.end, undefined);
    await assertUsable(db);
  });
});

test("base backup: the server waits while nothing is read", async () => {
  const mebibyte = new Uint8Array(1 << 20);
  let sent = 0;
  const script: Script = [
    ...[handshake(), BEGUN, send(copyOutResponse(), archive("base.tar"))],
    call("send", async (peer) => {
      for (; sent < 100; sent++) await peer.send(data(mebibyte));
    }),
    ...[DONE, USABLE],
  ];
  await withServer(script, async (server) => {
    const db = await connectReplication({ ...reach(server), mode: "physical" });
    for await (const { body } of await db.baseBackup()) {
      let bytes = 0;
      for await (const chunk of body) {
        bytes += chunk.length;
        // The window, one message more, and the buffers of two sockets.
        assert.ok(sent * mebibyte.length - bytes < 40 * mebibyte.length, `${sent} sent`);
      }
      assert.equal(bytes, 100 * mebibyte.length);
    }
    await assertUsable(db);
  });
});

test("base backup: an error before the start, and one amid a file", async () => {
  const error = errorResponse({ C: "58P01", M: "could not open file" });
  await quietly(
    [handshake(), expect("Q"), send(error, readyForQuery()), USABLE],
    async (server) => {
      const db = await connectReplication({ ...reach(server), mode: "physical" });
      assert.match((await failure(db.baseBackup(), OperationalError)).message, /could not open/);
      await assertUsable(db);
    },
  );
  const amid = send(copyOutResponse(), archive("a.tar"), data("x"), error, readyForQuery());
  await backup([handshake(), BEGUN, amid, USABLE], async (backup, db) => {
    const texts: string[] = [];
    const reading = (async () => {
      for await (const { body } of backup) {
        for await (const chunk of body) texts.push(new TextDecoder().decode(chunk));
      }
    })();
    assert.match((await failure(reading, OperationalError)).message, /could not open/);
    assert.deepEqual(texts, ["x"]);
    await assertUsable(db);
  });
});

const VIOLATIONS: readonly (readonly [string, Uint8Array[], RegExp])[] = [
  ["an unknown message", [copyOutResponse(), copyData("?")], /unknown message in a base backup/],
  ["a name without an end", [copyOutResponse(), copyData("nbase")], /no end/],
  ["a row amid the copy", [copyOutResponse(), dataRow(["1"])], /DataRow in the answer to BASE_B/],
  ["CopyBothResponse", [copyBothResponse()], /CopyBothResponse in the answer to BASE_BACKUP/],
  ["no end position", [copyOutResponse(), copyDone(), readyForQuery()], /ReadyForQuery/],
  ["two end positions", [
    ...[copyOutResponse(), copyDone(), POSITION],
    ...[dataRow(["0/1", "1"]), dataRow(["0/1", "1"])],
  ], /too many rows/],
  [
    "an end that is no position",
    [copyOutResponse(), copyDone(), POSITION, dataRow(["?", "1"])],
    /malformed LSN/,
  ],
];

for (const [name, messages, phrase] of VIOLATIONS) {
  test(`base backup: ${name} is a violation and ends the connection`, async () => {
    await backup([handshake(), BEGUN, send(...messages), expectClose()], async (backup, db) => {
      const reading = (async () => {
        for await (const { body } of backup) await textOf(body);
      })();
      assert.match((await failure(reading, ProtocolError)).message, phrase);
      await db.closed;
    });
  });
}
