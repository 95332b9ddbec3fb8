/** `sql.subscribe()`: changes of rows by logical replication. */
import { genericError } from "./postgres_error.ts";
import type { Row } from "./postgres_result.ts";

/** A change. */
export interface ReplicationEvent {
  /** The kind. */
  readonly command: "insert" | "update" | "delete";
  /** The table. */
  readonly relation: object;
  /** Whether the row has only the key's columns. */
  readonly key?: boolean;
  /** The row before an update, as far as it is known. */
  readonly old?: Row | null;
}

/** A subscription. */
export interface SubscriptionHandle {
  /** Ends the subscription. */
  unsubscribe(): Promise<void>;
}

/** @throws {Error} always: the driver does not offer it yet. */
export function subscribe(): Promise<SubscriptionHandle> {
  return Promise.reject(
    genericError("NOT_SUPPORTED", "subscribe() is not available; use @cornac/pg/replication"),
  );
}
