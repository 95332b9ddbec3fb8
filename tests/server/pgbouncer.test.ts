/** Behaviour that only a real PgBouncer shows; the query tests run behind one, too (pooled.ts). */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  connect,
  createPool,
  NotSupportedError,
  OperationalError,
  type PgError,
} from "../../mod.ts";
import {
  type Mode,
  noPgBouncer as skip,
  type PgBouncer,
  pgBouncerVersion,
  startPgBouncer,
} from "../_kit/pgbouncer.ts";
import { plainQuery } from "../_kit/plain_client.ts";
import { sharedServer } from "../_kit/servers.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { as } from "./pool_server.ts";

/** Each transaction goes to another of three server connections. */
const ROTATING = { default_pool_size: 10, min_pool_size: 3, server_round_robin: 1 };

function withPgBouncer(mode: Mode, work: (bouncer: PgBouncer) => Promise<void>): Promise<void> {
  return withoutUnhandled(async () => {
    const bouncer = await startPgBouncer(await sharedServer(), mode, ROTATING);
    const busy = () => plainQuery(bouncer.socketPath, "select pg_sleep(0.1)");
    try {
      await Promise.all([busy(), busy(), busy()]);
      await work(bouncer);
    } finally {
      await bouncer.stop();
    }
  });
}

const isNew = skip === false && Number(pgBouncerVersion().split(".")[1]) >= 20;

test(
  "pgbouncer: asked for protocol 3.2 it gives 3.0, or says that it does not know it",
  { skip },
  () =>
    withPgBouncer("session", async (bouncer) => {
      const db = await connect({ ...as(bouncer), maxProtocolVersion: "3.2" });
      assert.equal(await db.query("select 1 as one").scalar(), 1);
      await db.close();
      const least = { maxProtocolVersion: "3.2", minProtocolVersion: "3.2" } as const;
      await assert.rejects(connect({ ...as(bouncer), ...least }), (error: PgError) => {
        if (isNew) {
          return error instanceof NotSupportedError && /only protocol 3\.0/.test(error.message);
        }
        assert.match(error.message, /; poolers without protocol 3\.2/);
        return error.code === "08P01";
      });
    }),
);

test(
  "pgbouncer: a startup parameter that it refuses is named, and what to do about it",
  { skip },
  () =>
    withPgBouncer("session", async (bouncer) => {
      const startupParams = { work_mem: "1MB" };
      await assert.rejects(connect({ ...as(bouncer), startupParams }), {
        name: "OperationalError",
        code: "08P01",
        message:
          'unsupported startup parameter: work_mem; PgBouncer refuses startup parameter "work_mem": ' +
          "omit it, or list it in ignore_startup_parameters",
      });
    }),
);

test(
  "pgbouncer: a client that waits too long for a server connection hears from whom",
  { skip },
  () =>
    withoutUnhandled(async () => {
      const few = { default_pool_size: 1, query_wait_timeout: 1 };
      const bouncer = await startPgBouncer(await sharedServer(), "transaction", few);
      const [holder, other] = [await connect(as(bouncer)), await connect(as(bouncer))];
      try {
        await holder.transaction(async (tx) => {
          await tx.query("select 1");
          await assert.rejects(other.query("select 1").execute(), (error: Error) => {
            assert.match(
              error.message,
              /query_wait_timeout; PgBouncer had no server connection free/,
            );
            return error instanceof OperationalError;
          });
        });
      } finally {
        await Promise.all([holder.close(), other.close()]);
        await bouncer.stop();
      }
    }),
);

test(
  "pgbouncer: a connection that loses its statements again and again keeps none",
  { skip },
  () =>
    withPgBouncer("transaction", async (bouncer) => {
      const db = await connect(as(bouncer));
      try {
        for (let i = 0; i < 40; i++) {
          assert.equal(await db.query("select $1::int + 1 as n", [i]).scalar(), i + 1);
        }
        // By now, at the latest, it has learned: nothing has to be run again.
        for (let i = 0; i < 10; i++) {
          const sum = await db.transaction(async (tx) => {
            assert.equal(await tx.query("select $1::int + 1 as n", [i]).scalar(), i + 1);
            return await tx.query("select $1::int + $2::int as n", [i, i]).scalar();
          });
          assert.equal(sum, 2 * i);
        }
        const statement = await db.prepare<{ n: number }>("select $1::int as n");
        for (let i = 0; i < 5; i++) assert.equal(await statement.query([i]).scalar(), i);
        await statement.close();
      } finally {
        await db.close();
      }
    }),
);

test(
  'pgbouncer: pooler "transaction" gives no statement a name, unless told to',
  { skip },
  () =>
    withPgBouncer("transaction", async (bouncer) => {
      const named = async (statementCacheSize?: number): Promise<unknown> => {
        const pool = createPool({ ...as(bouncer), statementCacheSize }, {
          pooler: "transaction",
          max: 1,
        });
        try {
          await pool.query("select 1");
          const count = "select count(*)::int from pg_prepared_statements where statement = $1";
          const seen: unknown[] = [];
          for (let i = 0; i < 6; i++) {
            seen.push(await pool.query(count, ["select 1"], { prepare: false }).scalar());
          }
          const statement = await pool.prepare("select $1::int as n");
          for (let i = 0; i < 5; i++) assert.equal(await statement.query([i]).scalar(), i);
          await statement.close();
          return Math.max(...seen as number[]);
        } finally {
          await pool.close({ timeout: 2 });
        }
      };
      assert.equal(await named(), 0);
      assert.equal(await named(10), 1);
    }),
);

test(
  "pgbouncer: what waits for a description is not sent behind others, and gets it",
  { skip },
  () =>
    withPgBouncer("transaction", async (bouncer) => {
      const db = await connect({ ...as(bouncer), timeout: 10 });
      try {
        const asked = Array.from({ length: 100 }, (_, i) => {
          if (i % 3 > 0) return db.query("select $1::int as n", [i]).scalar();
          // Each text is new, and what a list is written as depends on its type.
          return db.query(`select $1::int[] as "a${i}"`, [[i, i + 1]]).scalar();
        });
        const wanted = asked.map((_, i) => i % 3 > 0 ? i : [i, i + 1]);
        assert.deepEqual(await Promise.all(asked), wanted);
      } finally {
        db.destroy();
      }
    }),
);

test(
  'pgbouncer: a pool told pooler "transaction" takes large parameters side by side',
  { skip },
  () =>
    withPgBouncer("transaction", async (bouncer) => {
      const pool = createPool(as(bouncer), { pooler: "transaction", max: 2 });
      try {
        const long = Array.from(
          { length: 20 },
          (_, i) => String.fromCharCode(97 + i).repeat(300_000),
        );
        const query = "select length($1::text)::text || left($1::text, 1)";
        const seen = await Promise.all(long.map((text) => pool.query(query, [text]).scalar()));
        assert.deepEqual(seen, long.map((text) => `${text.length}${text[0]}`));
      } finally {
        await pool.close({ timeout: 2 });
      }
    }),
);
