/** The interface of an output plugin: the options of START_REPLICATION, and a decoder of its messages. */
import type { Reader } from "../bytes/reader.ts";
import type { RowShape } from "../query/rows.ts";
import type { Codec } from "../types/codec.ts";
import type {
  DeleteChange,
  InsertChange,
  MessageChange,
  RelationChange,
  TruncateChange,
  UpdateChange,
} from "./change.ts";
import type { ControlMessage } from "./message.ts";

/** A message of logical decoding, of any plugin. */
export type LogicalMessage =
  | ControlMessage
  | InsertChange
  | UpdateChange
  | DeleteChange
  | TruncateChange
  | MessageChange
  | RelationChange;

/** The options of a logical stream that plugins translate. */
export interface LogicalOptions {
  /** The publications. Only pgoutput needs them. */
  readonly publications: readonly string[];
  /** Whether values come in the binary format where their type has one. Default `true`. */
  readonly binary?: boolean | undefined;
  /** Whether large transactions come before their commit. Default `false`. */
  readonly streaming?: false | "on" | "parallel" | undefined;
  /** Whether messages of `pg_logical_emit_message()` come. Default `false`. */
  readonly messages?: boolean | undefined;
  /** `none` leaves out transactions that were replicated from elsewhere. Default `any`. */
  readonly origin?: "any" | "none" | undefined;
  /** Whether prepared transactions come at PREPARE TRANSACTION. Default `false`. */
  readonly twoPhase?: boolean | undefined;
}

/** The types of a stream's values. The catalogue is read over another connection. */
export interface StreamTypes {
  /** Returns the codec of a type; `undefined` while the type is unknown. */
  codecOf(oid: number): Codec | undefined;
  /**
   * Looks types up in the catalogue. Afterwards `codecOf()` knows those that exist.
   *
   * @throws {OperationalError} the catalogue did not answer.
   */
  learn(oids: readonly number[]): Promise<void>;
  /** Returns the OID of a type by its name, which follows the `search_path`; `undefined` if there is none. */
  oidOf(name: string): number | undefined | Promise<number | undefined>;
  /** Clears what the catalogue said, because a type was altered. */
  forget(): void;
}

/** A type that the catalogue does not have any more, so that its values stay undecoded. */
export interface UnknownType {
  /** The type's OID. */
  readonly oid: number;
  /** The type's name, if the stream carries it. */
  readonly name: string | undefined;
  /** The table that has it: `schema.name`. */
  readonly table: string;
  /** The column that has it. */
  readonly column: string;
}

/** The things that a decoder needs of its stream. */
export interface DecoderContext {
  /** The codecs of values. */
  readonly types: StreamTypes;
  /** The shape of rows. */
  readonly rows: RowShape;
  /** The options of the stream. */
  readonly options: LogicalOptions;
  /** Called once for each type that cannot be looked up. */
  readonly onUnknownType?: ((type: UnknownType) => void) | undefined;
}

/** A decoder of one stream's messages. */
export interface LogicalDecoder<M = LogicalMessage> {
  /**
   * Decodes the bytes of one XLogData message, behind its header; `start` is the header's position.
   * The bytes may be overwritten when the call has returned. Returns `undefined` where there is nothing
   * to deliver, and a promise only if types must be looked up first.
   *
   * @throws {ProtocolError} the bytes are not a message of the plugin.
   * @throws {DataError} a codec refuses a value.
   */
  decode(reader: Reader, start: bigint): M | undefined | Promise<M | undefined>;
  /**
   * Begins a new session of the server after a reconnect. Descriptions of tables are kept only to
   * compare them with the new ones.
   */
  reset(): void;
}

/** An output plugin. */
export interface LogicalPlugin<M = LogicalMessage> {
  /** The plugin's name for CREATE_REPLICATION_SLOT: `pgoutput`. */
  readonly name: string;
  /**
   * Returns the options of START_REPLICATION for a server of this version (`180004` is 18.4).
   *
   * @throws {NotSupportedError} an option needs a newer server; the message names both.
   */
  startOptions(serverVersion: number, options: LogicalOptions): Record<string, string>;
  /** Returns a decoder for one stream. */
  decoder(context: DecoderContext): LogicalDecoder<M>;
}
