/** Arguments that createPool() refuses at once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createPool, InterfaceError, NotSupportedError } from "../../mod.ts";

const WRONG: readonly (readonly [arguments: readonly unknown[], error: RegExp])[] = [
  [
    ["postgres://host/db", { sslMode: "require" }],
    /^"sslMode" is an option of the connection: createPool\(url, \{ connection: \{ sslMode: … \} \}\)/,
  ],
  [["postgres://host/db", { host: "a" }], /^"host" is an option of the connection/],
  [["postgres://host/db", { maxx: 5 }], /^unknown pool option "maxx".*max/],
  [
    [{ host: "a", max: 5 }],
    /^"max" is an option of the pool: give it in createPool's second argument/,
  ],
  [[{ host: "a", idleTimeout: 5 }], /^"idleTimeout" is an option of the pool/],
  [["postgres://host:99999/db"], /port/],
  [["postgres://host/db?sslmode=foo"], /sslmode/],
  [["postgres://host/db?no_such=1"], /unknown key "no_such"/],
  [["postgres://host/db?connect_timeout=soon"], /connect_timeout/],
  [["postgres://host/db?require_auth=never"], /require_auth/],
  [["mysql://host/db"], /is a URI, but does not begin with postgres:/],
  [["host=a port"], /lacks "="/],
  [[{ sslMode: "maybe" }], /^sslMode/],
  [[{ databse: "x" }], /^unknown option "databse"/],
  [["", { connection: { databse: "x" } }], /^unknown option "databse"/],
  [
    ["", { connection: { max: 5 } }],
    /^"max" is an option of a pool: createPool\(url, \{ max: … \}/,
  ],
  [["", { connection: { types: { int8: "float" } } }], /int8/],
  [[null], /options must be an object/],
  [[5], /options must be an object/],
  [[{}, null], /the pool's options must be an object/],
  [[{ database: "postgres://host/db" }], /database is a connection string/],
];

test("pool: wrong arguments are refused by createPool() itself, by name", () => {
  for (const [given, error] of WRONG) {
    assert.throws(() => createPool(...given as Parameters<typeof createPool>), (thrown: Error) => {
      assert.ok(thrown instanceof InterfaceError, `${JSON.stringify(given)}: ${thrown}`);
      assert.match(thrown.message, error);
      return true;
    });
  }
  assert.throws(() => createPool("postgres://host/db?gssencmode=require"), NotSupportedError);
});

test("pool: what the environment may complete is not refused by createPool()", async () => {
  for (const dsn of ["", "port=1,2", "service=none", "host=a,b", "passfile=/nowhere"]) {
    await createPool(dsn).close();
  }
  await createPool({ host: ["a", "b"], port: 5433 }, { maxPipelined: 2 }).close();
  await createPool({ maxPipelined: 2 }).close();
});
