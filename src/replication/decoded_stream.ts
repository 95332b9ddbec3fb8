/** A logical stream whose messages are decoded, with the values in the driver's types. */
import { InterfaceError } from "../errors/errors.ts";
import type { RowShape } from "../query/rows.ts";
import type { Signal } from "../session/exchange.ts";
import type { TypesOptions } from "../types/registry.ts";
import type { LogicalStartOptions } from "./command_types.ts";
import type { ReplicationFeed, ReplicationSink } from "./feed.ts";
import type { Lsn } from "./lsn.ts";
import { pgoutput } from "./pgoutput_plugin.ts";
import type { LogicalMessage, LogicalOptions, LogicalPlugin } from "./plugin.ts";
import { ReplicationStream, type StreamOptions } from "./replication_stream.ts";
import type { SideConnection } from "./side_connection.ts";
import { SideTypes } from "./stream_types.ts";

/** The start of a decoded logical stream. */
export interface DecodedStartOptions<M = LogicalMessage> extends LogicalOptions, StreamOptions {
  /** The position to begin at, as in {@linkcode LogicalStartOptions.from}. Default: the slot's own. */
  from?: Lsn | undefined;
  /** The output plugin of the slot. Default `pgoutput()`, with the server's highest protocol version. */
  plugin?: LogicalPlugin<M> | undefined;
  /** The shape of rows. Default: the connection's. */
  rows?: RowShape | undefined;
  /** The conversion between values of PostgreSQL and of JavaScript. Default: the connection's. */
  types?: TypesOptions | undefined;
  /** Aborts the start, and later the stream. */
  signal?: Signal | undefined;
}

/** The connections beside a stream, and the defaults of its rows. */
export interface Beside {
  /** Returns a connection that is opened when it is needed. */
  open(): SideConnection;
  readonly rows: RowShape;
  readonly types: TypesOptions | undefined;
}

/** Starts a stream with a decoder. `major` is the server's version; `feed` sends START_REPLICATION. */
export async function openDecoded<M>(
  given: DecodedStartOptions<M>,
  major: number,
  beside: Beside | undefined,
  feed: (start: LogicalStartOptions, sink: ReplicationSink) => Promise<ReplicationFeed>,
): Promise<ReplicationStream<M>> {
  if (beside === undefined) throw new InterfaceError("startDecoded() needs connectReplication()");
  const { publications, binary, streaming, messages, origin, twoPhase } = given;
  const logical = { publications, binary, streaming, messages, origin, twoPhase };
  const plugin = given.plugin ?? pgoutput() as LogicalPlugin<unknown> as LogicalPlugin<M>;
  const options = plugin.startOptions(major * 10_000, logical);
  const side = beside.open();
  const types = new SideTypes(given.types ?? beside.types, () => side.core());
  const decoder = plugin.decoder({ types, rows: given.rows ?? beside.rows, options: logical });
  const leave = (): void => side.destroy(new InterfaceError("the replication stream has ended"));
  const start = async (sink: ReplicationSink): Promise<ReplicationFeed> => {
    const started = await feed({ options }, sink);
    started.ended.then(leave);
    return started;
  };
  const { statusInterval, windowBytes } = given;
  const how = { statusInterval, windowBytes };
  try {
    return await ReplicationStream.open(how, false, (r, at) => decoder.decode(r, at), start);
  } catch (error) {
    leave();
    throw error;
  }
}
