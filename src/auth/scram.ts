/** The client's side of SCRAM-SHA-256, with and without channel binding (RFC 5802, RFC 7677). */
import {
  InterfaceError,
  NotSupportedError,
  OperationalError,
  ProtocolError,
} from "../errors/errors.ts";
import { escaped } from "../errors/escaped.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { passwordBytes } from "./password.ts";
import { saslPrepBytes } from "./sasl_prep.ts";

/** The hash function of the mechanism, and the length of its result in bytes. */
const HASH = "SHA-256";
const KEY_LENGTH = 32;
/** The most iterations that a server may ask for; ten million take two to four seconds. */
const MAX_ITERATIONS = 10_000_000;

const UTF8 = new TextEncoder();

type Bytes = Uint8Array<ArrayBuffer>;

/** The SASL mechanism without and with channel binding. */
export type ScramMechanism = "SCRAM-SHA-256" | "SCRAM-SHA-256-PLUS";

/** When to bind: never, when both sides can, or always; libpq's `channel_binding`. */
export type ChannelBindingPolicy = "disable" | "prefer" | "require";

/** Keys in place of a password: libpq's `scram_client_key` and `scram_server_key`, in base64. */
export interface ScramKeys {
  /** `HMAC(SaltedPassword, "Client Key")`, 32 bytes. */
  readonly clientKey: string;
  /** `HMAC(SaltedPassword, "Server Key")`, 32 bytes. */
  readonly serverKey: string;
}

/** Options of {@linkcode Scram}. */
export interface ScramOptions {
  /** The mechanisms that the server offers, from AuthenticationSASL. */
  readonly mechanisms: readonly string[];
  /** The password, or keys from an earlier login. */
  readonly secret: string | Uint8Array | ScramKeys | undefined;
  /** When to bind the login to the TLS channel. */
  readonly channelBinding: ChannelBindingPolicy;
  /** Whether TLS encrypts the connection. */
  readonly tls: boolean;
  /** The hash of the server's certificate (`tlsServerEndPoint`), or why there is none to bind to. */
  readonly endPoint: Uint8Array | string;
  /** Whether the server's certificate was verified, by a trusted root at least. */
  readonly verified: boolean;
  /** Fresh random bytes for the nonce; libpq uses 18. */
  readonly random: Uint8Array;
  /** Returns the SHA-256 of bytes, or their HMAC with a key; WebCrypto does it by default. */
  readonly sha256?: ((bytes: Uint8Array, key?: Uint8Array) => Bytes) | undefined;
  /** The name in the message, empty by default; PostgreSQL ignores it. */
  readonly user?: string;
}

/**
 * One SCRAM-SHA-256 login of a client. The methods take the server's messages and return the replies.
 *
 * The order is {@linkcode Scram.clientFirst}, {@linkcode Scram.clientFinal}, {@linkcode Scram.verify}
 * and, at AuthenticationOk, {@linkcode Scram.accept}. Any other order is a `ProtocolError`. Source: RFC 5802 and 7677; manual, "SASL Authentication"; libpq's
 * fe-auth-scram.c.
 *
 * @example
 * ```ts ignore
 * const scram = new Scram({ mechanisms, secret, channelBinding, tls, endPoint, random });
 * sendInitialResponse(scram.mechanism, scram.clientFirst());
 * sendResponse(await scram.clientFinal(await saslContinue()));
 * scram.verify(await saslFinal());
 * await authenticationOk();
 * scram.accept();
 * ```
 */
export class Scram {
  /** The mechanism for SASLInitialResponse. */
  readonly mechanism: ScramMechanism;
  readonly #secret: Uint8Array | { clientKey: Bytes; serverKey: Bytes };
  readonly #channel: Channel;
  readonly #nonce: string;
  readonly #firstBare: string;
  readonly #sha256: Hash;
  #serverSignature: Bytes | undefined;
  #next: "first" | "final" | "busy" | "verify" | "accept" | "done" = "first";

  /**
   * Chooses the mechanism and the channel binding, and prepares the password.
   *
   * @throws {InterfaceError} there is no password, or the keys are not 32 bytes of base64.
   * @throws {OperationalError} channel binding is required or needed, and not possible.
   * @throws {NotSupportedError} the server offers neither SCRAM-SHA-256 nor its PLUS variant.
   */
  constructor(options: ScramOptions) {
    this.#channel = chooseChannel(options);
    this.mechanism = this.#channel.mechanism;
    this.#secret = prepareSecret(options.secret);
    this.#sha256 = options.sha256 ?? webSha256;
    this.#nonce = encodeBase64(options.random);
    this.#firstBare = `n=${escapeName(options.user ?? "")},r=${this.#nonce}`;
  }

  /** Returns the client-first-message. */
  clientFirst(): Uint8Array<ArrayBuffer> {
    this.#turn("first", "final");
    return UTF8.encode(this.#channel.header + this.#firstBare);
  }

  /**
   * Returns the client-final-message, with the proof that the client knows the password.
   *
   * @throws {ProtocolError} the server-first-message is malformed, does not continue the client's nonce,
   * or asks for no iteration or for more than ten million.
   */
  async clientFinal(serverFirst: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
    this.#turn("final", "busy");
    const { text, nonce, salt, iterations } = readServerFirst(serverFirst, this.#nonce);
    const sha256 = this.#sha256;
    const { clientKey, serverKey } = await deriveKeys(this.#secret, salt, iterations, sha256);
    const withoutProof = `c=${encodeBase64(this.#channel.binding)},r=${nonce}`;
    const signed = UTF8.encode(`${this.#firstBare},${text},${withoutProof}`);
    const clientSignature = await sha256(signed, await sha256(clientKey));
    this.#serverSignature = await sha256(signed, serverKey);
    this.#next = "verify";
    const proof = clientKey.map((byte, i) => byte ^ clientSignature[i]!);
    return UTF8.encode(`${withoutProof},p=${encodeBase64(proof)}`);
  }

  /**
   * Checks the server's proof that it knows the password.
   *
   * @throws {OperationalError} the proof is wrong (28P01), or the server reports a failure.
   * @throws {ProtocolError} the server-final-message is malformed.
   */
  verify(serverFinal: Uint8Array): void {
    this.#turn("verify", "busy");
    const signature = readServerFinal(serverFinal);
    if (!equalInConstantTime(signature, this.#serverSignature!)) {
      throw new OperationalError(
        "the server does not know the password: its SCRAM signature is wrong",
        { code: "28P01" },
      );
    }
    this.#next = "accept";
  }

  /**
   * Ends the login; call this at AuthenticationOk.
   *
   * @throws {ProtocolError} the server has not proved that it knows the password.
   */
  accept(): void {
    if (this.#next !== "accept") {
      throw new ProtocolError(
        "the server reports success before it has proved that it knows the password (SCRAM)",
      );
    }
    this.#next = "done";
  }

  #turn(expected: "first" | "final" | "verify", next: "final" | "busy"): void {
    if (this.#next !== expected) {
      throw new ProtocolError("SCRAM messages came out of order");
    }
    this.#next = next;
  }
}

interface Channel {
  readonly mechanism: ScramMechanism;
  /**
   * The gs2 header: `p` for a bound login; `y` for a client that would bind, but the server does not
   * offer it; `n` for one that does not.
   */
  readonly header: string;
  /** The header, followed by the channel's data when the login is bound. */
  readonly binding: Uint8Array;
}

/**
 * Over TLS the flag is `y` wherever the server does not offer PLUS, whatever its certificate: a server
 * that did offer it refuses then, because someone in between has removed the offer.
 *
 * A certificate without a hash cannot be bound to. libpq gives up there. So does this driver, except
 * where the certificate was verified, because an attacker could show such a certificate to be let off
 * the binding.
 */
function chooseChannel(options: ScramOptions): Channel {
  const { mechanisms, channelBinding, tls, endPoint, verified } = options;
  const isOffered = mechanisms.includes("SCRAM-SHA-256-PLUS");
  if (isOffered && !tls) {
    throw new ProtocolError("the server offers SCRAM-SHA-256-PLUS on a connection without TLS");
  }
  const isWanted = channelBinding !== "disable" && tls;
  if (isWanted && isOffered && typeof endPoint !== "string") {
    const header = "p=tls-server-end-point,,";
    const binding = Uint8Array.of(...UTF8.encode(header), ...endPoint);
    return { mechanism: "SCRAM-SHA-256-PLUS", header, binding };
  }
  if (channelBinding === "require") throw bindingMissing(options, isOffered);
  if (isWanted && isOffered && !verified) throw unbound(String(endPoint));
  if (!mechanisms.includes("SCRAM-SHA-256")) {
    const list = escaped(mechanisms.join(", "), 200);
    throw new NotSupportedError(`the server offers no SASL mechanism that can be used: ${list}`);
  }
  const header = isWanted && !isOffered ? "y,," : "n,,";
  return { mechanism: "SCRAM-SHA-256", header, binding: UTF8.encode(header) };
}

function bindingMissing(options: ScramOptions, isOffered: boolean): OperationalError {
  let reason = String(options.endPoint);
  if (!options.tls) reason = "the connection is not encrypted by TLS";
  else if (!isOffered) reason = "the server does not offer SCRAM-SHA-256-PLUS";
  return new OperationalError(`channel binding is required, but ${reason}`, { code: "28000" });
}

function unbound(reason: string): OperationalError {
  return new OperationalError(
    `SCRAM cannot be bound to the TLS channel, and the server's certificate was not verified: ${reason}; ` +
      'set sslMode "verify-full", or channelBinding "disable" to log in unbound',
    { code: "28000" },
  );
}

function prepareSecret(
  secret: ScramOptions["secret"],
): Uint8Array | { clientKey: Bytes; serverKey: Bytes } {
  if (secret === undefined || typeof secret === "string" || secret instanceof Uint8Array) {
    return saslPrepBytes(passwordBytes(secret, "SCRAM-SHA-256"));
  }
  return {
    clientKey: readKey(secret.clientKey, "scramClientKey"),
    serverKey: readKey(secret.serverKey, "scramServerKey"),
  };
}

function readKey(text: string, option: string): Bytes {
  const key = decodeBase64(text);
  if (key?.length === KEY_LENGTH) return key;
  throw new InterfaceError(`${option} must be ${KEY_LENGTH} bytes in base64`);
}

/** Escapes a name as `saslname` of RFC 5802. */
function escapeName(name: string): string {
  return name.replaceAll("=", "=3D").replaceAll(",", "=2C");
}

interface ServerFirst {
  readonly text: string;
  readonly nonce: string;
  readonly salt: Bytes;
  readonly iterations: number;
}

function readServerFirst(message: Uint8Array, clientNonce: string): ServerFirst {
  const step = "SCRAM server-first-message";
  const text = readAscii(message, step);
  if (text.startsWith("m=")) {
    throw new ProtocolError(`the ${step} demands an extension that this driver does not know`);
  }
  const [nonce, salt, iterations] = readAttributes(text, step, ["r", "s", "i"]);
  if (!nonce!.startsWith(clientNonce) || nonce!.length === clientNonce.length) {
    throw new ProtocolError(`the ${step} does not continue the client's nonce`);
  }
  const salted = decodeBase64(salt!);
  if (salted === undefined || salted.length === 0) {
    throw new ProtocolError(`malformed ${step}: the salt is not base64`);
  }
  return { text, nonce: nonce!, salt: salted, iterations: readIterations(iterations!, step) };
}

function readIterations(text: string, step: string): number {
  if (!/^[1-9][0-9]*$/.test(text)) {
    throw new ProtocolError(`malformed ${step}: the iteration count is not a positive number`);
  }
  const iterations = Number(text);
  if (iterations <= MAX_ITERATIONS) return iterations;
  throw new ProtocolError(
    `the ${step} asks for more than ${MAX_ITERATIONS} iterations`,
  );
}

function readServerFinal(message: Uint8Array): Bytes {
  const step = "SCRAM server-final-message";
  const text = readAscii(message, step);
  if (text.startsWith("e=")) throw serverFailure(text.slice(2));
  const [signature] = readAttributes(text, step, ["v"]);
  const bytes = decodeBase64(signature!);
  if (bytes?.length === KEY_LENGTH) return bytes;
  throw new ProtocolError(`malformed ${step}: the signature is not ${KEY_LENGTH} bytes in base64`);
}

/** Makes an error from `server-error-value` of RFC 5802; only its token is repeated. */
function serverFailure(value: string): OperationalError {
  const token = /^[a-z-]{1,64}/.exec(value)?.[0] ?? "unknown";
  const code = token === "invalid-proof" ? "28P01" : "28000";
  return new OperationalError(`the server reports a failed SCRAM login: ${token}`, { code });
}

/** Reads printable ASCII: all of SCRAM but extensions, which PostgreSQL does not have. */
function readAscii(message: Uint8Array, step: string): string {
  const text = String.fromCharCode(...message.subarray(0, 4096));
  if (message.length <= 4096 && /^[\x20-\x7e]+$/.test(text)) return text;
  throw new ProtocolError(`malformed ${step}: not a line of printable ASCII`);
}

/** Reads exactly these attributes in this order: PostgreSQL sends no other, and libpq takes none. */
function readAttributes(text: string, step: string, names: readonly string[]): string[] {
  const parts = text.split(",");
  const values = names.map((name, i) => {
    if (parts[i]?.startsWith(`${name}=`)) return parts[i].slice(2);
    throw new ProtocolError(`malformed ${step}: attribute "${name}" expected`);
  });
  if (parts.length === names.length) return values;
  throw new ProtocolError(`malformed ${step}: data after attribute "${names.at(-1)}"`);
}

/** Derives the keys by WebCrypto, which runs PBKDF2 off the event loop. */
async function deriveKeys(
  secret: Uint8Array | { clientKey: Bytes; serverKey: Bytes },
  salt: Bytes,
  iterations: number,
  sha256: Hash,
): Promise<{ clientKey: Bytes; serverKey: Bytes }> {
  if (!(secret instanceof Uint8Array)) return secret;
  const password = new Uint8Array(secret);
  const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
  const how = { name: "PBKDF2", hash: HASH, salt, iterations };
  const salted = new Uint8Array(await crypto.subtle.deriveBits(how, key, KEY_LENGTH * 8));
  return {
    clientKey: await sha256(UTF8.encode("Client Key"), salted),
    serverKey: await sha256(UTF8.encode("Server Key"), salted),
  };
}

/** Returns the SHA-256 of bytes, or their HMAC with a key. */
type Hash = (bytes: Bytes, key?: Bytes) => Bytes | Promise<Bytes>;

async function webSha256(bytes: Bytes, key?: Bytes): Promise<Bytes> {
  if (key === undefined) return new Uint8Array(await crypto.subtle.digest(HASH, bytes));
  const how = { name: "HMAC", hash: HASH };
  const imported = await crypto.subtle.importKey("raw", key, how, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, bytes));
}

function equalInConstantTime(left: Uint8Array, right: Uint8Array): boolean {
  let difference = left.length ^ right.length;
  for (let i = 0; i < right.length; i++) difference |= left[i]! ^ right[i]!;
  return difference === 0;
}
