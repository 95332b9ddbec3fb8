import type { ParamStyle } from "./paramstyle.ts";

/** The DB-API version of this module. Source: PEP 249, "Module Interface". */
export const apilevel = "2.0" as const;

/**
 * PEP 249's level 1: tasks may share the module, and use a connection one after another. Concurrent
 * statements on one connection do not mix, but share its transaction.
 */
export const threadsafety = 1 as const;

/**
 * The default style of parameters. It is a constant: pg8000's is assigned to; here the style is an
 * option of `connect()` and `cursor()`.
 */
export const paramstyle: ParamStyle = "format";
