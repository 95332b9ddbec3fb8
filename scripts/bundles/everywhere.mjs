// deno-lint-ignore-file no-console -- programs print to their caller
/**
 * Tries each thing of the table "where it runs" on the runtime that runs this, and in PGlite; prints
 * the outcomes as JSON: `true`, or an error. CORNAC_OPTIONS: options that reach a server, its root
 * certificate (`root`) and its Unix socket (`socket`).
 */
import { connect, createPool } from "@cornac/pg";
import { connect as connectPGlite, pgliteStream } from "@cornac/pg/pglite";

const { root, socket, ...options } = JSON.parse(globalThis.process.env.CORNAC_OPTIONS);

async function over(opening, work) {
  const db = await opening;
  try {
    return await work(db);
  } finally {
    await db.close();
  }
}

const answers = async (db) => await db.query("select $1::int + 1", [41]).scalar() === 42;
const cancels = async (db) => {
  const query = db.query("select pg_sleep(1)").execute();
  await new Promise((resolve) => setTimeout(resolve, 100));
  query.cancel();
  return await query.then(() => "it was not cancelled", ({ code }) => code) === "57014";
};
const copies = async (db) => {
  await db.query("create temporary table t (n int)");
  await db.copyFrom("copy t from stdin", ["1\n2\n"]);
  return await new Response(db.copyTo("copy t to stdout")).text() === "1\n2\n";
};
const hears = async (db) => {
  const heard = await db.listen("c");
  await db.notify("c", "hello");
  for await (const { payload } of heard) return payload === "hello";
};
const pools = async (given) => {
  const pool = createPool(given, { max: 3 });
  const all = [1, 2, 3, 4].map((n) => pool.query("select $1::int", [n]).scalar());
  const found = await Promise.all(all);
  await pool.close();
  return found.join() === "1,2,3,4";
};

const tls = { ...options, host: "localhost", sslMode: "verify-full", sslContext: { ca: root } };
const here = {
  TCP: () => over(connect(options), answers),
  TLS: () => over(connect(tls), answers),
  Unix: () => over(connect({ ...options, unixSock: socket }), answers),
  cancel: () => over(connect(options), cancels),
  COPY: () => over(connect(options), copies),
  LISTEN: () => over(connect(options), hears),
  pool: () => pools(options),
};

const { PGlite } = await import("@electric-sql/pglite");
const pglite = await PGlite.create();
const dial = () => pgliteStream(pglite);
const inProcess = {
  queries: () => over(connectPGlite(pglite), answers),
  cancel: () => over(connectPGlite(pglite), cancels),
  COPY: () => over(connectPGlite(pglite), copies),
  LISTEN: () => over(connectPGlite(pglite), hears),
  pool: async () => {
    const given = { host: "pglite", user: "postgres", sslContext: false, dial };
    const pool = createPool(given, { max: 1 });
    const all = [1, 2, 3, 4].map((n) => pool.query("select $1::int", [n]).scalar());
    const found = await Promise.all(all);
    await pool.close();
    return found.join() === "1,2,3,4";
  },
};

async function outcomes(attempts) {
  const found = {};
  for (const [name, attempt] of Object.entries(attempts)) {
    found[name] = await attempt().catch((error) => `${error.name}: ${error.message}`);
  }
  return found;
}

console.log(JSON.stringify([await outcomes(here), await outcomes(inProcess)]));
globalThis.process.exit(0);
