import { Connection, type ServerVersion } from "../connection.ts";
import type { ConnectionCore } from "../connection_core.ts";
import { InterfaceError, ProtocolError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import type { Result } from "../query/result.ts";
import type { Signal } from "../session/exchange.ts";
import type { Session } from "../session/session.ts";
import { type CommandOptions, runCommand } from "./command_request.ts";
import * as commands from "./commands.ts";
import type {
  AlterSlotOptions,
  LogicalSlotOptions,
  PhysicalSlotOptions,
  PluginOptions,
} from "./commands.ts";
import { startFeed } from "./copy_both.ts";
import { explained } from "./explain.ts";
import type { ReplicationFeed, ReplicationSink } from "./feed.ts";
import type { Lsn } from "./lsn.ts";
import { ReplicationStream, type StreamOptions } from "./replication_stream.ts";
import { numberIn, positionIn } from "./text_rows.ts";
import { readTimeline, type TimelineHistory } from "./timeline.ts";

/** The kind of a replication connection. */
export type ReplicationMode = "logical" | "physical";

/** The identity and the position of a server. */
export interface SystemIdentity {
  /** The identifier of the cluster, which its standbys share: an unsigned 64-bit number as text. */
  readonly systemId: string;
  /** The current timeline. */
  readonly timeline: number;
  /** The end of the WAL that is flushed; on a standby, that is replayed. */
  readonly position: Lsn;
  /** The database of the connection; absent on a physical one. */
  readonly database?: string | undefined;
}

/** A slot that was created. */
export interface CreatedSlot {
  /** The name of the slot. */
  readonly name: string;
  /** The position from which a logical slot has all changes; `0/0` of a physical slot. */
  readonly consistentPoint: Lsn;
  /** The name of the exported snapshot, for SET TRANSACTION SNAPSHOT. */
  readonly snapshot?: string | undefined;
  /** The output plugin of a logical slot. */
  readonly plugin?: string | undefined;
}

/** The position of a physical slot. */
export interface PhysicalSlotPosition {
  /** The oldest WAL that the slot keeps; absent before the slot's first use. */
  readonly restart?: Lsn | undefined;
  /** The timeline of that position. */
  readonly timeline?: number | undefined;
}

/** The start of a logical stream. */
export interface LogicalStartOptions extends StreamOptions {
  /**
   * The position to begin at, the end of a transaction. The server begins at the slot's own position if
   * that is greater. A greater one skips changes without an error. Default: the slot's own.
   */
  from?: Lsn | undefined;
  /** The options of the output plugin, such as `proto_version` and `publication_names` of pgoutput. */
  options?: PluginOptions | undefined;
  /** Aborts the start, and later the stream. */
  signal?: Signal | undefined;
}

/** The start of a physical stream. */
export interface PhysicalStartOptions extends StreamOptions {
  /** The slot that keeps the WAL. Without one, the server may remove WAL that was not received. */
  slot?: string | undefined;
  /** The position to begin at. */
  from: Lsn;
  /** The timeline to read. Default: the server's current one. */
  timeline?: number | undefined;
  /** Aborts the start, and later the stream. */
  signal?: Signal | undefined;
}

/** A connection that speaks PostgreSQL's replication protocol, made by `connectReplication()`. */
export class ReplicationConnection implements AsyncDisposable {
  /** The kind of the connection. */
  readonly mode: ReplicationMode;
  /**
   * A promise that resolves when the connection has ended: with the reason, or with `undefined` after
   * `close()`. Never rejects.
   */
  readonly closed: Promise<Error | undefined>;
  readonly #session: Session;
  readonly #connection: Connection;
  readonly #closeTimeout: number;
  /** The stream or the backup that occupies the connection. */
  #running: { stop(): Promise<void> } | undefined;
  #hasStreamed = false;

  /** For the driver: use `connectReplication()`. */
  constructor(core: ConnectionCore, mode: ReplicationMode, closeTimeout: number) {
    this.mode = mode;
    this.closed = core.closed;
    this.#session = core.session;
    this.#connection = new Connection(core);
    this.#closeTimeout = closeTimeout;
  }

  /** The server's version. */
  get serverVersion(): ServerVersion {
    return this.#connection.serverVersion;
  }

  /** The process ID of the walsender that serves this connection. */
  get processId(): number {
    return this.#session.processId;
  }

  /** The latest value of each parameter that the server reports. */
  get parameterStatuses(): ReadonlyMap<string, string> {
    return this.#session.parameterStatuses;
  }

  /** Asks for the server's identity and position. */
  async identifySystem(options?: CommandOptions): Promise<SystemIdentity> {
    const row = await this.#command("IDENTIFY_SYSTEM", options);
    const [systemId, timeline, position, database] = row;
    return {
      systemId: systemId ?? "",
      timeline: numberIn(timeline),
      position: positionIn(position),
      database: database ?? undefined,
    };
  }

  /** Asks for the value of a run-time parameter, with its unit: `"16MB"`. */
  async show(name: string, options?: CommandOptions): Promise<string> {
    const [value] = await this.#command(commands.show(name), options);
    return value ?? "";
  }

  /**
   * Asks for the history of a timeline: where it has branched off, and its predecessors.
   *
   * @throws {DatabaseError} there is no history file (58P01); timeline 1 has none.
   */
  async timelineHistory(timeline: number, options?: CommandOptions): Promise<TimelineHistory> {
    this.#refuseWhileRunning();
    return await readTimeline(this.#session, timeline, own(options));
  }

  /**
   * Creates a replication slot. A logical slot waits for the end of all transactions that write at the
   * moment, however long that takes; use `timeout` or `signal` to limit it.
   *
   * @throws {ReplicationSetupError} `wal_level` is too low, the role may not replicate, or
   * `max_replication_slots` is reached.
   * @throws {ProgrammingError} the slot exists (42710).
   * @throws {NotSupportedError} the server is too old for an option.
   *
   * @example
   * ```ts ignore
   * const { consistentPoint } = await replication.createSlot("search", { failover: true });
   * ```
   */
  async createSlot(
    name: string,
    options: LogicalSlotOptions | PhysicalSlotOptions = {},
    how?: CommandOptions,
  ): Promise<CreatedSlot> {
    const text = commands.createSlot(this.#major, name, { ...options });
    const [created, point, snapshot, plugin] = await this.#command(text, how, name);
    return {
      name: created ?? name,
      consistentPoint: positionIn(point),
      snapshot: snapshot ?? undefined,
      plugin: plugin ?? undefined,
    };
  }

  /**
   * Changes a logical slot that is not in use.
   *
   * @throws {SlotBusyError} another connection uses the slot.
   * @throws {NotSupportedError} the server is too old for an option.
   */
  async alterSlot(name: string, options: AlterSlotOptions, how?: CommandOptions): Promise<void> {
    await this.#run(commands.alterSlot(this.#major, name, own(options)), how, name);
  }

  /**
   * Reads the position of a physical slot; `undefined` if there is no such slot (PostgreSQL 15).
   *
   * @throws {NotSupportedError} the slot is logical.
   */
  async readSlot(name: string, how?: CommandOptions): Promise<PhysicalSlotPosition | undefined> {
    const [kind, restart, timeline] = await this.#command(
      commands.readSlot(this.#major, name),
      how,
      name,
    );
    if (kind === null) return undefined;
    return {
      restart: restart === null ? undefined : positionIn(restart),
      timeline: timeline === null ? undefined : numberIn(timeline),
    };
  }

  /**
   * Drops a slot. `wait`: waits until no connection uses the slot.
   *
   * @throws {SlotBusyError} another connection uses the slot.
   * @throws {ProgrammingError} there is no such slot (42704).
   */
  async dropSlot(
    name: string,
    { wait = false, ...how }: { wait?: boolean } & CommandOptions = {},
  ): Promise<void> {
    await this.#run(commands.dropSlot(name, wait), how, name);
  }

  /**
   * Streams the changes of a logical slot, as the output plugin writes them. A connection can stream
   * only once: the server ends a second logical stream at its beginning.
   *
   * @throws {SlotLostError} the slot is gone or invalidated.
   * @throws {SlotBusyError} another connection uses the slot.
   * @throws {ReplicationSetupError} the slot belongs to another database, is physical, or is synchronized
   * from a primary.
   */
  startLogical(slot: string, options: LogicalStartOptions = {}): Promise<ReplicationStream> {
    return ReplicationStream.open(options, false, (sink) => this.feedLogical(slot, options, sink));
  }

  /**
   * Streams WAL.
   *
   * @throws {SlotBusyError} another connection uses the slot.
   */
  startPhysical(options: PhysicalStartOptions): Promise<ReplicationStream> {
    return ReplicationStream.open(options, true, (sink) => this.feedPhysical(options, sink));
  }

  /** @internal Starts a logical stream into a sink. */
  async feedLogical(
    slot: string,
    { from, options = {}, signal }: LogicalStartOptions,
    sink: ReplicationSink,
  ): Promise<ReplicationFeed> {
    this.#expect("logical", "startLogical()");
    const text = commands.startLogical(slot, commands.positionOf(from, "from"), options);
    if (this.#hasStreamed) {
      throw new InterfaceError(
        "a replication connection has one logical stream; open another one for the next stream",
      );
    }
    const feed = await this.#start(text, slot, signal, sink);
    this.#hasStreamed = true;
    return feed;
  }

  /** @internal Starts a physical stream into a sink. */
  async feedPhysical(
    { slot, from, timeline, signal }: PhysicalStartOptions,
    sink: ReplicationSink,
  ): Promise<ReplicationFeed> {
    const text = commands.startPhysical(slot, commands.positionOf(from, "from"), timeline);
    return await this.#start(text, slot, signal, sink);
  }

  /**
   * Runs SQL on a logical connection, by the simple protocol. Returns a result for each statement. Values of
   * types that are not built in stay text.
   *
   * @throws {InterfaceError} the connection is physical.
   */
  async sql(text: string, { signal, timeout }: CommandOptions = {}): Promise<Result[]> {
    this.#expect("logical", "sql()");
    return await this.#connection.query(text, [], { signal, timeout }).simple().all();
  }

  /** Stops a stream that is open and closes the connection. Never rejects. */
  async close(): Promise<void> {
    await this.#running?.stop();
    await this.#connection.close();
  }

  /** Closes the connection at once; pending commands are rejected with `reason` as the cause. */
  destroy(reason?: unknown): void {
    this.#connection.destroy(reason);
  }

  /** `await using` closes. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #major(): number {
    return this.#connection.serverVersion.major;
  }

  #expect(mode: ReplicationMode, what: string): void {
    this.#refuseWhileRunning();
    if (this.mode === mode) return;
    throw new InterfaceError(`${what} needs connectReplication({ mode: "${mode}" })`);
  }

  #refuseWhileRunning(): void {
    if (this.#running === undefined) return;
    throw new InterfaceError(
      "a stream or a backup occupies the replication connection; stop it, or open another connection",
    );
  }

  async #start(
    text: string,
    slot: string | undefined,
    signal: Signal | undefined,
    sink: ReplicationSink,
  ): Promise<ReplicationFeed> {
    this.#refuseWhileRunning();
    const starting = { stop: () => Promise.resolve(this.destroy()) };
    this.#running = starting;
    try {
      const closeTimeout = this.#closeTimeout;
      const feed = await startFeed(this.#session, text, sink, { closeTimeout, signal });
      this.#running = feed;
      feed.ended.then(() => this.#running = undefined);
      return feed;
    } catch (error) {
      this.#running = undefined;
      throw explained(error, slot);
    }
  }

  async #run(
    text: string,
    options: CommandOptions | undefined,
    slot?: string,
  ): Promise<(string | null)[] | undefined> {
    this.#refuseWhileRunning();
    try {
      return await runCommand(this.#session, text, own(options));
    } catch (error) {
      throw explained(error, slot);
    }
  }

  async #command(
    text: string,
    options: CommandOptions | undefined,
    slot?: string,
  ): Promise<(string | null)[]> {
    const row = await this.#run(text, options, slot);
    if (row === undefined) throw new ProtocolError(`no row in the answer to ${text.split(" ")[0]}`);
    return row;
  }
}
