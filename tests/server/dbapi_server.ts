/** DB-API and native connections to the shared server, closed again whatever happens. */
import * as dbapi from "../../src/dbapi/dbapi.ts";
import * as native from "../../src/dbapi/native.ts";
import { sharedServer } from "../_kit/servers.ts";

/** Where the shared server is, as options. */
export async function serverOptions(): Promise<{ host: string; port: number; user: string }> {
  const { host, port } = await sharedServer();
  return { host, port, user: "postgres" };
}

/** Gives `work` a DB-API connection of its own. */
export async function withDbapi(
  work: (con: dbapi.Connection) => Promise<void>,
  options: dbapi.DbapiOptions = {},
): Promise<void> {
  const con = await dbapi.connect({ ...await serverOptions(), ...options });
  try {
    await work(con);
  } finally {
    await con.close();
  }
}

/** Gives `work` a native connection of its own. */
export async function withNative(
  work: (con: native.Connection) => Promise<void>,
): Promise<void> {
  const con = await native.connect(await serverOptions());
  try {
    await work(con);
  } finally {
    await con.close();
  }
}
