/** The certificates, keys and versions of TLS: from options and from files, libpq's default ones too. */
import { InterfaceError } from "../errors/errors.ts";
import type { Runtime, TlsSettings } from "../runtime/runtime.ts";
import { choice, type Given, given, givenChoice, givenText } from "./given.ts";
import type { ConnectOptions, Pem, TlsOptions } from "./options.ts";
import { TLS_VERSIONS } from "./parameters.ts";
import { isPlainFile } from "./passfile.ts";
import { permissionHint } from "./permissions.ts";
import type { SslMode } from "./target.ts";

/**
 * Returns the settings of TLS, but for the server's name.
 *
 * @throws {InterfaceError} as `resolveTls()`.
 */
export async function tlsSettings(
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
  /** Whether the directory of the default files is missing; one look serves all of them. */
  #isBare: Promise<boolean> | undefined;

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
      if (path === undefined || await this.#hasNoDirectory()) return undefined;
      return await this.#runtime.readTextFile(path);
    }
    if (isPem(value.text)) return value.text;
    const text = await this.#runtime.readTextFile(value.text);
    if (text === undefined) {
      throw new InterfaceError(
        isBare(value.text)
          ? `${value.name} is neither PEM text nor the name of a file; the value is not shown, because ` +
            "it looks like a certificate or a key without the lines around it"
          : `${value.name}: file "${value.text}" does not exist or cannot be read` +
            permissionHint(this.#runtime, { kind: "file", name: value.text }),
      );
    }
    if (!isPem(text)) {
      throw new InterfaceError(`${value.name}: file "${value.text}" is not PEM text`);
    }
    return text;
  }

  #hasNoDirectory(): Promise<boolean> {
    const directory = `${this.#runtime.homeDirectory()}/.postgresql`;
    return this.#isBare ??= this.#runtime.isMissing?.(directory) ?? Promise.resolve(false);
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

/** Reports whether a text looks like the base64 of a certificate or a key: a key must not be shown. */
function isBare(text: string): boolean {
  return /^[A-Za-z0-9+/=\s]{64,}$/.test(text);
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
