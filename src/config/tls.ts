import { InterfaceError } from "../errors/errors.ts";
import { loaded } from "../errors/loading.ts";
import type { Runtime, TlsSettings } from "../runtime/runtime.ts";
import { type Given, given, givenChoice, givenText } from "./given.ts";
import type { ConnectOptions } from "./options.ts";
import { SSL_MODES } from "./parameters.ts";
import { isIpAddress, isSocketDirectory, type Place } from "./places.ts";
import type { SslMode, Target } from "./target.ts";

/** The decisions about TLS that hold for every place. */
export interface TlsPolicy {
  /** The mode for TCP, and for Unix sockets if TLS is demanded. */
  readonly sslMode: SslMode;
  /** Whether `sslContext` demands TLS on any stream; `sslMode` does not on a Unix socket. */
  readonly demanded: boolean;
  /** The settings without the server's name; `undefined` if no place can have TLS. */
  readonly settings: Omit<TlsSettings, "serverName" | "sni"> | undefined;
  /** The name in place of the host's. */
  readonly serverName: string | undefined;
  /** Whether to send the server's name; an address is never sent. */
  readonly sni: boolean;
}

/**
 * Decides about TLS and reads the certificates. `sslContext` overrides `sslMode`. Files are read only if
 * TLS is possible at one of the places.
 *
 * Source: `initialize_SSL` of `fe-secure-openssl.c`, `pqConnectOptions2` of `fe-connect.c`. Unlike in
 * libpq, a file that was named must exist.
 *
 * @throws {InterfaceError} options contradict each other, a file cannot be read, or others may read
 * the key.
 */
export async function resolveTls(
  values: Given,
  options: ConnectOptions,
  places: readonly Place[],
  runtime: Runtime,
): Promise<TlsPolicy> {
  const { sslContext } = options;
  const context = typeof sslContext === "object" ? sslContext : undefined;
  const demanded = sslContext === true || context !== undefined;
  const sslMode = decideMode(values, sslContext);
  checkMode(values, sslMode, places, sslContext);
  const sni = givenText(values, "sslsni")?.startsWith("1") ?? true;
  const possible = sslMode !== "disable" &&
    places.some((place) => demanded || place.address?.kind !== "unix");
  const settings = possible
    ? await (await materialCode()).tlsSettings(values, sslContext, sslMode, runtime)
    : undefined;
  return { sslMode, demanded, settings, serverName: context?.servername || undefined, sni };
}

/**
 * Applies the policy to one place.
 *
 * @throws {InterfaceError} the mode is `verify-full`, and the server has no name.
 */
export function placeTls(policy: TlsPolicy, place: Place): Pick<Target, "sslMode" | "tls"> {
  const { settings, sslMode, demanded, sni } = policy;
  const unix = place.address?.kind === "unix";
  if (settings === undefined || (unix && !demanded)) {
    return { sslMode: "disable", tls: undefined };
  }
  if (settings.verify === "full" && !place.named && !unix && policy.serverName === undefined) {
    throw new InterfaceError('sslMode "verify-full" needs a host name: give host beside hostaddr');
  }
  // A socket's directory is no server's name; only a program on this machine listens there.
  const nameless = isSocketDirectory(place.host) || (unix && !place.named);
  const serverName = policy.serverName ?? (nameless ? "localhost" : place.host);
  return { sslMode, tls: { ...settings, serverName, sni: sni && !isIpAddress(serverName) } };
}

function decideMode(values: Given, sslContext: ConnectOptions["sslContext"]): SslMode {
  const asked = given(values, "sslmode");
  const system = givenText(values, "sslrootcert") === "system";
  const mode = givenChoice(values, "sslmode", SSL_MODES, system ? "verify-full" : "prefer");
  if (sslContext === undefined) return mode;
  const explicit = asked?.source === "option" || asked?.source === "dsn";
  if (sslContext === false) {
    if (explicit && strength(mode) >= strength("require")) throw contradiction(values, "false");
    return "disable";
  }
  if (explicit && mode === "disable") throw contradiction(values, "a demand for TLS");
  if (sslContext === true) return strength(mode) < strength("require") ? "require" : mode;
  if (sslContext.rejectUnauthorized !== false) return mode === "verify-ca" ? mode : "verify-full";
  if (explicit && strength(mode) > strength("require")) {
    throw contradiction(values, "rejectUnauthorized: false");
  }
  return "require";
}

function contradiction(values: Given, context: string): InterfaceError {
  const { name, text } = given(values, "sslmode")!;
  return new InterfaceError(`${name} is ${text}, which sslContext (${context}) contradicts`);
}

function strength(mode: SslMode): number {
  return SSL_MODES.indexOf(mode);
}

function checkMode(
  values: Given,
  mode: SslMode,
  places: readonly Place[],
  sslContext: ConnectOptions["sslContext"],
): void {
  const weak = (keyword: string, need: string) => {
    const { name, text } = given(values, keyword)!;
    return new InterfaceError(`${name} is "${text}", which needs sslMode ${need}, not "${mode}"`);
  };
  const system = givenText(values, "sslrootcert") === "system";
  const overruled = typeof sslContext === "object" || sslContext === false;
  if (system && !overruled && mode !== "verify-full") throw weak("sslrootcert", '"verify-full"');
  if (mode === "disable") return;
  const tcp = places.some((place) => place.address?.kind !== "unix");
  const direct = givenText(values, "sslnegotiation") === "direct";
  if (direct && (tcp || sslContext) && strength(mode) < strength("require")) {
    throw weak("sslnegotiation", '"require" or better');
  }
}

/** Loads the code that reads certificates, which a connection without TLS does not need. */
function materialCode(): Promise<typeof import("./tls_material.ts")> {
  return loaded(import("./tls_material.ts"), "the code for TLS settings");
}
