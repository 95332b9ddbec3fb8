/** The events of a change stream on `node:diagnostics_channel`: plain channels, each event is a moment. */
import type { DiagnosticsChannel } from "../runtime/runtime.ts";
import { type ChannelOf, SILENT } from "../trace.ts";
import { Lsn } from "./lsn.ts";

/** The state of the stream right after an event. */
export interface ReplicationTraceMessage {
  /** Always `"postgresql"`. */
  readonly "db.system.name": "postgresql";
  /** The name of the slot. */
  readonly slot: string;
  /** The position that was received. */
  readonly received: string;
  /** The end of the last transaction that was handed over completely. */
  readonly delivered: string;
  /** The position that is confirmed. */
  readonly confirmed: string;
  /** Bytes of changes that were received, over all connections. */
  readonly receivedBytes: number;
  /** Bytes of changes that the reader has taken. */
  readonly deliveredBytes: number;
  /** Bytes of changes in confirmed transactions. */
  readonly confirmedBytes: number;
  /** The number of transactions that are not confirmed. */
  readonly pending: number;
  /** The number of connections that were lost and replaced. */
  readonly reconnects: number;
}

/** `cornac.pg:replication:start`: the server has begun to stream. */
export type ReplicationStartTrace = ReplicationTraceMessage;

/** `cornac.pg:replication:status`: positions were reported to the server. */
export type ReplicationStatusTrace = ReplicationTraceMessage;

/** `cornac.pg:replication:reconnect`: the connection was lost. */
export interface ReplicationReconnectTrace extends ReplicationTraceMessage {
  /** The reason. */
  readonly error: unknown;
  /** Seconds until the next attempt. */
  readonly delay: number;
}

/** `cornac.pg:replication:end`: the stream has ended. */
export interface ReplicationEndTrace extends ReplicationTraceMessage {
  /** The error; absent if the stream was closed. */
  readonly error?: unknown;
}

/** The numbers of a stream, as its inbox has them. */
export interface Numbers {
  readonly positions: {
    readonly received: bigint;
    readonly delivered: bigint;
    readonly confirmed: bigint;
    readonly pending: number;
  };
  readonly receivedBytes: number;
  readonly deliveredBytes: number;
  readonly confirmedBytes: number;
}

/** The channels of one stream. */
export class ReplicationTrace {
  /** Connections that were lost and replaced. */
  reconnects = 0;
  readonly #slot: string;
  readonly #numbers: Numbers;
  #channels: Readonly<Record<string, DiagnosticsChannel>> = {};

  constructor(slot: string, numbers: Numbers) {
    this.#slot = slot;
    this.#numbers = numbers;
  }

  /** Sets up the channels once the runtime is known. */
  introduce(channelOf: ChannelOf | undefined): void {
    if (channelOf === undefined) return;
    const names = ["start", "status", "reconnect", "end"];
    const entries = names.map((name) => [name, channelOf(`cornac.pg:replication:${name}`)]);
    this.#channels = Object.fromEntries(entries);
  }

  /** Publishes an event, if its channel has subscribers. */
  tell(event: "start" | "status" | "reconnect" | "end", added?: object): void {
    const channel = this.#channels[event] ?? SILENT;
    if (channel.hasSubscribers) channel.publish({ ...this.#message(), ...added });
  }

  #message(): ReplicationTraceMessage {
    const { positions, receivedBytes, deliveredBytes, confirmedBytes } = this.#numbers;
    const { received, delivered, confirmed, pending } = positions;
    return {
      "db.system.name": "postgresql",
      slot: this.#slot,
      received: String(new Lsn(received)),
      delivered: String(new Lsn(delivered)),
      confirmed: String(new Lsn(confirmed)),
      ...{ receivedBytes, deliveredBytes, confirmedBytes, pending },
      reconnects: this.reconnects,
    };
  }
}
