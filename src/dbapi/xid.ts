import { InterfaceError } from "../errors/errors.ts";

/** The identity of a transaction in X/Open's two-phase commit. Source: PEP 249, `xid()`. */
export type Xid = readonly [
  formatId: number,
  globalTransactionId: string,
  branchQualifier: string,
];

/**
 * Returns a transaction ID for the `tpc_` methods.
 *
 * @throws {InterfaceError} the format is not an integer from 0 to 2³¹-1, or a part is not a string,
 * is longer than 64 characters or contains a lone surrogate.
 */
export function makeXid(
  formatId: number,
  globalTransactionId: string,
  branchQualifier: string,
): Xid {
  if (!Number.isInteger(formatId) || formatId < 0 || formatId > 0x7fffffff) {
    throw new InterfaceError("xid(): the format must be an integer from 0 to 2147483647");
  }
  for (const part of [globalTransactionId, branchQualifier]) {
    if (typeof part !== "string" || part.length > 64) {
      throw new InterfaceError("xid(): the parts must be strings of at most 64 characters");
    }
    if (!part.isWellFormed()) throw new InterfaceError("xid(): a part contains a lone surrogate");
  }
  return Object.freeze([formatId, globalTransactionId, branchQualifier] as const);
}

/**
 * Returns the name for PREPARE TRANSACTION: the global ID itself, or, with a format or a branch,
 * all three parts in the form of pgjdbc and psycopg, so that each can recover the others'
 * transactions.
 *
 * @throws {InterfaceError} `xid` was not made by `xid()`.
 */
export function gidOf(xid: Xid): string {
  if (!Array.isArray(xid) || xid.length !== 3) {
    throw new InterfaceError("a transaction ID is what xid() returns");
  }
  const [formatId, global, branch] = makeXid(...xid as [number, string, string]);
  return formatId === 0 && branch === "" ? global : composed(formatId, global, branch);
}

/** Returns the transaction ID for a name in `pg_prepared_xacts`. */
export function xidOf(gid: string): Xid {
  const found = /^(\d{1,10})_([A-Za-z0-9+/]*=*)_([A-Za-z0-9+/]*=*)$/.exec(gid);
  if (found !== null) {
    try {
      const xid = makeXid(Number(found[1]), decoded(found[2]!), decoded(found[3]!));
      if (gidOf(xid) === gid) return xid;
    } catch { /* a name that only looks like one of ours */ }
  }
  return Object.freeze([0, gid, ""] as const);
}

function composed(formatId: number, global: string, branch: string): string {
  return `${formatId}_${encoded(global)}_${encoded(branch)}`;
}

function encoded(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function decoded(base64: string): string {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}
