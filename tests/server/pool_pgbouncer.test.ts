/** The pool behind PgBouncer, in both modes, with prepared statements on and off. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createPool, NotSupportedError } from "../../mod.ts";
import { sharedServer } from "../_kit/servers.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { noPgBouncer as skip, startPgBouncer } from "../_kit/pgbouncer.ts";
import { as } from "./pool_server.ts";

for (const mode of ["session", "transaction"] as const) {
  for (const statementCacheSize of [256, 0]) {
    const how = statementCacheSize === 0 ? "without" : "with";
    test(
      `pool behind PgBouncer in ${mode} mode ${how} prepared statements: each caller gets its own rows`,
      {
        skip,
        timeout: 60_000,
      },
      () =>
        withoutUnhandled(async () => {
          const bouncer = await startPgBouncer(
            await sharedServer(),
            mode,
            { default_pool_size: mode === "session" ? 4 : 2 },
          );
          const connection = { ...as(bouncer), statementCacheSize };
          const pool = createPool(connection, { max: 4, pooler: mode });
          try {
            const texts = Array.from({ length: 10 }, (_, i) => `select $1::int + ${i} as n`);
            const client = async (id: number): Promise<void> => {
              for (let i = 0; i < 30; i++) {
                const n = id * 1000 + i;
                const text = texts[(id + i) % 10]!;
                assert.equal(await pool.query(text, [n]).scalar(), n + (id + i) % 10);
                if (i % 5 > 0) continue;
                const sum = await pool.transaction(async (tx) => {
                  await tx.query("set local work_mem = '1MB'");
                  return await tx.query(text, [n]).scalar();
                  // Outside of a transaction a statement that the server does not know mends itself.
                }, { retries: 20 });
                assert.equal(sum, n + (id + i) % 10);
              }
            };
            await Promise.all(Array.from({ length: 20 }, (_, id) => client(id)));
            const streamed: number[] = [];
            const rows = pool.query<{ n: number }>("select n from generate_series(1, 200) n");
            for await (const { n } of rows) streamed.push(n);
            assert.equal(streamed.length, 200);
            const held = await pool.connect();
            const listens = held.query("listen pool_bouncer").simple().all();
            if (mode === "transaction") await assert.rejects(listens, NotSupportedError);
            else await listens;
            await held.close();
            const all = await Promise.all([1, 2, 3, 4].map(() => pool.connect()));
            for (const db of all) {
              assert.deepEqual([...await db.query("select pg_listening_channels()")], []);
              await db.close();
            }
          } finally {
            await pool.close({ timeout: 2 });
            await bouncer.stop();
          }
        }),
    );
  }
}
