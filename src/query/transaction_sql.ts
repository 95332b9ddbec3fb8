/** SQL of transactions and savepoints, loaded with their first use. The rules of `own_sql.ts` hold. */

/** Commits the transaction. */
export const COMMIT = "commit";

/** Makes a savepoint. */
export function savepoint(name: string): string {
  return `savepoint ${name}`;
}

/** Keeps what was done since a savepoint. */
export function releaseSavepoint(name: string): string {
  return `release savepoint ${name}`;
}

/** Undoes what was done since a savepoint, and removes the savepoint. */
export function undoSavepoint(name: string): string {
  return `rollback to savepoint ${name}; release savepoint ${name}`;
}

/** Prepares the transaction for two-phase commit under a name, given as a literal. */
export function prepareTransaction(gid: string): string {
  return `prepare transaction ${gid}`;
}
