/**
 * The module `pg` on this driver: `Client`, `Pool`, `types` and the rest, with the same results, errors
 * and events. `docs/compat.md` lists what differs.
 *
 * @example
 * ```ts
 * import pg from "@cornac/pg/compat/pg";
 *
 * const client = new pg.Client({ user: "myuser", password: "mypassword", database: "mydb" });
 * await client.connect();
 * const { rows } = await client.query("select name from users where id = $1", [2]);
 * console.log(rows); // → [{ name: "Grace" }]
 * await client.end();
 * ```
 *
 * @module
 */
export { Client, type ConnectCallback } from "./client.ts";
export { type FieldDef, Result } from "./result.ts";
export { Query, type QueryCallback, type QueryConfig } from "./query.ts";
export { types } from "./types.ts";
export { TypeOverrides } from "./type_overrides.ts";
export { defaults } from "./defaults.ts";
export { DatabaseError } from "./database_error.ts";
export { escapeIdentifier, escapeLiteral } from "./escape.ts";
