/**
 * The work of a cursor's statements. A connection of `connect()` loads it when a cursor first runs a
 * statement, so that programs without cursors do not load the DB-API.
 */
export { executeCopy } from "./copy_stream.ts";
export { bindSets, callProcedure, execute } from "./cursor_statements.ts";
export { executeSets } from "./execution.ts";
