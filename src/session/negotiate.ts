/**
 * The negotiation of the protocol's version. This module is loaded when a server offers another one.
 * Source: manual, "NegotiateProtocolVersion"; `pqGetNegotiateProtocolVersion3` of `fe-protocol3.c`.
 */
import type { Reader } from "../bytes/reader.ts";
import { NotSupportedError, ProtocolError } from "../errors/errors.ts";
import { escaped } from "../errors/escaped.ts";
import { readNegotiateProtocolVersion } from "../protocol/login_messages.ts";

type Version = "3.0" | "3.2";

/**
 * Reads NegotiateProtocolVersion.
 *
 * @throws {ProtocolError | NotSupportedError} the server offers a version, or refuses an option, that
 * cannot be agreed to.
 */
export function negotiate(
  reader: Reader,
  minProtocolVersion: Version,
  asked: Version,
): void {
  const { version, unrecognized } = readNegotiateProtocolVersion(reader);
  // Before PostgreSQL 18 the field was sometimes sent as the minor number alone.
  const minor = version & 0xffff;
  if (version >>> 16 !== 3 && version >>> 16 !== 0) {
    throw new ProtocolError(`the server offers protocol version ${version >>> 16}.${minor}`);
  }
  if (unrecognized.length > 0) {
    throw new NotSupportedError(
      `the server does not know the protocol options ${escaped(unrecognized.join(", "))}`,
    );
  }
  if (minor > minorOf(asked)) {
    throw new ProtocolError(`the server offers protocol 3.${minor}, newer than was asked for`);
  }
  if (minor < minorOf(minProtocolVersion)) {
    throw new NotSupportedError(
      `the server has only protocol 3.${minor}, minProtocolVersion is ${minProtocolVersion}`,
    );
  }
}

function minorOf(version: Version): number {
  return Number(version.slice(2));
}
