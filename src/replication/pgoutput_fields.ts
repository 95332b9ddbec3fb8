/** Messages of pgoutput that need no state, and the errors of malformed ones. */
import type { Reader } from "../bytes/reader.ts";
import { DataError, ProtocolError } from "../errors/errors.ts";
import { Lsn } from "./lsn.ts";
import type { CommitPreparedMessage, RollbackPreparedMessage } from "./message.ts";
import type { Relation, ReplicaIdentity } from "./relation.ts";
import { TextNeededError } from "./row_decoder.ts";
import { dateOf } from "./wal_time.ts";

const IDENTITIES: Readonly<Record<string, ReplicaIdentity>> = {
  d: "default",
  n: "nothing",
  f: "full",
  i: "index",
};

/** Reads a Relation message behind its letter; the names of types are empty. */
export function readRelation(reader: Reader): Relation {
  const oid = reader.uint32();
  const schema = reader.cstring() || "pg_catalog";
  const name = reader.cstring();
  const letter = String.fromCharCode(reader.uint8());
  const identity = Object.hasOwn(IDENTITIES, letter) ? IDENTITIES[letter]! : "unknown";
  // A column has at least its flags, an empty name, its type and its type modifier.
  const count = reader.count(reader.uint16(), 10);
  const columns = Array.from({ length: count }, () => {
    const key = (reader.uint8() & 1) !== 0;
    const column = reader.cstring();
    const type = reader.uint32();
    return { name: column, type, typeName: "", typeModifier: reader.int32(), key };
  });
  return { oid, schema, name, table: `${schema}.${name}`, identity, columns };
}

/** Returns the error of a tuple with the name of its table. */
export function inTable({ table }: Relation, cause: unknown): unknown {
  if (!(cause instanceof DataError || cause instanceof ProtocolError)) {
    if (!(cause instanceof TextNeededError)) return cause;
    return new TextNeededError(`table ${table}, ${cause.message}`, { cause });
  }
  const { code, message } = cause;
  const Class = cause instanceof DataError ? DataError : ProtocolError;
  return new Class(`table ${table}, ${message}`, { code, cause });
}

/** Returns the error of a message with an unknown letter. */
export function unknownTag(tag: number): ProtocolError {
  const shown = tag > 32 && tag < 127 ? `"${String.fromCharCode(tag)}"` : `0x${tag.toString(16)}`;
  return new ProtocolError(
    `a message of the unknown kind ${shown}: the slot's plugin is not pgoutput, or the server speaks ` +
      "a newer version of its protocol than it was asked for",
  );
}

/** Returns the error of a row without the tuple that it needs. */
export function wrongTuple(what: string): ProtocolError {
  return new ProtocolError(`malformed pgoutput message: an ${what} without its tuple`);
}

/** Returns the error of a message that must not come where it does. */
export function outOfOrder(what: string): ProtocolError {
  return new ProtocolError(`pgoutput messages out of order: ${what}`);
}

/** Reads a Commit Prepared message behind its letter. */
export function readCommitPrepared(reader: Reader): CommitPreparedMessage {
  reader.uint8();
  const commitLsn = new Lsn(reader.uint64());
  const endLsn = new Lsn(reader.uint64());
  const at = dateOf(reader.int64());
  const xid = reader.uint32();
  return { kind: "commitPrepared", xid, gid: reader.cstring(), commitLsn, endLsn, at };
}

/** Reads a Rollback Prepared message behind its letter. */
export function readRollbackPrepared(reader: Reader): RollbackPreparedMessage {
  reader.uint8();
  const prepareEndLsn = new Lsn(reader.uint64());
  const endLsn = new Lsn(reader.uint64());
  const preparedAt = dateOf(reader.int64());
  const at = dateOf(reader.int64());
  const xid = reader.uint32();
  const gid = reader.cstring();
  return { kind: "rollbackPrepared", xid, gid, prepareEndLsn, endLsn, preparedAt, at };
}
