/** Shared by the tests of connecting: options for one server, and the server's facts about a session. */
import assert from "node:assert/strict";
import { connect, type Connection, type ConnectOptions, PgError } from "../../mod.ts";
import { certificates } from "../_kit/certs.ts";
import type { ServerAddress } from "../_kit/cluster.ts";

/** Options that reach this server over TCP, in plain text unless told otherwise. */
export function over(server: ServerAddress, options: ConnectOptions = {}): ConnectOptions {
  const { host, port } = server;
  return { host, port, database: "postgres", sslMode: "disable", connectTimeout: 20, ...options };
}

/** Connects, calls `body`, and closes whatever happens. */
export async function session<T>(
  options: ConnectOptions,
  body: (db: Connection) => Promise<T>,
): Promise<T> {
  const db = await connect(options);
  try {
    return await body(db);
  } finally {
    await db.close();
  }
}

/** The server's facts about a session. */
export interface Seen {
  readonly user: string;
  readonly ssl: boolean;
  /** `tcp` or `unix`. */
  readonly by: string;
  /** Subject of the client's certificate. */
  readonly client: string | null;
  readonly version: string | null;
}

/** Connects, asks the server what it knows of the session, and closes. */
export function seen(options: ConnectOptions): Promise<Seen> {
  return session(options, async (db) => {
    const [row] = await db.query<{
      user: string;
      ssl: boolean;
      unix: boolean;
      client: string | null;
      version: string | null;
    }>(
      `select current_user::text as "user", ssl, inet_client_addr() is null as unix,
        client_dn as client, version from pg_stat_ssl where pid = pg_backend_pid()`,
    );
    const { user, ssl, unix, client, version } = row!;
    return { user, ssl, by: unix ? "unix" : "tcp", client, version };
  });
}

/** The error that connecting ends with. */
export async function refusal(options: ConnectOptions): Promise<PgError> {
  let db: Connection;
  try {
    db = await connect(options);
  } catch (error) {
    assert.ok(error instanceof PgError, `${error} is no PgError`);
    return error;
  }
  await db.close();
  assert.fail("connecting was expected to fail");
}

/** Path of the root that signed the servers' certificates. */
export async function rootPath(): Promise<string> {
  return (await certificates()).ca.certPath;
}
