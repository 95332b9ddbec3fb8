import { OperationalError } from "./errors.ts";

/**
 * Waits for a part of the driver that is loaded with its first use, as bundlers put it into a file of
 * its own. `what` names the part. After a failure, the next use tries again.
 *
 * @throws {OperationalError} the file cannot be loaded: code 58P01, undefined_file.
 */
export async function loaded<T>(part: Promise<T>, what: string): Promise<T> {
  try {
    return await part;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new OperationalError(`cannot load ${what}: ${reason}`, { code: "58P01", cause });
  }
}
