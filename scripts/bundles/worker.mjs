/** A Worker that tries each thing that a Worker can do with the driver, and answers with the outcomes. */
import { connect, createPool } from "@cornac/pg";

/** A pool of the global scope, which must be refused at once. */
const globalPool = (() => {
  try {
    return createPool({ host: "127.0.0.1" });
  } catch (error) {
    return `${error.name} ${error.code}: ${error.message}`;
  }
})();

export default {
  async fetch(request) {
    const { logins, root, only, ...options } = await request.json();
    const outcomes = {};
    for (const [name, work] of Object.entries(scenarios)) {
      if (only !== undefined && name !== only) continue;
      try {
        outcomes[name] = await work(options, { ...logins, root });
      } catch (error) {
        outcomes[name] = `${error.name} ${error.code ?? ""}: ${error.message}`;
      }
    }
    return Response.json(outcomes);
  },
};

async function withDb(options, work) {
  const db = await connect(options);
  try {
    return await work(db);
  } finally {
    await db.close();
  }
}

const user = (db) => db.query("select current_user::text").scalar();

const scenarios = {
  query: (options) =>
    withDb(options, (db) => db.query("select $1::int + 1 as n, $2::jsonb as j", [41, [1]]).one()),
  scram: (options, { scram }) => withDb({ ...options, ...scram }, user),
  md5: (options, { md5 }) => withDb({ ...options, ...md5 }, user),
  wrong: (options, { scram }) => withDb({ ...options, ...scram, password: "x" }, user),
  cancel: (options) =>
    withDb(options, async (db) => {
      const query = db.query("select pg_sleep(20)").execute();
      setTimeout(() => query.cancel(), 100);
      return await query.then(() => "not cancelled", ({ code }) => code);
    }),
  timeout: (options) =>
    withDb(options, async (db) => {
      const { code } = await db.query("select pg_sleep(20)", [], { timeout: 0.2 }).catch((e) => e);
      return `${code} ${await db.query("select 1").scalar()}`;
    }),
  transaction: (options) =>
    withDb(options, async (db) => {
      await db.query("create temporary table t (n int)");
      await db.transaction((tx) => tx.query("insert into t values (1)"));
      await db.transaction(async (tx) => {
        await tx.query("insert into t values (2)");
        throw new Error("no");
      }).catch(() => {});
      return await db.query("select count(*)::int from t").scalar();
    }),
  copy: (options) =>
    withDb(options, async (db) => {
      await db.query("create temporary table t (n int)");
      const rows = await db.copyFrom("copy t from stdin", ["1\n2\n"]);
      return `${rows} ${await new Response(db.copyTo("copy t to stdout (format csv)")).text()}`;
    }),
  listen: (options) =>
    withDb(options, async (db) => {
      const heard = await db.listen("c");
      await db.notify("c", "hello");
      for await (const { payload } of heard) return payload;
    }),
  stream: (options) =>
    withDb(options, async (db) => {
      let sum = 0;
      for await (const { n } of db.query("select generate_series(1, 5000)::int as n")) sum += n;
      return sum;
    }),
  large: (options) =>
    withDb(options, async (db) => {
      const text = "x".repeat(2_000_000);
      return await db.query("select $1::text", [text]).scalar() === text;
    }),
  pool: async (options) => {
    const pool = createPool(options, { max: 3 });
    const all = [1, 2, 3, 4, 5].map((n) => pool.query("select $1::int", [n]).scalar());
    const found = await Promise.all(all);
    await pool.close();
    return found.join();
  },
  "global pool": () => globalPool,
  refused: (options) => withDb({ ...options, port: 1 }, user),
  unix: (options) => withDb({ ...options, host: "/tmp" }, user),
  "own root": (options, { root }) =>
    withDb({ ...options, sslMode: "verify-full", sslContext: { ca: root } }, user),
  tls: (options) =>
    withDb(
      { ...options, host: "localhost", sslMode: "verify-full", sslRootCert: "system" },
      (db) => db.query("select ssl from pg_stat_ssl where pid = pg_backend_pid()").scalar(),
    ),
  "private authority": (options) => withDb({ ...options, sslMode: "require" }, user),
};
