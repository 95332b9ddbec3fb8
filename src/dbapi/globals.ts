import type { ParamStyle } from "./paramstyle.ts";

/** The DB-API version that this module speaks. Source: PEP 249, "Module Interface". */
export const apilevel = "2.0" as const;

/**
 * Tasks may share the module and, one after another, a connection: PEP 249's level 1. Statements
 * that are made at once on one connection do not mix, but they share its transaction.
 */
export const threadsafety = 1 as const;

/**
 * How texts mark parameters unless a connection or cursor was told otherwise. A constant: pg8000's is
 * assigned to, here the style is an option of `connect()` and `cursor()`.
 */
export const paramstyle: ParamStyle = "format";
