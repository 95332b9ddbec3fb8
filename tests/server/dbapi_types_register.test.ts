import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "../../mod.ts";
import { sharedServer } from "../_kit/servers.ts";

test("types.register: applies to later queries and prepared statements, not to queries in flight", async () => {
  const { host, port } = await sharedServer();
  const db = await connect({ host, port, user: "postgres" });
  try {
    const text = "select 7::int4 as n, array[1, 2] as a";
    await db.query(text);
    const before = db.query(text).execute();
    db.types.register({ oid: 23, decode: (digits) => `<${digits}>` });
    assert.deepEqual([...await before], [{ n: 7, a: [1, 2] }]);
    assert.deepEqual([...await db.query(text)], [{ n: "<7>", a: ["<1>", "<2>"] }]);
    assert.deepEqual([...await db.query(text)], [{ n: "<7>", a: ["<1>", "<2>"] }]);
  } finally {
    await db.close();
  }
});
