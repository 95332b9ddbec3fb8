/** The messages by which a pool listens, and listens again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createPool, PgError, type Pool, type PoolOptions } from "../../mod.ts";
import { nextEvents } from "../_kit/listening.ts";
import {
  call,
  close,
  eachDelivery,
  expect,
  expectClose,
  handshake,
  ignore,
  type Peer,
  type Script,
  type ScriptedServer,
  send,
  serve,
  type Step,
  together,
  withServer,
} from "../_kit/scripted_server.ts";
import {
  commandComplete,
  emptyQueryResponse,
  errorResponse,
  notificationResponse,
  readyForQuery,
} from "../_kit/server_messages.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";

/** A query with this text, answered by as many tags as it has statements. */
function says(text: string): Script {
  const tags = text.split("; ").map((part) => part.split(" ")[0]!.toUpperCase());
  return [
    expect("Q", (message) => assert.equal(message.text, text)),
    send(...tags.map((tag) => commandComplete(tag)), readyForQuery()),
  ];
}

/** Each element is one connection's script. */
function connections(...scripts: readonly Script[]): (index: number) => Script | undefined {
  return (index) => scripts[index] && [handshake(), ...scripts[index]];
}

async function withListening(
  server: ScriptedServer,
  options: PoolOptions,
  work: (pool: Pool) => Promise<void>,
): Promise<void> {
  const { host, port } = server;
  const connection = { host, port, user: "u", sslMode: "disable" as const };
  const pool = createPool(connection, { heartbeat: 0, connectBackoff: 0.05, ...options });
  try {
    await withoutUnhandled(() => work(pool));
  } finally {
    await pool.close({ timeout: 2 });
  }
}

/** A step that waits until the test gives the signal. */
function signal(): { readonly until: Step; give: () => void } {
  let give = () => {};
  const given = new Promise<void>((resolve) => give = resolve);
  const until = call("until the signal", async (peer) => {
    await peer.wait(0); // what was said before is sent
    await given;
  });
  return { until, give };
}

test("pool listen: one query listens to all channels again, and the gap precedes notifications that come with its answer", () => {
  const answer = (payload: string) =>
    together(
      commandComplete("LISTEN"),
      commandComplete("LISTEN"),
      notificationResponse("b", payload),
      readyForQuery(),
    );
  const again = expect("Q", (message) => assert.equal(message.text, 'listen "a"; listen "b"'));
  let listening = signal();
  return eachDelivery((index) => {
    if (index === 0) listening = signal();
    const scripts = connections(
      [
        ...says('listen "a"'),
        ...says('listen "b"'),
        listening.until,
        send(notificationResponse("a", "1"), notificationResponse("b", "2")),
        close(),
      ],
      [again, send(answer("3")), close()],
      [again, send(answer("4")), send(notificationResponse("a", "5")), ignore()],
    );
    return scripts(index);
  }, (server) =>
    withListening(server, {}, async (pool) => {
      const a = await pool.listen("a");
      const b = await pool.listen("b");
      listening.give();
      assert.deepEqual(await nextEvents(a, 4), ["1", "gap", "gap", "5"]);
      // Who reads his first gap after the second one catches up with both.
      assert.deepEqual(await nextEvents(b, 4), ["2", "gap", "3", "4"]);
      assert.deepEqual(pool.stats().listener, {
        state: "live",
        channels: 2,
        subscriptions: 2,
        gaps: 2,
      });
    }));
});

test("pool listen: a channel asked for while the others are on their way is listened to behind them", async () => {
  const asked = signal();
  const script = connections([
    expect("Q", (message) => assert.equal(message.text, 'listen "a"')),
    asked.until,
    send(commandComplete("LISTEN"), readyForQuery()),
    ...says('listen "b"'),
    send(notificationResponse("b", "1")),
    ...says('unlisten "a"'),
    expectClose(),
  ]);
  await withServer(script, (server) =>
    withListening(server, {}, async (pool) => {
      const waiting = pool.listen("a");
      while (pool.stats().listener.state !== "subscribing") await pause();
      const other = pool.listen("b");
      asked.give();
      const [a, b] = [await waiting, await other];
      assert.deepEqual(await nextEvents(b, 1), ["1"]);
      await a.close();
      await b.close();
      assert.equal(pool.stats().listener.state, "off");
    }));
});

test("pool listen: channels that are refused at a new connection are tried again at the next, with one gap", async () => {
  const standby = errorResponse({ C: "25006", M: "cannot execute LISTEN during recovery" });
  const listening = signal();
  const script = connections(
    [...says('listen "a"'), listening.until, close()],
    [expect("Q"), send(standby, readyForQuery()), expectClose()],
    [...says('listen "a"'), send(notificationResponse("a", "1")), ignore()],
  );
  await withServer(script, (server) =>
    withListening(server, {}, async (pool) => {
      const a = await pool.listen("a");
      listening.give();
      assert.deepEqual(await nextEvents(a, 2), ["gap", "1"]);
      assert.equal(pool.stats().listener.gaps, 1);
    }));
});

test("pool listen: a server that refuses for good ends every subscription with its error", async () => {
  const refused = errorResponse({ S: "FATAL", V: "FATAL", C: "28P01", M: "no such password" });
  const listening = signal();
  const script = (index: number): Script => {
    if (index > 0) return [handshake({ authentication: [send(refused), close(), expectClose()] })];
    return [handshake(), ...says('listen "a"'), ...says('listen "b"'), listening.until, close()];
  };
  await withServer(script, (server) =>
    withListening(server, {}, async (pool) => {
      const both = [await pool.listen("a"), await pool.listen("b")];
      listening.give();
      for (const subscription of both) {
        await assert.rejects(subscription.next(), (error) => {
          assert.ok(error instanceof PgError);
          assert.equal(error.code, "28P01");
          return true;
        });
      }
      assert.deepEqual(pool.stats().listener, {
        state: "off",
        channels: 0,
        subscriptions: 0,
        gaps: 0,
      });
      await assert.rejects(pool.listen("a"), { code: "28P01" });
    }));
});

test("pool listen: a server that does not answer the heartbeat is replaced", async () => {
  const alive = (_: unknown, peer: Peer) => peer.send(emptyQueryResponse(), readyForQuery());
  const beat: Script = [
    expect("Q", (message) => assert.equal(message.text, "")),
    send(emptyQueryResponse(), readyForQuery()),
  ];
  const script = connections(
    [...says('listen "a"'), ...beat, ...beat, expect("Q"), ignore()],
    [...says('listen "a"'), send(notificationResponse("a", "1")), serve(alive)],
  );
  await withServer(script, (server) =>
    withListening(server, { heartbeat: 0.1 }, async (pool) => {
      const a = await pool.listen("a");
      const { value } = await a.next();
      assert.ok(value?.type === "gap");
      assert.match(value.cause.message, /did not answer within 0\.1 s/);
      assert.ok(value.since <= value.until);
      assert.deepEqual(await nextEvents(a, 1), ["1"]);
    }));
});

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
