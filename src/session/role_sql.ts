/** SQL that finds the role of a server. The rules of `own_sql.ts` hold. */

/** Whether the server is a standby. Asked before PostgreSQL 14, which reports it. */
export const IN_RECOVERY = "select pg_catalog.pg_is_in_recovery()";

/** Whether the session is read-only. Asked before PostgreSQL 14, which reports it. */
export const READ_ONLY = "show transaction_read_only";
