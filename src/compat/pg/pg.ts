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
export type { ClientConfig, SslConfig } from "./client_config.ts";
export { Connection, type ConnectionStream, type Submittable } from "./connection.ts";
export type { ConnectionParameters } from "./connection_parameters.ts";
export { type FieldDef, Result } from "./result.ts";
export { Query, type QueryCallback, type QueryConfig } from "./query.ts";
export {
  type ArrayParser,
  type CustomTypes,
  type TypeFormat,
  type TypeParser,
  type Types,
  types,
} from "./types.ts";
export { TypeOverrides } from "./type_overrides.ts";
export { type Defaults, defaults } from "./defaults.ts";
export { DatabaseError, type ReportField, type ReportFields } from "./database_error.ts";
export { escapeIdentifier, escapeLiteral } from "./escape.ts";
export type { Signal } from "../../session/exchange.ts";
