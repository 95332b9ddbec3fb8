/** The client's side of OAUTHBEARER (RFC 7628). */
import { InterfaceError, OperationalError, ProtocolError } from "../errors/errors.ts";

const UTF8 = new TextEncoder();
const WELL_KNOWN = "/.well-known/";

/** The refusal of a token: the reason, and the issuer to use (RFC 7628, section 3.2.2). */
export interface OAuthRefusal {
  /** The reason: `invalid_token`, `insufficient_scope`, `invalid_request` or another word. */
  readonly status: string;
  /** The scopes that a token must have, separated by spaces. */
  readonly scope: string | undefined;
  /** The address of the issuer's metadata, unchecked; see {@linkcode issuerOf}. */
  readonly discoveryUri: string | undefined;
}

/**
 * One OAUTHBEARER login of a client. {@linkcode OAuthBearer.clientFirst} begins it. At
 * AuthenticationOk, {@linkcode OAuthBearer.accept} ends it. At AuthenticationSASLContinue,
 * {@linkcode OAuthBearer.refuse} returns a reply, and the server then sends its ErrorResponse.
 *
 * Source: RFC 7628; manual, "SASL Authentication"; libpq's fe-auth-oauth.c.
 */
export class OAuthBearer {
  /** The mechanism for SASLInitialResponse. */
  readonly mechanism = "OAUTHBEARER";
  readonly #token: string | undefined;
  #refusal: OAuthRefusal | undefined;

  /**
   * Takes the token. A login without one fails, and its refusal names the server's issuer (discovery).
   *
   * @throws {InterfaceError} the token has a form that RFC 6750 excludes.
   */
  constructor(token: string | undefined) {
    if (token !== undefined && !/^[\w.~+/-]+=*$/.test(token)) {
      throw new InterfaceError(
        "the OAuth token is empty or has characters that a bearer token cannot have",
      );
    }
    this.#token = token;
  }

  /** Returns the initial response, with the token. */
  clientFirst(): Uint8Array<ArrayBuffer> {
    const authorization = this.#token === undefined ? "" : `Bearer ${this.#token}`;
    return UTF8.encode(`n,,\x01auth=${authorization}\x01\x01`);
  }

  /**
   * Reads the server's refusal, and returns the empty reply that the server expects before it sends
   * its ErrorResponse.
   *
   * @throws {ProtocolError} the message is not a refusal, or is the second one.
   */
  refuse(message: Uint8Array): Uint8Array<ArrayBuffer> {
    if (this.#refusal !== undefined) throw new ProtocolError("the server refuses OAuth twice");
    this.#refusal = readRefusal(message);
    return Uint8Array.of(1);
  }

  /** The refusal that {@linkcode OAuthBearer.refuse} has read. */
  get refusal(): OAuthRefusal | undefined {
    return this.#refusal;
  }

  /** Returns the refusal as an error; `cause` is the server's ErrorResponse, if there was one. */
  failure(cause?: unknown): OperationalError {
    const status = this.#refusal?.status ?? "no reason given";
    const what = this.#token === undefined ? "asks for an OAuth token" : "refused the OAuth token";
    const error = { code: "28000", ...(cause === undefined ? {} : { cause }) };
    return new OperationalError(`the server ${what}: ${status}`, error);
  }

  /**
   * Ends the login; call this at AuthenticationOk.
   *
   * @throws {ProtocolError} there was no token, or the server had refused it.
   */
  accept(): void {
    if (this.#token !== undefined && this.#refusal === undefined) return;
    throw new ProtocolError(
      "the server reports success where only a refusal was possible (OAUTHBEARER)",
    );
  }
}

/**
 * Returns the issuer that a discovery address belongs to: the address without its `.well-known` part.
 *
 * The caller must compare it byte by byte with the issuer that the user trusts.
 * Source: RFC 8414, section 3; OpenID Connect Discovery 1.0, section 4; libpq's
 * `issuer_from_well_known_uri`.
 *
 * @throws {OperationalError} `discoveryUri` is not an https address of one of the two forms.
 */
export function issuerOf(discoveryUri: string): string {
  const form = /^(https:\/\/[^/?#]+)([^?#]*)$/i.exec(discoveryUri);
  const [, origin, path] = form ?? [];
  const at = path?.indexOf(WELL_KNOWN) ?? -1;
  const suffix = /^(?:openid-configuration|oauth-authorization-server)(?=\/|$)/;
  const name = suffix.exec(path?.slice(at + WELL_KNOWN.length) ?? "")?.[0];
  if (at >= 0 && name !== undefined) {
    const rest = path!.slice(at + WELL_KNOWN.length + name.length);
    if (at === 0 || rest === "") return origin! + path!.slice(0, at) + rest;
  }
  throw new OperationalError("the OAuth discovery address is not an https .well-known address", {
    code: "28000",
  });
}

function readRefusal(message: Uint8Array): OAuthRefusal {
  const json = parseObject(message);
  const status = json.status;
  if (typeof status !== "string" || !/^[\x21-\x7e]{1,64}$/.test(status)) {
    throw new ProtocolError("malformed OAUTHBEARER refusal: no status");
  }
  return {
    status,
    scope: optionalText(json, "scope"),
    discoveryUri: optionalText(json, "openid-configuration"),
  };
}

function parseObject(message: Uint8Array): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(message));
  } catch (cause) {
    throw new ProtocolError("malformed OAUTHBEARER refusal: not JSON", { cause });
  }
  if (typeof json === "object" && json !== null && !Array.isArray(json)) {
    return json as Record<string, unknown>;
  }
  throw new ProtocolError("malformed OAUTHBEARER refusal: not an object");
}

function optionalText(json: Record<string, unknown>, name: string): string | undefined {
  const value = Object.hasOwn(json, name) ? json[name] : undefined;
  if (value === undefined || typeof value === "string") return value;
  throw new ProtocolError(`malformed OAUTHBEARER refusal: ${name} is not a string`);
}
