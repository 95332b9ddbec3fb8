import { Connection, type ServerVersion } from "../connection.ts";
import type { ConnectionCore } from "../connection_core.ts";
import { InterfaceError, ProtocolError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import type { Parsers } from "../query/parsers.ts";
import type { Result } from "../query/result.ts";
import type { Signal } from "../session/exchange.ts";
import type { Session } from "../session/session.ts";
import type { BaseBackupOptions } from "./backup_command.ts";
import { BaseBackup } from "./base_backup.ts";
import { type CommandOptions, runCommand } from "./command_request.ts";
import type {
  CreatedSlot,
  LogicalStartOptions,
  PhysicalSlotPosition,
  PhysicalStartOptions,
  ReplicationMode,
  SystemIdentity,
} from "./command_types.ts";
import * as commands from "./commands.ts";
import type { AlterSlotOptions, LogicalSlotOptions, PhysicalSlotOptions } from "./commands.ts";
import { startFeed } from "./copy_both.ts";
import { SlotLostError } from "./errors.ts";
import { type Beside, type DecodedStartOptions, openDecoded } from "./decoded_stream.ts";
import { explained } from "./explain.ts";
import type { ReplicationFeed, ReplicationSink } from "./feed.ts";
import type { LogicalMessage } from "./plugin.ts";
import { slotInfo } from "./slot_info.ts";
import { needsSlot, slotProblem } from "./slot_problem.ts";
import { slotNamed } from "./slot_sql.ts";
import { ReplicationStream, walChunk } from "./replication_stream.ts";
import { numberIn, positionIn } from "./text_rows.ts";
import { readTimeline, type TimelineHistory } from "./timeline.ts";

/** Seconds for each look at a slot that could not be used. */
const EXPLAIN_TIME = 5;

/** A stream or a backup, which occupies its connection. */
interface Occupant {
  stop(): Promise<void>;
  readonly ended: Promise<unknown> | undefined;
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
  /** Opens the connections that are asked about types. */
  readonly #side: Beside | undefined;
  /** The stream or the backup that occupies the connection. */
  #running: Occupant | undefined;
  #hasStreamed = false;

  /** For the driver: use `connectReplication()`. */
  constructor(core: ConnectionCore, mode: ReplicationMode, closeTimeout: number, side?: Beside) {
    this.mode = mode;
    this.closed = core.closed;
    this.#session = core.session;
    this.#connection = new Connection(core);
    this.#closeTimeout = closeTimeout;
    this.#side = side;
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
    return ReplicationStream.open(
      options,
      false,
      walChunk,
      (sink) => this.feedLogical(slot, options, sink),
    );
  }

  /**
   * Streams the messages of a logical slot decoded, with rows in the driver's types, as the plugin sends
   * them: nothing is collected, confirmed or reconnected, as `replicate()` does. Types that are not built in
   * are looked up over a second connection.
   *
   * @throws the errors of {@linkcode ReplicationConnection.startLogical}.
   * @throws {NotSupportedError} the server is too old for an option.
   */
  startDecoded<M = LogicalMessage>(
    slot: string,
    options: DecodedStartOptions<M>,
  ): Promise<ReplicationStream<M>> {
    return openDecoded(
      options,
      this.#major,
      this.#side,
      (start, sink) =>
        this.feedLogical(slot, { ...start, from: options.from, signal: options.signal }, sink),
    );
  }

  /**
   * Streams WAL.
   *
   * @throws {SlotBusyError} another connection uses the slot.
   */
  startPhysical(options: PhysicalStartOptions): Promise<ReplicationStream> {
    return ReplicationStream.open(
      options,
      true,
      walChunk,
      (sink) => this.feedPhysical(options, sink),
    );
  }

  /**
   * Takes a base backup: the files of the whole cluster, as tar archives. Only one at a time.
   *
   * @throws {NotSupportedError} the server is too old for an option.
   *
   * @example
   * ```ts ignore
   * await using backup = await replication.baseBackup({ checkpoint: "fast", wal: true });
   * for await (const { name, body } of backup) {
   *   await body.pipeTo(Writable.toWeb(createWriteStream(name)));
   * }
   * console.log(String(backup.end?.position));
   * ```
   */
  baseBackup(options: BaseBackupOptions = {}): Promise<BaseBackup> {
    const given = own<BaseBackupOptions>(options);
    return this.#occupy(() => BaseBackup.open(this.#session, this.#major, given));
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
    const options = { signal, timeout, parsers: this.#parsers };
    return await this.#connection.query(text, [], options).simple().all();
  }

  /** Reads values by the codecs of their types. A walsender cannot be asked about types. */
  readonly #parsers: Parsers = (oid) => {
    const codec = this.#connection.types.lookup(oid);
    return (text: string) => codec === undefined ? text : codec.decodeText(text);
  };

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

  #start(
    text: string,
    slot: string | undefined,
    signal: Signal | undefined,
    sink: ReplicationSink,
  ): Promise<ReplicationFeed> {
    const options = { closeTimeout: this.#closeTimeout, signal };
    return this.#occupy(() => startFeed(this.#session, text, sink, options), slot);
  }

  /** Starts a stream or a backup, and refuses all other commands until it has ended. */
  async #occupy<T extends Occupant>(open: () => Promise<T>, slot?: string): Promise<T> {
    this.#refuseWhileRunning();
    const starting: Occupant = { stop: () => Promise.resolve(this.destroy()), ended: undefined };
    this.#running = starting;
    try {
      const running = await open();
      this.#running = running;
      running.ended?.then(() => this.#running = undefined);
      return running;
    } catch (error) {
      this.#running = undefined;
      throw slot === undefined ? error : await this.#explain(error, slot);
    }
  }

  /** Returns the typed error of a slot that cannot be used, after a look at the slot. */
  async #explain(error: unknown, name: string): Promise<unknown> {
    const known = explained(error, name);
    if (known !== error || !needsSlot(error) || this.#session.closed) return known;
    if (this.mode === "physical") {
      return error.code === "42704" ? new SlotLostError(name, "missing", error) : error;
    }
    try {
      const [found] = await this.sql(slotNamed(`'${name}'`), { timeout: EXPLAIN_TIME });
      const row = found?.[0] as { slot: string; position: string; here: string } | undefined;
      const slot = row && slotInfo(row.slot, row.position);
      return slotProblem(error, name, slot, row?.here);
    } catch {
      return error; // the look-up failed, so that the server's words remain
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
