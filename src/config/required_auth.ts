import { InterfaceError } from "../errors/errors.ts";
import { type Given, given } from "./given.ts";

/** The authentication methods, by their names in `requireAuth`. */
const AUTH_METHODS = [
  "password",
  "md5",
  "gss",
  "sspi",
  "scram-sha-256",
  "oauth",
  "none",
] as const;

/** One of {@linkcode AUTH_METHODS}. With `none` the server asks for nothing, or for a certificate. */
export type AuthMethod = typeof AUTH_METHODS[number];

/** The parsed value of `requireAuth`. */
export interface RequiredAuth {
  /** The value as given, for messages. */
  readonly text: string;
  /** The allowed methods. */
  readonly methods: ReadonlySet<AuthMethod>;
}

/**
 * Returns the methods that `requireAuth` allows, or `undefined` if it allows any.
 *
 * Source: PostgreSQL 18 manual, `require_auth`; `pqConnectOptions2` of `fe-connect.c`.
 *
 * @throws {InterfaceError} a method is unknown or named twice, or some are negated and others not.
 */
export function requiredAuth(values: Given): RequiredAuth | undefined {
  const value = given(values, "require_auth");
  if (value === undefined) return undefined;
  const { name, text } = value;
  const parts = text.split(",");
  const negative = parts[0]!.startsWith("!");
  const named = parts.map((part) => {
    if (part.startsWith("!") !== negative) {
      throw new InterfaceError(`${name} mixes methods with "!" and methods without`);
    }
    const method = negative ? part.slice(1) : part;
    if (AUTH_METHODS.includes(method as AuthMethod)) return method as AuthMethod;
    throw new InterfaceError(`${name} must be a list of ${AUTH_METHODS.join(", ")}`);
  });
  const listed = new Set(named);
  if (listed.size < named.length) throw new InterfaceError(`${name} names a method twice`);
  if (!negative) return { text, methods: listed };
  return { text, methods: new Set(AUTH_METHODS.filter((method) => !listed.has(method))) };
}
