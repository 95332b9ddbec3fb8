import { checkSettings } from "../config/check_settings.ts";
import { isConnectOption, ownOptions } from "../config/validate.ts";
import type { ConnectOptions, Url } from "../connect.ts";
import { InterfaceError } from "../errors/errors.ts";
import { createRegistry } from "../types/registry.ts";
import { isPoolOption, type PoolOptions, type PoolSettings, poolSettings } from "./options.ts";

/** The arguments of `createPool()`, checked. */
export interface PoolArguments {
  readonly dsn: string | Url | undefined;
  readonly connection: ConnectOptions;
  readonly settings: PoolSettings;
}

/**
 * Checks the arguments of `createPool()`, as far as that needs neither the environment nor a file.
 *
 * @throws {InterfaceError} an option or the connection string is wrong; the message names it.
 * @throws {NotSupportedError} a parameter asks for what the driver does not do.
 */
export function poolArguments(
  options: string | Url | ConnectOptions,
  poolOptions: PoolOptions,
): PoolArguments {
  const settings = poolSettings(poolOptions);
  const dsn = typeof options === "string" || options instanceof URL ? options : undefined;
  const given = dsn === undefined ? ownOptions(options as ConnectOptions) : {};
  const misplaced = Object.keys(given).find((name) => isPoolOption(name) && !isConnectOption(name));
  if (misplaced !== undefined) {
    throw new InterfaceError(
      `"${misplaced}" is an option of the pool: give it in createPool's second argument`,
    );
  }
  const connection = ownOptions({ ...given, ...settings.connection });
  checkSettings(dsn as string | URL | undefined, connection);
  createRegistry(connection.types ?? {});
  return { dsn, connection, settings };
}
