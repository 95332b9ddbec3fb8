/** First uses, whose code is loaded late, leave no async context behind for what runs later. */
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { connect, createPool } from "../../mod.ts";
import { shared } from "../_kit/databases.ts";

/** Returns the context in which a server's next request begins. */
async function contextOfRequest(server: Server, context: AsyncLocalStorage<string>) {
  const began = new Promise<string | undefined>((resolve) =>
    server.once("request", (_request, response) => {
      resolve(context.getStore());
      response.end();
    })
  );
  const { port } = server.address() as AddressInfo;
  await (await fetch(`http://127.0.0.1:${port}/`)).text();
  return await began;
}

test("async context: a later request does not begin in the context of a first use", async () => {
  const context = new AsyncLocalStorage<string>();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // Connecting imports the runtime's adapter, in the application's own context.
  await using db = await connect(await shared());
  await using pool = createPool(await shared());
  await pool.query("select 1");
  try {
    await context.run("request", async () => {
      await db.transaction((tx) => tx.query("select 1"));
      await db.batch([db.query("select 1"), db.query("select 2")]);
      for await (const _row of db.query("select 1")) break;
      await db.query("create temporary table seen (n int)");
      await db.copyRowsFrom("seen", ["n"], [[1]]);
      assert.deepEqual((await db.query("select '1 day'::interval::text as t"))[0], { t: "1 day" });
      await db.query("select '(1,2)'::point");
      await (await db.prepare("select 1")).close();
      await (await db.listen("seen")).close();
      await db.cursor().execute("select 1");
      await pool.transaction((tx) => tx.query("select 1"));
      assert.equal(context.getStore(), "request");
    });
    assert.equal(await contextOfRequest(server, context), undefined);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
