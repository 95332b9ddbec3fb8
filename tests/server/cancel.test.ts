import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { connect, type Connection, type ConnectOptions, PgError } from "../../mod.ts";
import { untilActive, withDatabase } from "../_kit/databases.ts";
import { failure } from "../_kit/outcomes.ts";
import { majors, sharedServer } from "../_kit/servers.ts";
import { over, rootPath, session } from "./connecting.ts";
import { watched } from "./tls_events.ts";

/** The number of races; `CORNAC_CANCELS=10000` takes half a minute on each runtime. */
const RACES = Number(process.env.CORNAC_CANCELS ?? 300);

const DIRECT: ConnectOptions = { sslMode: "require", sslNegotiation: "direct" };

interface Tally {
  hits: number;
  misses: number;
  /** Queries that failed without a cancel of their own. */
  successorsHit: number;
}

/** Cancels a query at about the time of its end, with another one right behind it. */
async function race(db: Connection, round: number, tally: Tally): Promise<void> {
  // About the time that a cancel takes to arrive, a little less or more.
  const seconds = (round % 40) / 10_000;
  const target = db.query<{ n: number }>("select $1::int4 as n, pg_sleep($2)", [round, seconds]);
  const outcome = target.execute().then(() => "missed", codeOf);
  if (round % 3 > 0) await new Promise((resolve) => setTimeout(resolve, round % 3));
  target.cancel();
  const pipelined = db.query<{ n: number }>("select $1::int4 + 1 as n", [round]);
  const behind = succeeds(pipelined, round + 1, tally);
  const found = await outcome;
  assert.ok(found === "missed" || found === "57014", `round ${round} ended with ${found}`);
  tally[found === "missed" ? "misses" : "hits"]++;
  await succeeds(db.query<{ n: number }>("select $1::int4 + 2 as n", [round]), round + 2, tally);
  await behind;
}

function codeOf(error: unknown): string | undefined {
  assert.ok(error instanceof PgError, String(error));
  return error.code;
}

async function succeeds(
  query: PromiseLike<readonly { n: number }[]>,
  expected: number,
  tally: Tally,
): Promise<void> {
  try {
    assert.equal((await query)[0]!.n, expected);
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    tally.successorsHit++;
  }
}

test(`cancel: ${RACES} cancels that race completion hit only their own queries`, {
  timeout: 120_000 + RACES * 100,
}, async () => {
  const tally: Tally = { hits: 0, misses: 0, successorsHit: 0 };
  const server = await sharedServer();
  await session(over(server, { user: "u_trust" }), async (db) => {
    const { processId } = db;
    for (let round = 0; round < RACES; round++) await race(db, round, tally);
    assert.equal(db.processId, processId);
    assert.equal(db.transactionStatus, "idle");
  });
  const { hits, misses, successorsHit } = tally;
  process.stdout.write(
    `# cancels: ${hits} hit, ${misses} missed, successors hit: ${successorsHit}\n`,
  );
  assert.equal(successorsHit, 0);
  assert.ok(hits > 0 && misses > 0, "a race that always ends the same is none");
});

for (const major of majors()) {
  for (const maxProtocolVersion of ["3.0", "3.2"] as const) {
    test(`cancel ${major}: stops a long query, and the connection stays usable (protocol ${maxProtocolVersion})`, async () => {
      const options = over(await sharedServer(major), { user: "u_trust", maxProtocolVersion });
      await session(options, async (db) => {
        const query = db.query("select pg_sleep(60)");
        const outcome = query.execute().then(() => "slept", codeOf);
        await new Promise((resolve) => setTimeout(resolve, 20));
        query.cancel();
        assert.equal(await outcome, "57014");
        assert.deepEqual([...await db.query("select 1 as n")], [{ n: 1 }]);
      });
    });
  }

  const POLICIES: readonly (readonly [string, ConnectOptions, string])[] = [
    ["in plain text", { sslMode: "disable" }, "connect cancel"],
    ["preferring TLS", { sslMode: "prefer" }, "connect sslrequest tls cancel"],
    ["over TLS", { sslMode: "verify-full" }, "connect sslrequest tls cancel"],
    ["over TLS from the first byte", DIRECT, "connect tls cancel"],
  ];
  for (const [how, policy, events] of POLICIES) {
    const skip = policy.sslNegotiation === "direct" && major < 17;
    test(`cancel ${major}: uses the session's address and TLS policy (${how})`, {
      skip,
    }, async () => {
      const { runtime, connections, addresses } = await watched();
      const name = "localhost";
      const sslRootCert = policy.sslMode === "verify-full" ? await rootPath() : undefined;
      const server = await sharedServer(major);
      const options = over(server, { user: "u_trust", host: name, ...policy, sslRootCert });
      // The name's first address is dead; the server listens at the second.
      const lookup = () => Promise.resolve(["127.0.0.9", "127.0.0.1"]);
      const db = await connect({ ...options, runtime: { ...runtime, lookup } });
      try {
        const before = connections.length;
        const query = db.query("select pg_sleep(60)");
        const outcome = query.execute().then(() => "slept", codeOf);
        await new Promise((resolve) => setTimeout(resolve, 20));
        query.cancel();
        assert.equal(await outcome, "57014");
        assert.deepEqual(connections.slice(before).map((list) => list.join(" ")), [events]);
        assert.equal(addresses.at(-1), "127.0.0.1");
      } finally {
        await db.close();
      }
    });
  }
}

test("cancel: a later statement_timeout, or an error that a function raises, is not this cancel", () =>
  withDatabase(async (db) => {
    await db.query("create temp sequence runs");
    await db.query(`create function pg_temp.raising() returns void language plpgsql as $$
      begin perform nextval('runs'); raise 'mine' using errcode = '57014'; end $$`);
    const later: [string, string][] = [
      ["select nextval('runs'), pg_sleep(60)", "canceling statement due to statement timeout"],
      ["select pg_temp.raising()", "mine"],
    ];
    for (const [text, message] of later) {
      await db.query("set statement_timeout = 0");
      const cancelled = db.query("select pg_sleep(60) as before").execute();
      await untilActive(db, "as before");
      cancelled.cancel();
      await failure(cancelled);
      await db.query("set statement_timeout = 100");
      const error = await failure(db.query(text));
      assert.deepEqual([error.message, error.cause], [message, undefined]);
    }
    assert.equal(await db.query("select last_value from runs").scalar(), 2n);
  }));
