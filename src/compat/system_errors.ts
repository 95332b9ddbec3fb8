/** Errors of the system, as Node has them. */
import { PgError } from "../errors/errors.ts";

/** A system's error, as of node:net and node:dns. */
export interface SystemError extends Error {
  code: string;
  errno: number;
  syscall: string;
  address?: string;
  port?: number;
  hostname?: string;
}

/** Returns the system's error that has broken a connection, as Node reports it for a read. */
export function readError(reason: unknown): Error | undefined {
  for (let cause = reason; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof PgError) continue;
    const code = codeOf(cause);
    if (code === undefined) return undefined;
    if (cause.message === `read ${code}` || cause.message === `write ${code}`) return cause;
    const error = new Error(`read ${code}`, { cause });
    return Object.assign(error, { errno: NUMBERS[code]!, code, syscall: "read" });
  }
  return undefined;
}

/** The numbers of errors on Linux, which Node gives as `errno`. */
export const NUMBERS: Readonly<Record<string, number>> = {
  ECONNREFUSED: -111,
  ECONNRESET: -104,
  EPIPE: -32,
  ETIMEDOUT: -110,
  EHOSTUNREACH: -113,
  ENETUNREACH: -101,
  ENOENT: -2,
  EACCES: -13,
  ENOTFOUND: -3008,
};

/** Returns the code of an error of Deno's or Bun's, which have other classes for them. */
export function codeOf(error: Error): string | undefined {
  const { code, name, message } = error as Error & { code?: string };
  if (code !== undefined && code in NUMBERS) return code;
  if (name === "ConnectionRefused") return "ECONNREFUSED";
  if (name === "ConnectionReset") return "ECONNRESET";
  if (name === "BrokenPipe") return "EPIPE";
  if (name === "TimedOut") return "ETIMEDOUT";
  if (name === "NotFound") return "ENOENT";
  return /failed to lookup address|ENOTFOUND|getaddrinfo/.test(message) ? "ENOTFOUND" : undefined;
}
