import type { SessionLock } from "../../session/exchange.ts";
import type { Link } from "./link.ts";
import type { Runnable } from "./runnable.ts";

/** The exclusive use of a connection. */
export interface Lease {
  readonly link: Link;
  /** The lock of the transaction in which the connection is used. */
  readonly lock: SessionLock | undefined;
  /** Returns the connection; further calls do nothing. */
  giveBack(): void;
}

/** Where queries run: a client, a reserved connection or a transaction. */
export interface Source {
  /** Runs a query, at once or when a connection is free. */
  dispatch(query: Runnable): void;
  /** Takes a query out that was not sent. Reports whether it was found. */
  forget(query: Runnable): boolean;
  /** Takes a connection for a cursor. */
  take(): Promise<Lease>;
}
