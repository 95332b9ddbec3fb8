// deno-lint-ignore-file no-console -- programs print to their caller
/**
 * First uses within an async context, and a request that comes later, which must begin outside of it. On
 * Deno that holds only if the driver has loaded its code with the first connection.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { createServer } from "node:http";
import { connect, createPool } from "@cornac/pg";

const options = JSON.parse(globalThis.process.env.CORNAC_OPTIONS);
const context = new AsyncLocalStorage();
const server = createServer((_request, response) => response.end(String(context.getStore())));

async function main() {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const db = await connect(options);
  const pool = createPool(options, { max: 1 });
  await pool.query("select 1");
  await context.run("the context of a first use", async () => {
    await db.transaction((tx) => tx.query("select 1"));
    await db.batch([db.query("select 1"), db.query("select 2")]);
    for await (const _row of db.query("select 1")) break;
    await (await db.prepare("select '(1,2)'::point")).close();
    await (await db.listen("seen")).close();
    await pool.transaction((tx) => tx.query("select 1"));
  });
  console.log(await (await fetch(`http://127.0.0.1:${server.address().port}/`)).text());
  await db.close();
  await pool.close();
  server.close();
}

main().catch((error) => {
  console.error(error);
  globalThis.process.exitCode = 1;
});
