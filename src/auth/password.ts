import { encodeUtf8 } from "../bytes/well_formed.ts";
import { InterfaceError } from "../errors/errors.ts";

/**
 * Returns the bytes of a password: UTF-8 of a string, or the caller's own bytes, which are not copied.
 *
 * An empty password counts as none, as in libpq: the server would refuse it anyway.
 *
 * @throws {InterfaceError} there is no password, or it contains a zero byte, which PostgreSQL cannot
 * store, or a lone surrogate, which has no UTF-8. The message names `method`, never the password.
 */
export function passwordBytes(
  password: string | Uint8Array | undefined,
  method: string,
): Uint8Array {
  const bytes = typeof password === "string" ? encodeUtf8(password, "the password") : password;
  if (bytes === undefined || bytes.length === 0) {
    throw new InterfaceError(`the server asks for a password (${method}), but none was provided`, {
      code: "28P01",
    });
  }
  if (bytes.includes(0)) throw new InterfaceError("the password contains a zero byte");
  return bytes;
}
