import { parseDsn } from "./dsn.ts";
import type { ConnectOptions } from "./options.ts";
import { resolvePlaces } from "./places.ts";
import { requiredAuth } from "./required_auth.ts";
import { checkDatabase, dsnText, keepAlive, limits, protocolVersions } from "./settings.ts";
import { gatherFromCaller } from "./sources.ts";
import { checkOptions } from "./validate.ts";

/**
 * Checks what a caller gives, as far as that needs neither the environment nor a file: for pools, which
 * are made before they connect.
 *
 * @throws {InterfaceError | NotSupportedError} as `resolveSettings()` does.
 */
export function checkSettings(dsn: string | URL | undefined, options: ConnectOptions): void {
  checkOptions(options);
  checkDatabase(options);
  const values = gatherFromCaller(dsnText(dsn), options, parseDsn);
  const isPlaced = values.has("host") || values.has("hostaddr") || options.unixSock !== undefined;
  // A list of ports in the environment may belong to these hosts.
  if (isPlaced && values.has("port")) resolvePlaces(values, options);
  limits(values, options);
  keepAlive(values);
  requiredAuth(values);
  protocolVersions(values);
}
