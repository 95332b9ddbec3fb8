import type { AnyTables, Change } from "./change.ts";
import type { CommitPreparedMessage, PrepareMessage, RollbackPreparedMessage } from "./message.ts";

/** The fate of a prepared transaction, with `twoPhase`. */
export type PreparedEvent = PrepareMessage | CommitPreparedMessage | RollbackPreparedMessage;

/** An event that iterating a change stream yields. */
export type StreamEvent<Tables = AnyTables> = Change<Tables> | PreparedEvent;
