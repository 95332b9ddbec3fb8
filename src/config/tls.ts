import { InterfaceError } from "../errors/errors.ts";
import type { Runtime, TlsSettings } from "../runtime/runtime.ts";
import { choice, type Given, given, givenChoice, givenText } from "./given.ts";
import type { ConnectOptions, Pem, TlsOptions } from "./options.ts";
import { SSL_MODES, TLS_VERSIONS } from "./parameters.ts";
import { isPlainFile } from "./passfile.ts";
import { permissionHint } from "./permissions.ts";
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
  const settings = possible ? await tlsSettings(values, sslContext, sslMode, runtime) : undefined;
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

async function tlsSettings(
  values: Given,
  sslContext: ConnectOptions["sslContext"],
  mode: SslMode,
  runtime: Runtime,
): Promise<Omit<TlsSettings, "serverName" | "sni">> {
  const context = typeof sslContext === "object" ? sslContext : undefined;
  const files = new Files(values, runtime, context === undefined);
  // With sslContext: true the certificate is checked only if an option asks for that.
  const rootFile = sslContext === true && mode === "require" ? undefined : "root.crt";
  const roots = await trustedRoots(files, context, mode, rootFile);
  const direct = givenText(values, "sslnegotiation") === "direct";
  return {
    verify: roots.verify,
    ca: roots.ca,
    crl: roots.crl,
    ...await clientCertificate(files, context),
    ...versions(values, context),
    alpn: context?.alpn ?? (direct ? ["postgresql"] : undefined),
    checkServerIdentity: context?.checkServerIdentity,
    needsCertificate: givenText(values, "channel_binding") !== "disable",
  };
}

/** Parameters with PEM text or the name of a file, and libpq's default files. */
class Files {
  readonly #values: Given;
  readonly #runtime: Runtime;
  /** Whether to look for libpq's default files. */
  readonly #defaults: boolean;
  constructor(values: Given, runtime: Runtime, defaults: boolean) {
    this.#values = values;
    this.#runtime = runtime;
    this.#defaults = defaults;
  }

  text(keyword: string): string | undefined {
    return givenText(this.#values, keyword);
  }

  /** Names the permission that finding the default file lacks. */
  hint(file: string): string {
    const name = this.defaultPath(file);
    return permissionHint(
      this.#runtime,
      name === undefined ? { kind: "home" } : { kind: "file", name },
    );
  }

  defaultPath(file: string): string | undefined {
    const home = this.#defaults ? this.#runtime.homeDirectory() : undefined;
    return home === undefined ? undefined : `${home}/.postgresql/${file}`;
  }

  /** Returns the PEM text of `keyword` or else of the default file, or `undefined`. */
  async read(keyword: string, file: string | undefined): Promise<string | undefined> {
    const value = given(this.#values, keyword);
    if (value === undefined) {
      const path = file === undefined ? undefined : this.defaultPath(file);
      return path === undefined ? undefined : await this.#runtime.readTextFile(path);
    }
    if (isPem(value.text)) return value.text;
    const text = await this.#runtime.readTextFile(value.text);
    if (text === undefined) {
      throw new InterfaceError(
        `${value.name}: file "${value.text}" does not exist or cannot be read` +
          permissionHint(this.#runtime, { kind: "file", name: value.text }),
      );
    }
    if (!isPem(text)) {
      throw new InterfaceError(`${value.name}: file "${value.text}" is not PEM text`);
    }
    return text;
  }

  /**
   * Refuses a key file that others may read, or that is a pipe or a device. The group may read a file
   * that root owns. Source: `initialize_SSL`.
   */
  async checkPrivate(keyword: string, file: string): Promise<void> {
    const path = givenText(this.#values, keyword) ?? this.defaultPath(file);
    if (path === undefined || isPem(path)) return;
    const facts = await this.#runtime.fileMode(path);
    if (facts !== undefined && !isPlainFile(facts.mode)) {
      throw new InterfaceError(`private key file "${path}" is not a plain file`);
    }
    if (facts === undefined || (facts.mode & (facts.uid === 0 ? 0o037 : 0o077)) === 0) return;
    throw new InterfaceError(
      `private key file "${path}" has group or world access; it must have permissions u=rw (0600) ` +
        "or less, or u=rw,g=r (0640) or less if owned by root",
    );
  }
}

function isPem(text: string): boolean {
  return text.includes("-----BEGIN ");
}

interface Roots {
  readonly verify: TlsSettings["verify"];
  readonly ca: readonly string[] | undefined;
  readonly crl: readonly string[] | undefined;
}

async function trustedRoots(
  files: Files,
  context: TlsOptions | undefined,
  mode: SslMode,
  rootFile: string | undefined,
): Promise<Roots> {
  const verify = mode === "verify-full" ? "full" : mode === "verify-ca" ? "ca" : "none";
  if (context?.rejectUnauthorized === false) return { verify, ca: undefined, crl: undefined };
  const system = files.text("sslrootcert") === "system";
  const ca = context?.ca !== undefined
    ? certificates(context.ca, "sslContext.ca")
    : system
    ? undefined
    : certificates(await files.read("sslrootcert", rootFile), "sslRootCert");
  if (ca === undefined && context === undefined && !system) {
    if (verify !== "none") throw noRoots(files, mode);
    return { verify, ca, crl: undefined };
  }
  if (ca === undefined && mode === "verify-ca") {
    // Anyone can get a certificate of some public authority; libpq refuses this, too.
    throw new InterfaceError(
      'sslMode "verify-ca" needs roots of your own (sslContext.ca or sslRootCert); with the ' +
        'platform\'s roots only "verify-full" tells servers apart',
    );
  }
  const crl = context?.crl ?? await files.read("sslcrl", "root.crl");
  // With roots libpq checks the chain in every mode: "require" is then like "verify-ca".
  return { verify: verify === "none" ? "ca" : verify, ca, crl: lists(crl) };
}

function noRoots(files: Files, mode: SslMode): InterfaceError {
  const path = files.defaultPath("root.crt");
  const hint = files.hint("root.crt");
  const missing = path === undefined ? "there is no home directory" : `"${path}" is not there`;
  return new InterfaceError(
    `sslMode "${mode}" needs a root certificate, and ${missing}${hint}; give sslRootCert (or "system" in it ` +
      "for the system's trusted roots), or an sslMode that does not verify",
  );
}

async function clientCertificate(
  files: Files,
  context: TlsOptions | undefined,
): Promise<Pick<TlsSettings, "cert" | "key" | "passphrase">> {
  const passphrase = context?.passphrase || files.text("sslpassword");
  if (context?.cert !== undefined) {
    const cert = pemText(context.cert);
    // One file may hold both.
    return { cert, key: context.key === undefined ? cert : pemText(context.key), passphrase };
  }
  if (files.text("sslcertmode") === "disable") return {};
  const cert = await files.read("sslcert", "postgresql.crt");
  if (cert === undefined) return {};
  await files.checkPrivate("sslkey", "postgresql.key");
  const key = await files.read("sslkey", "postgresql.key");
  if (key === undefined) {
    const path = files.defaultPath("postgresql.key") ?? "sslKey";
    throw new InterfaceError(`there is a client certificate, but no private key: ${path}`);
  }
  return { cert, key, passphrase };
}

function versions(
  values: Given,
  context: TlsOptions | undefined,
): Pick<TlsSettings, "minVersion" | "maxVersion"> {
  const greatest = given(values, "ssl_max_protocol_version");
  const minVersion = context?.minVersion ??
    givenChoice(values, "ssl_min_protocol_version", TLS_VERSIONS, "TLSv1.2");
  const maxVersion = context?.maxVersion ??
    (greatest && choice(greatest.name, greatest.text, TLS_VERSIONS));
  if (
    maxVersion !== undefined && TLS_VERSIONS.indexOf(minVersion) > TLS_VERSIONS.indexOf(maxVersion)
  ) {
    throw new InterfaceError(
      `no version of TLS is at least ${minVersion} and at most ${maxVersion}`,
    );
  }
  return { minVersion, maxVersion };
}

function certificates(
  value: Pem | readonly Pem[] | undefined,
  name: string,
): readonly string[] | undefined {
  if (value === undefined) return undefined;
  const found = blocks(value, /-----BEGIN (X509 )?CERTIFICATE-----[^-]*-----END [A-Z0-9 ]+-----/g);
  if (found.length === 0) throw new InterfaceError(`${name} holds no certificate`);
  return found;
}

function lists(value: Pem | readonly Pem[] | undefined): readonly string[] | undefined {
  if (value === undefined) return undefined;
  const found = blocks(value, /-----BEGIN X509 CRL-----[^-]*-----END X509 CRL-----/g);
  if (found.length === 0) throw new InterfaceError("sslCrl holds no certificate revocation list");
  return found;
}

function blocks(value: Pem | readonly Pem[], pattern: RegExp): string[] {
  const list = typeof value === "string" || value instanceof Uint8Array ? [value] : value;
  return list.flatMap((one) => pemText(one).match(pattern) ?? []);
}

function pemText(value: Pem): string {
  return typeof value === "string" ? value : new TextDecoder().decode(value);
}
