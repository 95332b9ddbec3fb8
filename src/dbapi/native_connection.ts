import { connect as connectDriver, type ConnectOptions, type Url } from "../connect.ts";
import type { Connection as DriverConnection } from "../connection.ts";
import { BaseConnection } from "./base_connection.ts";

/**
 * Opens a connection for texts with `:name` parameters. Connection strings and options are the
 * driver's.
 *
 * @throws {InterfaceError | OperationalError | NotSupportedError} as the driver's `connect()`.
 *
 * @example
 * ```ts
 * import { connect } from "@cornac/pg/native";
 *
 * const con = await connect({ user: "myuser", password: "mypassword" });
 * await con.run("insert into book (title) values (:title)", { title: "Emma" });
 * console.log(await con.run("select id, title from book where id > 2")); // → [[3, "Emma"]]
 * await con.close();
 * ```
 */
export function connect(options?: string | Url | ConnectOptions): Promise<Connection>;
/** Opens a connection by a connection string, with options that override its parts. */
export function connect(dsn: string | Url, options: ConnectOptions): Promise<Connection>;
export async function connect(
  first: string | Url | ConnectOptions = {},
  second: ConnectOptions = {},
): Promise<Connection> {
  const isDsn = typeof first === "string" || first instanceof URL;
  const db = await (isDsn ? connectDriver(first, second) : connectDriver(first));
  await db.types.load();
  return new Connection(db);
}

/**
 * pg8000's native connection: `run()` returns the rows of a text as arrays. Each statement commits
 * unless a text begins a transaction.
 */
export class Connection extends BaseConnection {
  /** For `connect()`. */
  constructor(db: DriverConnection) {
    super(db, () => false);
  }
}
