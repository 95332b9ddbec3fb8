/** Ranges of OIDs. Source: src/include/access/transam.h. */

/** The first OID of an object that `initdb` has not made: FirstNormalObjectId. */
export const FIRST_NORMAL_OID = 16384;

/** Reports whether an object's OID is fixed by PostgreSQL's sources: below FirstGenbkiObjectId. */
export function isBuiltin(oid: number): boolean {
  return oid > 0 && oid < 10_000;
}
