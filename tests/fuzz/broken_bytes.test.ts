/**
 * A whole session through a proxy that inverts one byte of the replies, or cuts them there: every call
 * succeeds or fails with a typed error, none hangs, and nothing is left unhandled. By default every
 * 41st byte, from a seed on; with `CORNAC_FUZZ` set, each byte. `CORNAC_SEED` repeats a run.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { connect, type Connection, PgError } from "../../mod.ts";
import { faultProxy, type Faults } from "../_kit/fault_proxy.ts";
import { sharedServer } from "../_kit/servers.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { seedOfToday } from "../wire/model.ts";

const SEED = seedOfToday(process.env.CORNAC_SEED);
const STEP = process.env.CORNAC_FUZZ === undefined ? 41 : 1;
const AT_ONCE = 8;

/** The calls of a session, one after the other. */
const CALLS: Readonly<Record<string, (db: Connection) => Promise<unknown>>> = {
  query: (db) =>
    db.query("select $1::int4 as a, $2::text as b, array[1, 2] as c, now(), 1.5 as d, 'x'::bytea", [
      1,
      "one",
    ]).execute(),
  "rare types": (db) => db.query("select int4range(1, 5), point(1, 2), row(1, 'x')").execute(),
  refused: (db) =>
    db.query("select 1 / 0").then(() => {}, (error) => {
      if (!(error instanceof PgError)) throw error;
    }),
  simple: (db) => db.query("select 1; select 2").simple().all(),
  batch: (db) => db.batch([{ text: "select 1" }, { text: "select $1::text", parameters: ["x"] }]),
  stream: async (db) => {
    for await (const _ of db.query("select generate_series(1, 40) as i").batches(15));
  },
  transaction: (db) =>
    db.transaction(async (tx) => {
      await tx.query("create temporary table broken (a int, b text)");
      await tx.copyFrom("copy broken from stdin", "1\ta\n2\tb\n");
      await tx.copyRowsFrom("broken", ["a", "b"], [[3, "c"]]);
      for await (const _ of tx.copyTo("copy broken to stdout"));
      for await (const _ of tx.copyRowsTo("broken", ["a", "b"]));
    }),
  listen: async (db) => {
    const subscription = await db.listen("broken");
    await db.notify("broken", "x");
    await subscription.close();
  },
  close: (db) => db.close(),
};

/** Runs a session with these faults. Returns the number of bytes of its replies. */
async function session(down: Faults): Promise<number> {
  const proxy = await faultProxy(await sharedServer(), { down });
  const { host, port } = proxy;
  const login = { host, port, user: "postgres", database: "postgres" } as const;
  const limits = { timeout: 0.5, queryTimeout: 2, closeTimeout: 0.5 };
  try {
    const db = await connect({ ...login, ...limits, sslMode: "disable" });
    for (const [call, run] of Object.entries(CALLS)) {
      await run(db).catch((error: unknown) => {
        if (error instanceof PgError && Object.keys(down).length > 0) return;
        throw new Error(`${call} with ${JSON.stringify(down)}, seed ${SEED}`, { cause: error });
      });
    }
    await db.closed;
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
  } finally {
    await proxy.close();
  }
  return proxy.down.bytes;
}

test(`broken bytes: every call of a session ends, and with a typed error if it fails (seed ${SEED})`, () =>
  withoutUnhandled(async () => {
    const length = await session({});
    assert.ok(length > 2_000, `a session of ${length} bytes`);
    const faults: Faults[] = [];
    for (let at = SEED % STEP; at < length; at += STEP) {
      faults.push({ corruptAt: at }, { cutAt: at, cutHow: at % 2 === 0 ? "end" : "reset" });
    }
    const next = async (): Promise<void> => {
      for (let one = faults.pop(); one !== undefined; one = faults.pop()) await session(one);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
  }));
