/**
 * The server's half of the protocol: each function reads the body of one message, whole, from a
 * reader that begins at its first byte and ends behind its last. A message that is too short, too
 * long or counts more items than it has is a `ProtocolError`.
 */
import type { Reader } from "../bytes/reader.ts";
import { ProtocolError, type ServerFields } from "../errors/errors.ts";

/** One column of a result, as in RowDescription. */
export interface ColumnDescription {
  /** The column's name or alias. */
  readonly name: string;
  /** The OID of the column's table; 0 when it is not a table's column. */
  readonly tableOid: number;
  /** `pg_attribute.attnum` in that table; 0 when it is not a table's column. */
  readonly attributeNumber: number;
  /** The OID of the column's type. */
  readonly typeOid: number;
  /** `pg_type.typlen`; negative for variable width. */
  readonly typeSize: number;
  /** `pg_attribute.atttypmod`; -1 for none. */
  readonly typeModifier: number;
  /** The format of the values: 0 text, 1 binary. */
  readonly format: number;
}

/** The status byte of ReadyForQuery. */
export type TransactionStatus = "idle" | "transaction" | "failed";

/** A NotificationResponse. */
export interface Notification {
  /** The channel that was notified. */
  readonly channel: string;
  /** The payload of NOTIFY; `""` without one. */
  readonly payload: string;
  /** The process ID of the backend that notified. */
  readonly processId: number;
}

/** Bytes of an error or a notice that are kept. */
const MOST_OF_A_REPORT = 1 << 20;

/** Reads ErrorResponse and NoticeResponse, cut to 1 MiB. */
export function readFields(reader: Reader): ServerFields {
  const fields: Record<string, string> = {};
  let left = MOST_OF_A_REPORT;
  for (;;) {
    const type = reader.uint8();
    if (type === 0) break;
    const start = reader.position;
    const value = reader.cstring(left);
    left = Math.max(0, left - (reader.position - start));
    fields[String.fromCharCode(type)] = value;
  }
  reader.finish();
  return fields;
}

/** Reads RowDescription. */
export function readRowDescription(reader: Reader): ColumnDescription[] {
  const count = reader.count(reader.uint16(), 19);
  const columns: ColumnDescription[] = [];
  for (let i = 0; i < count; i++) {
    columns.push({
      name: reader.cstring(),
      tableOid: reader.uint32(),
      attributeNumber: reader.int16(),
      typeOid: reader.uint32(),
      typeSize: reader.int16(),
      typeModifier: reader.int32(),
      format: reader.int16(),
    });
  }
  reader.finish();
  return columns;
}

/** Reads ParameterDescription: the OIDs of the parameters' types. */
export function readParameterDescription(reader: Reader): number[] {
  const count = reader.count(reader.uint16(), 4);
  const oids: number[] = [];
  for (let i = 0; i < count; i++) oids.push(reader.uint32());
  reader.finish();
  return oids;
}

/** Reads CommandComplete: the command tag, `"INSERT 0 1"`. */
export function readCommandTag(reader: Reader): string {
  const tag = reader.cstring();
  reader.finish();
  return tag;
}

/** Reads ReadyForQuery. */
export function readTransactionStatus(reader: Reader): TransactionStatus {
  const byte = reader.uint8();
  reader.finish();
  switch (byte) {
    case 0x49: // I
      return "idle";
    case 0x54: // T
      return "transaction";
    case 0x45: // E
      return "failed";
    default:
      throw new ProtocolError(`malformed ReadyForQuery: status 0x${byte.toString(16)}`);
  }
}

/** Reads NotificationResponse. */
export function readNotification(reader: Reader): Notification {
  const processId = reader.int32();
  const channel = reader.cstring();
  const payload = reader.cstring();
  reader.finish();
  return { channel, payload, processId };
}

/** Reads ParameterStatus: name and value. */
export function readParameterStatus(reader: Reader): [string, string] {
  const pair: [string, string] = [reader.cstring(), reader.cstring()];
  reader.finish();
  return pair;
}

/** Reads BackendKeyData: the key has 4 bytes in protocol 3.0 and up to 256 in 3.2. */
export function readBackendKeyData(
  reader: Reader,
): { processId: number; secretKey: Uint8Array<ArrayBuffer> } {
  const processId = reader.int32();
  const size = reader.remaining;
  if (size < 4 || size > 256) {
    throw new ProtocolError(`malformed BackendKeyData: a secret key of ${size} bytes`);
  }
  return { processId, secretKey: reader.bytes(size) };
}

/** Reads FunctionCallResponse: the result's bytes, or `null` for NULL. */
export function readFunctionResult(reader: Reader): Uint8Array<ArrayBuffer> | null {
  const length = reader.int32();
  const value = length < 0 ? null : reader.bytes(length);
  reader.finish();
  return value;
}
