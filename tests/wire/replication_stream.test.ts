import assert from "node:assert/strict";
import { test } from "node:test";
import { InterfaceError } from "../../mod.ts";
import { connectReplication, Lsn } from "../../src/replication/replication.ts";
import { failure } from "../_kit/outcomes.ts";
import { keepalive, statusIn, xlogData } from "../_kit/replication_messages.ts";
import {
  call,
  close,
  expect,
  expectClose,
  handshake,
  type Script,
  send,
} from "../_kit/scripted_server.ts";
import {
  commandComplete,
  copyBothResponse,
  copyDone,
  dataRow,
  errorResponse,
  noticeResponse,
  parameterStatus,
  readyForQuery,
  rowDescription,
} from "../_kit/server_messages.ts";
import { inTime, pause } from "../_kit/waiting.ts";
import { reach } from "./hostile.ts";
import {
  assertUsable,
  ENDED,
  replicating,
  STARTED,
  STOPPED,
  streaming,
  textsOf,
  USABLE,
} from "./replicating.ts";

test("replication: the start is refused with the server's error, and the connection is usable", async () => {
  const refusal = errorResponse({ C: "42601", M: "no such option" });
  const script = [handshake(), expect("Q"), send(refusal, readyForQuery()), USABLE];
  await replicating(script, async (server) => {
    const db = await connectReplication(reach(server));
    const start = db.startLogical("s", { from: Lsn.parse("1/A"), options: { a: "it's", b: true } });
    assert.equal((await failure(start)).message, "no such option");
    const text = `START_REPLICATION SLOT "s" LOGICAL 1/A ("a" 'it''s', "b" 'true')`;
    assert.equal(server.received.find(({ tag }) => tag === "Q")!.text, text);
    await assertUsable(db);
  });
});

test("replication: each delivered value is the caller's own, also after the buffer was reused", async () => {
  const frames = Array.from({ length: 200 }, (_, i) => xlogData(BigInt(i), `${i}`.repeat(20)));
  const script = [handshake(), STARTED, send(...frames, copyDone()), expect("c"), ENDED];
  await streaming([script], async (stream) => {
    const kept = [];
    for await (const chunk of stream) kept.push(chunk);
    assert.equal(kept.length, 200);
    for (const [i, { start, walEnd, at, data }] of kept.entries()) {
      assert.equal(start.value, BigInt(i));
      assert.equal(walEnd.compare(start), 0);
      assert.equal(at.toISOString(), "2000-01-01T00:00:00.000Z");
      assert.equal(new TextDecoder().decode(data), `${i}`.repeat(20));
    }
  });
});

test("replication: notices and parameters between the messages do not disturb them", async () => {
  // deno-fmt-ignore
  const script = [
    handshake(), STARTED,
    send(xlogData(1n, "a"), noticeResponse({ M: "n" }), parameterStatus("a", "b")),
    send(xlogData(2n, "b"), copyDone()), expect("c"), ENDED,
  ];
  await streaming(script, async (stream) => assert.deepEqual(await textsOf(stream), ["a", "b"]));
});

test("replication: statuses go out by their own timer while messages are held back", async () => {
  let isReading = false;
  const frames = Array.from({ length: 50 }, (_, i) => xlogData(BigInt(i + 1), "x".repeat(1000)));
  const statuses: bigint[] = [];
  const status = () => expect("d", (m) => void statuses.push(statusIn(m).written));
  // deno-fmt-ignore
  const script = [
    handshake(), STARTED, send(...frames, keepalive(60n, true)),
    status(), status(), status(), call("read", () => void (isReading = true)),
    call("drain", async (peer) => {
      for (let m = await peer.receive("CopyDone"); m.tag !== "c"; m = await peer.receive("CopyDone")) {
        assert.equal(statusIn(m).flushed, 0n);
      }
    }),
    send(copyDone()), ENDED, USABLE,
  ];
  await streaming(script, async (stream, db) => {
    while (!isReading) await pause(0.005);
    let count = 0;
    for await (const _ of stream) if (++count === 50) break;
    assert.equal(count, 50);
    // At most the window and one message were taken while nothing was read.
    assert.ok(statuses.splice(0).every((written) => written <= 5n));
    isReading = false;
    await assertUsable(db);
  }, { windowBytes: 4000, statusInterval: 0.02 });
});

test("replication: a keepalive is answered only if it asks, with what was reported", async () => {
  // deno-fmt-ignore
  const script = [
    handshake(), STARTED, send(xlogData(5n, "a")),
    expect("d", (m) => {
      const { written, flushed, applied } = statusIn(m);
      assert.deepEqual([written, flushed, applied], [5n, 5n, 4n]);
    }),
    send(keepalive(6n), keepalive(7n), keepalive(9n, true)),
    expect("d", (m) => {
      const { written, flushed, applied, at, reply } = statusIn(m);
      assert.deepEqual([written, flushed, applied, reply], [9n, 5n, 4n, 0]);
      const now = BigInt(Date.now() - Date.UTC(2000)) * 1000n;
      assert.ok(at > now - 60_000_000n && at < now + 60_000_000n, "the client's clock");
    }),
    STOPPED, USABLE,
  ];
  await streaming(script, async (stream, db) => {
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    stream.status({ flushed: new Lsn(5n), applied: new Lsn(4n) });
    while (stream.keepalive?.position.value !== 9n) await pause(0.002);
    await stream.stop();
    assert.equal((await iterator.next()).done, true);
    await assertUsable(db);
  });
});

test("replication: a status ahead of what was received is refused, and one behind is not sent", async () => {
  // deno-fmt-ignore
  const script = [
    handshake(), STARTED, send(xlogData(5n, "a")),
    expect("d", (m) => assert.equal(statusIn(m).flushed, 5n)),
    expect("d", (m) => assert.equal(statusIn(m).flushed, 5n)),
    STOPPED, USABLE,
  ];
  await streaming(script, async (stream, db) => {
    await stream[Symbol.asyncIterator]().next();
    const ahead = () => stream.status({ flushed: new Lsn(6n) });
    assert.throws(
      ahead,
      (error) => error instanceof InterfaceError && /0\/6 is ahead/.test(error.message),
    );
    stream.status({ flushed: new Lsn(5n) });
    stream.status({ flushed: new Lsn(3n), reply: true });
    await stream.stop();
    await assertUsable(db);
  });
});

test("replication: stop() drops the rest of a transaction, and the connection is usable", async () => {
  const more = Array.from({ length: 20 }, (_, i) => xlogData(BigInt(i), "more"));
  // deno-fmt-ignore
  const script = [
    handshake(), STARTED, send(xlogData(1n, "a")), expect("c"),
    send(...more, keepalive(9n, true), copyDone(), keepalive(9n)), ENDED, USABLE,
  ];
  await streaming(script, async (stream, db) => {
    for await (const _ of stream) break;
    const again = await failure(db.startLogical("s"), InterfaceError);
    assert.match(again.message, /has one logical stream; open another one/);
    await assertUsable(db);
  });
});

test("replication: stop() cancels a walsender that goes on, and the connection is usable", async () => {
  let isCancelled = () => {};
  const cancelled = new Promise<void>((resolve) => isCancelled = resolve);
  const main = [
    ...[handshake(), STARTED, send(xlogData(1n, "a")), expect("c"), send(xlogData(2n, "b"))],
    call("cancelled", () => cancelled),
    send(xlogData(3n, "c"), errorResponse({ C: "57014", M: "canceling" }), readyForQuery()),
    ...USABLE,
  ];
  const other = [expect("cancel"), call("tell", () => isCancelled()), close()];
  await streaming((i) => i % 2 === 0 ? main : other, async (stream, db) => {
    for await (const _ of stream) break;
    await assertUsable(db);
  });
});

test("replication: a server that ignores stop() loses its connection after closeTimeout", async () => {
  const main = [handshake(), STARTED, send(xlogData(1n, "a")), expect("c"), expectClose()];
  await streaming(main, async (stream, db) => {
    for await (const _ of stream) break;
    const reason = await db.closed;
    assert.match(String(reason?.cause ?? reason), /did not end within 0.1 s \(closeTimeout\)/);
  }, { closeTimeout: 0.1 });
});

test("replication: an error of the sink ends the stream in order, late ones too", async () => {
  for (const isLate of [false, true]) {
    const script = [
      handshake(),
      expect("Q"),
      send(copyBothResponse(), xlogData(1n, "a"), xlogData(2n, "b")),
    ];
    await replicating([...script, STOPPED, USABLE], async (server) => {
      const db = await connectReplication(reach(server));
      const seen: bigint[] = [];
      const feed = await db.feedLogical("s", {}, {
        data(_reader, start) {
          seen.push(start);
          if (!isLate) throw new Error("mine");
          return pause(0.01).then(() => Promise.reject(new Error("mine")));
        },
        keepalive() {},
      });
      const { kind, error } = await feed.ended;
      assert.deepEqual([kind, error?.message, seen], ["error", "mine", [1n]]);
      await assertUsable(db);
    });
  }
});

test("replication: a sink that never settles does not keep stop() from ending the stream", async () => {
  const script = [
    handshake(),
    expect("Q"),
    send(copyBothResponse(), xlogData(1n, "a"), xlogData(2n, "b")),
  ];
  await replicating([...script, STOPPED, USABLE], async (server) => {
    const db = await connectReplication(reach(server));
    let isHeld = false;
    const feed = await db.feedLogical("s", {}, {
      data: () => (isHeld = true, new Promise<void>(() => {})),
      keepalive() {},
    });
    while (!isHeld) await pause(0.002);
    await feed.stop();
    assert.equal((await feed.ended).kind, "copyDone");
    await assertUsable(db);
  });
});

test("replication: the signal ends a stream with its reason, and the connection is usable", async () => {
  await replicating(
    [handshake(), STARTED, send(xlogData(1n, "a")), STOPPED, USABLE],
    async (server) => {
      const db = await connectReplication(reach(server));
      const controller = new AbortController();
      const stream = await db.startLogical("s", { signal: controller.signal });
      const error = await failure((async () => {
        for await (const _ of stream) controller.abort(new Error("enough"));
      })());
      assert.equal(error.message, "enough");
      await assertUsable(db);
    },
  );
});

test("replication: silence is normal in a stream, but not after a question (timeout)", async () => {
  const script = [
    handshake(),
    STARTED,
    expect("d", (m) => assert.equal(statusIn(m).reply, 1)),
    expectClose(),
  ];
  await streaming(script, async (stream, db) => {
    assert.equal(await inTime(db.closed, 0.5), false);
    stream.status({ reply: true });
    assert.match((await failure(textsOf(stream))).message, /nothing came for 0.2 s \(timeout\)/);
  }, { timeout: 0.2 });
});

test("replication: commands are refused while a stream is open", async () => {
  await streaming([handshake(), STARTED, STOPPED, USABLE], async (stream, db) => {
    const ways = [
      db.identifySystem(),
      db.show("x"),
      db.sql("select 1"),
      db.createSlot("a"),
      db.startPhysical({ from: Lsn.zero }),
      db.baseBackup(),
      db.timelineHistory(2),
    ];
    for (const way of ways) {
      assert.match(
        (await failure(way, InterfaceError)).message,
        /occupies the replication connection/,
      );
    }
    await stream.stop();
    await assertUsable(db);
  });
});

const NEXT: Script = [
  send(rowDescription(["next_tli", "next_tli_startpos"]), dataRow(["3", "0/40"])),
  send(commandComplete("START_STREAMING"), parameterStatus("in_hot_standby", "off")),
  send(commandComplete("START_REPLICATION"), readyForQuery()),
];

test("replication: the end of a timeline names the next one, after data or at once", async () => {
  const both = [
    send(copyBothResponse()),
    expect("d"),
    send(xlogData(0x10n, "wal"), copyDone()),
    expect("c"),
  ];
  for (const [before, texts] of [[both, ["wal"]], [[], []]] as const) {
    await replicating([handshake(), expect("Q"), before, NEXT, USABLE], async (server) => {
      const db = await connectReplication({ ...reach(server), mode: "physical" });
      const stream = await db.startPhysical({ slot: "p", from: new Lsn(0x10n), timeline: 2 });
      assert.equal(server.received[1]!.text, `START_REPLICATION SLOT "p" PHYSICAL 0/10 TIMELINE 2`);
      assert.deepEqual(await textsOf(stream), texts);
      assert.deepEqual(await stream.nextTimeline, { timeline: 3, from: new Lsn(0x40n) });
      await assertUsable(db);
    });
  }
});

test("replication: statuses that cannot leave replace one another", async () => {
  let count = 0;
  const script = [
    handshake(),
    STARTED,
    call("count", async (peer) => {
      for (
        let m = await peer.receive("CopyDone");
        m.tag !== "c";
        m = await peer.receive("CopyDone")
      ) {
        statusIn(m);
        count++;
      }
    }),
    send(copyDone()),
    ENDED,
    USABLE,
  ];
  await streaming(script, async (stream, db) => {
    count = 0;
    for (let i = 0; i < 10_000; i++) stream.status({});
    await stream.stop();
    assert.ok(count > 10 && count < 300, `${count} statuses of 10000`);
    await assertUsable(db);
  });
});
