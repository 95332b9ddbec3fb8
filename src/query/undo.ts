/** ROLLBACK and ROLLBACK TO of the driver's own. */
import { PgError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import type { TransactionStatus } from "../protocol/backend.ts";
import type { SessionLock } from "../session/exchange.ts";
import type { Context } from "./context.ts";
import type { OwnOptions } from "./execute_options.ts";
import { SimpleRequest } from "./simple.ts";

/** The number of attempts. */
const ATTEMPTS = 5;

/** How it is sent. */
interface UndoOptions {
  /** The lock under which it is made. */
  readonly lock: SessionLock | undefined;
  /** Whether it goes ahead of all that waits. */
  readonly ahead?: boolean;
}

/**
 * Runs a text that undoes a transaction, or what was done since a savepoint. A cancel that hits such a
 * text changes nothing: the transaction stays failed, and the text is sent again.
 */
export async function undo(context: Context, text: string, options: UndoOptions): Promise<void> {
  const how: OwnOptions = own<OwnOptions>({ ...options });
  await new Undo(context, text, context.types.driverOptions(how)).run();
}

class Undo extends SimpleRequest {
  readonly isSpared = true;
  #attempt = 1;

  recover(error: unknown, status: TransactionStatus | undefined): boolean {
    const isCancelled = error instanceof PgError && error.code === "57014";
    return isCancelled && status === "failed" && this.#attempt++ < ATTEMPTS;
  }
}
