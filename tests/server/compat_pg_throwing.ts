/**
 * A process whose listeners and callbacks throw: `compat_pg_throwing.ts <login as JSON>`. Prints the
 * errors that no code has caught, and the answer to a query behind them.
 */
import process from "node:process";
import pg from "../../src/compat/pg/pg.ts";

const uncaught: string[] = [];
process.on("uncaughtException", ({ message }) => uncaught.push(message));
const throwing = (message: string) => (): never => {
  throw new Error(message);
};

const client = new pg.Client(JSON.parse(process.argv[2]!));
await client.connect();
client.once("drain", throwing("drain"));
await client.query({ text: "select 1 as n", name: "named" });
client.query("select $1::int as n", [2], throwing("callback"));
const query = new pg.Query("select 3 as n");
query.once("row", throwing("row"));
query.once("end", throwing("end"));
client.query(query as never);
client.once("notice", throwing("notice"));
client.once("notification", throwing("notification"));
await client.query("do $$ begin raise notice 'a notice'; end $$; listen a; notify a");
while (uncaught.length < 6) await new Promise((resolve) => setTimeout(resolve, 5));
const { rows } = await client.query({ text: "select 4 as n" });
process.stdout.write(JSON.stringify([uncaught, rows]));
await client.end();
