import { type ConnectOptions, openCore, runtimeOf, type Url } from "../connect.ts";
import { ownOptions } from "../config/validate.ts";
import { InterfaceError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import { withCallSite } from "../query/call_site.ts";
import { RARE_TYPES } from "../types/rare.ts";
import { explained } from "./explain.ts";
import type { ReplicationMode } from "./command_types.ts";
import { ReplicationConnection } from "./replication_connection.ts";
import { openOrdinary, SideConnection } from "./side_connection.ts";

/** The options of `connectReplication()`: those of `connect()`, and the kind of the connection. */
export interface ReplicationConnectOptions extends Omit<ConnectOptions, "replication"> {
  /**
   * `logical`: replication commands and SQL in one database, streams of logical slots. `physical`:
   * replication commands only, streams of WAL, and base backups. Default `logical`.
   */
  mode?: ReplicationMode | undefined;
}

/**
 * Opens a connection for replication commands. The role needs the attribute REPLICATION.
 *
 * @throws {ReplicationSetupError} the role may not replicate, or `max_wal_senders` is reached.
 * @throws the errors of `connect()`.
 *
 * @example
 * ```ts ignore
 * await using wal = await connectReplication({ host: "db.example.com", mode: "physical" });
 * const { position, timeline } = await wal.identifySystem();
 * for await (const chunk of await wal.startPhysical({ from: position, timeline })) {
 *   console.log(String(chunk.start), chunk.data.length);
 * }
 * ```
 */
export function connectReplication(
  options?: string | Url | ReplicationConnectOptions,
): Promise<ReplicationConnection>;
/** Opens a connection for replication commands, with `options` that override the connection string. */
export function connectReplication(
  dsn: string | Url,
  options: ReplicationConnectOptions,
): Promise<ReplicationConnection>;
export async function connectReplication(
  first: string | Url | ReplicationConnectOptions = {},
  second: ReplicationConnectOptions = {},
): Promise<ReplicationConnection> {
  const site = new Error();
  const isDsn = typeof first === "string" || first instanceof URL;
  const { mode = "logical", ...options } = ownOptions(
    isDsn ? second : first as ReplicationConnectOptions,
  );
  const runtime = await runtimeOf(options);
  try {
    const dsn = isDsn ? first : undefined;
    const core = await openCore(dsn, walsenderOptions(mode, options), runtime);
    core.host.executor.types.registry.use(RARE_TYPES);
    const beside = {
      open: () => new SideConnection((signal) => openOrdinary(dsn, ordinary(options), signal)),
      rows: options.rows ?? "object",
      types: options.types,
    };
    return new ReplicationConnection(core, mode, options.closeTimeout ?? 5, beside);
  } catch (error) {
    throw error === options.signal?.reason ? error : withCallSite(explained(error), site);
  }
}

/** Returns the options of a connection beside the walsender, whatever the connection string says. */
function ordinary(options: ConnectOptions): ConnectOptions {
  return own<ConnectOptions>(options, { replication: false });
}

function walsenderOptions(
  mode: ReplicationMode,
  options: Omit<ReplicationConnectOptions, "mode">,
): ConnectOptions {
  if (mode !== "logical" && mode !== "physical") {
    throw new InterfaceError(`mode must be "logical" or "physical"`);
  }
  if ("replication" in options && options.replication !== undefined) {
    throw new InterfaceError("replication: use the option mode of connectReplication()");
  }
  const startupParams = mode === "logical"
    ? { ...valuesAsText(options.startupParams), ...options.startupParams }
    : options.startupParams;
  const replication = mode === "logical" ? "database" as const : "physical" as const;
  return own<ConnectOptions>(options, { replication, startupParams });
}

/** The settings in which all codecs read the text of a value, and no value loses digits. */
const EXACT: Readonly<Record<string, string>> = {
  datestyle: "ISO",
  intervalstyle: "postgres",
  extra_float_digits: "3",
  bytea_output: "hex",
};

/** Returns those of these settings that the caller does not give in any spelling. */
function valuesAsText(given: Readonly<Record<string, string>> = {}): Record<string, string> {
  const names = new Set(Object.keys(given).map((name) => name.toLowerCase()));
  return Object.fromEntries(Object.entries(EXACT).filter(([name]) => !names.has(name)));
}
