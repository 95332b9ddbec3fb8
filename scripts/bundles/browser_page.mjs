/** The page of browser.mjs: takes the tour in PGlite, and through a WebSocket to a server. */
import { PGlite } from "@electric-sql/pglite";
import { connect, createPool } from "@cornac/pg";
import { connect as connectPGlite } from "@cornac/pg/pglite";
import { webSocketPair } from "@cornac/pg/websocket";
import { burst, mistake, values } from "./tour_stops.ts";

/** What browser.mjs calls; each resolves to the rows that the page shows. */
globalThis.tours = {
  async pglite() {
    const pglite = await PGlite.create();
    const rows = await tour("PGlite, in this page", await connectPGlite(pglite));
    await pglite.close();
    return rows;
  },
  async websocket(relay, options) {
    const dial = ({ host, port, signal }) =>
      webSocketPair(`${relay}?address=${host}:${port}`, { signal });
    const given = { ...options, dial, sslContext: false };
    const rows = await tour("A server, by a WebSocket and a relay", await connect(given));
    const cancelled = await connect(given);
    const { code } = await cancelled.query("select pg_sleep(20)", [], { timeout: 0.2 })
      .catch((error) => error);
    rows.timeout = String(code);
    await cancelled.close();
    const pool = createPool(given, { max: 3 });
    const all = [1, 2, 3, 4, 5].map((n) => pool.query("select $1::int", [n]).scalar());
    rows.pool = (await Promise.all(all)).join();
    await pool.close();
    return rows;
  },
};

async function tour(title, db) {
  const rows = {};
  const caption = document.createElement("caption");
  caption.textContent = `${title}: PostgreSQL ${db.serverVersion.text}`;
  const table = document.body.appendChild(document.createElement("table"));
  table.append(caption);
  const show = (name, value) => {
    const text = printed(value);
    if (name !== "") rows[name] = text;
    const row = table.insertRow();
    row.insertCell().textContent = name;
    row.insertCell().textContent = text;
  };
  await values(db, show);
  await mistake(db, show);
  await burst(db, show);
  await db.query("create temporary table t (n int, name text)");
  show("copied in", await db.copyRowsFrom("t", ["n", "name"], [[1, "one"], [2, "two"]]));
  show("copied out", await new Response(db.copyTo("copy t to stdout (format csv)")).text());
  const heard = await db.listen("c");
  await db.notify("c", "hello");
  for await (const { payload } of heard) {
    show("heard", payload);
    break;
  }
  await db.close();
  return rows;
}

function printed(value) {
  if (typeof value === "string") return value;
  if (typeof value === "bigint") return `${value}n`;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return `Uint8Array [${value}]`;
  return JSON.stringify(value, (_, part) => typeof part === "bigint" ? `${part}n` : part);
}
