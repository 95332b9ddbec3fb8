import type { Url } from "../connect.ts";
import { runtimeOf } from "../connect.ts";
import { InterfaceError } from "../errors/errors.ts";
import { type Batch, BatchIterator, type BatchOptions } from "./batches.ts";
import { ChangeIterator } from "./change_iterator.ts";
import type { AnyTables } from "./change.ts";
import { PositionAheadError } from "./errors.ts";
import { Inbox } from "./inbox.ts";
import { Intake } from "./intake.ts";
import type { StreamEvent } from "./stream_event.ts";
import { type Lag, lagOf } from "./lag.ts";
import { Lsn } from "./lsn.ts";
import { FUNCTION, record, whole } from "./option_checks.ts";
import { type ReplicateOptions, type ReplicateSettings, replicateSettings } from "./options.ts";
import { pgoutput } from "./pgoutput_plugin.ts";
import type { Source } from "./reading.ts";
import { ReplicationTrace } from "./replication_trace.ts";
import { Runner } from "./runner.ts";
import { openOrdinary, SideConnection } from "./side_connection.ts";
import type { StreamState } from "./state.ts";
import { SideTypes } from "./stream_types.ts";
import { runHandlers, type Transaction, TransactionIterator } from "./transactions.ts";
import type { Parts } from "./walsender.ts";

/** The positions of a change stream. */
export interface StreamPosition {
  /** The position before which the server has sent everything. */
  readonly received: Lsn;
  /** The end of the last transaction that was handed over completely. */
  readonly delivered: Lsn;
  /** The position that is confirmed: a new stream over the slot begins there. */
  readonly confirmed: Lsn;
}

/** Options of `ChangeStream.run()`. */
export interface RunOptions {
  /** The number of transactions that are handled at the same time. Default 1. */
  concurrency?: number | undefined;
}

/**
 * The changes of a database, made by {@linkcode replicate}. A stream begins when it is first read, and can be
 * read in one way: by iterating it, or by `transactions()`, `batches()` or `run()`.
 *
 * A transaction is confirmed when it is handled, that is, when the loop asks for what follows it. Leaving the
 * loop by `break` or an error closes the stream and does not confirm the transaction that was being handled:
 * it comes again, whole, from the next stream over the slot. A lost connection is replaced; the loop then goes
 * on where it was.
 */
export class ChangeStream<Tables = AnyTables>
  implements AsyncIterable<StreamEvent<Tables>>, AsyncDisposable {
  readonly #settings: ReplicateSettings;
  readonly #inbox: Inbox<StreamEvent>;
  readonly #stopper = new AbortController();
  readonly #side: SideConnection;
  readonly #source: Source;
  #runner: Runner | undefined;
  #isStarted = false;
  #isStopping = false;
  #state: StreamState | undefined;
  #closing: Promise<void> | undefined;
  readonly #trace: ReplicationTrace;
  #resolveClosed: () => void = () => {};

  /** A promise that resolves when the stream has ended for any reason. Never rejects. */
  readonly closed: Promise<void>;

  /** For the driver: use `replicate()`. */
  constructor(dsn: string | Url | undefined, options: ReplicateOptions) {
    const settings = this.#settings = replicateSettings(dsn, options);
    this.#inbox = new Inbox(settings.windowBytes, settings.isAutomatic);
    this.#trace = new ReplicationTrace(settings.slot.name, this.#inbox);
    this.#side = new SideConnection((signal) =>
      openOrdinary(settings.dsn, settings.connection, signal)
    );
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
    // The readers see this object and not the stream, whose interface is for users.
    const stream = (): boolean => this.#isStopping;
    this.#source = {
      inbox: this.#inbox,
      get isStopping() {
        return stream();
      },
      close: () => this.close(),
    };
  }

  /** The state; `undefined` before the stream is read. `onState` gets each change. */
  get state(): StreamState | undefined {
    return this.#state;
  }

  /** The positions. */
  get position(): StreamPosition {
    const { received, delivered, confirmed } = this.#inbox.positions;
    return {
      received: new Lsn(received),
      delivered: new Lsn(delivered),
      confirmed: new Lsn(confirmed),
    };
  }

  /**
   * Iterates the changes. A transaction is confirmed when the change behind it is requested.
   *
   * @throws {InterfaceError} the stream is read already.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<StreamEvent<Tables>, undefined> {
    this.#begin(false);
    return new ChangeIterator(this.#source) as unknown as AsyncIterableIterator<
      StreamEvent<Tables>,
      undefined
    >;
  }

  /**
   * Iterates the transactions. Each is confirmed when the next one is requested; changes that the loop has
   * not read are skipped.
   *
   * @throws {InterfaceError} the stream is read already.
   */
  transactions(): AsyncIterableIterator<Transaction<Tables>, undefined> {
    this.#begin(true);
    return new TransactionIterator(this.#source) as AsyncIterableIterator<
      Transaction<Tables>,
      undefined
    >;
  }

  /**
   * Iterates batches of changes, each of whole transactions. A batch is confirmed when the next one is
   * requested.
   *
   * @throws {InterfaceError} the stream is read already, or an option is wrong.
   */
  batches(options: BatchOptions = {}): AsyncIterableIterator<Batch<Tables>, undefined> {
    const batches = new BatchIterator(this.#source, options);
    this.#begin(true);
    return batches as unknown as AsyncIterableIterator<Batch<Tables>, undefined>;
  }

  /**
   * Calls `handler` for each transaction, and confirms the longest sequence of transactions whose handlers
   * have fulfilled. Resolves when the stream is closed.
   *
   * With `concurrency`, transactions are handled at the same time and may end in another order than they
   * were committed. The first error ends the stream: handlers that run are awaited, and the promise rejects
   * with it. After `close()` a handler that reads on gets an error, which counts for nothing; the promise
   * resolves when all handlers have ended.
   *
   * @throws {InterfaceError} the stream is read already, or an option is wrong.
   */
  async run(
    handler: (transaction: Transaction<Tables>) => unknown,
    options: RunOptions = {},
  ): Promise<void> {
    FUNCTION("the argument of run()", handler);
    RUN_OPTIONS("the options of run()", options);
    this.#begin(true);
    await runHandlers(
      this.#source,
      handler as unknown as (transaction: Transaction) => unknown,
      options.concurrency ?? 1,
    );
  }

  /**
   * Confirms all transactions that were received completely and have committed, or end, at or before
   * `position`; for `confirm: "manual"`.
   *
   * @throws {PositionAheadError} the position was not received: the server would skip what precedes it.
   */
  confirm(position: Lsn): void {
    if (!(position instanceof Lsn)) throw new InterfaceError("position must be an Lsn");
    const { positions } = this.#inbox;
    if (position.value > positions.received) {
      throw new PositionAheadError(position, new Lsn(positions.received));
    }
    positions.handledUpTo(
      position.value,
      ({ start }) => start.transaction?.commitLsn?.value ?? start.commitLsn,
    );
    this.#inbox.onMoved();
  }

  /** Asks the server, over another connection, how far the stream is behind. */
  lag(): Promise<Lag> {
    return lagOf(this.#side, this.#settings.slot.name, () => this.#inbox.age());
  }

  /**
   * Closes the stream: reports what is confirmed, and closes the connections, within about a second. A
   * running loop ends without an error when it asks for more. Never rejects.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close(undefined);
  }

  /** `await using` closes. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(_: undefined): Promise<void> {
    const { error } = this.#inbox;
    this.#inbox.close();
    await this.#runner?.stop();
    this.#side.destroy(new InterfaceError("the change stream was closed"));
    this.#settings.signal?.removeEventListener("abort", this.#stop);
    this.#trace.tell("end", error === undefined ? {} : { error });
    this.#changed({ state: "closed", error });
    this.#resolveClosed();
  }

  /** Starts the connections. `isWhole`: the reader wants whole transactions. */
  #begin(isWhole: boolean): void {
    if (this.#isStarted) throw new InterfaceError("the change stream is read already");
    this.#isStarted = true;
    const { signal } = this.#settings;
    if (signal?.aborted) this.#isStopping = true;
    if (this.#isStopping || this.#closing !== undefined) return this.#inbox.close();
    signal?.addEventListener("abort", this.#stop);
    void this.#start(isWhole).catch((error) => this.#inbox.fail(error));
  }

  async #start(isWhole: boolean): Promise<void> {
    const settings = this.#settings;
    const inbox = this.#inbox;
    const runtime = await runtimeOf(settings.connection);
    this.#trace.introduce(runtime.channel);
    const plugin = settings.plugin ?? pgoutput();
    const types = new SideTypes(settings.connection.types, () => this.#side.core());
    const { publications, binary, streaming, messages, origin, slot } = settings;
    const decoder = plugin.decoder({
      types,
      rows: settings.connection.rows ?? "object",
      options: { publications, binary, streaming, messages, origin, twoPhase: slot.twoPhase },
      onUnknownType: settings.onUnknownType,
    });
    const intake = new Intake(inbox, isWhole ? settings.streamedBytes : undefined);
    const parts: Parts = { settings, inbox, intake, signal: this.#stopper.signal };
    if (this.#closing !== undefined) return;
    this.#runner = new Runner(
      { ...parts, stopper: this.#stopper, side: this.#side, types, plugin, decoder },
      this.#trace,
      (state) => this.#changed(state),
    );
    this.#runner.start();
  }

  readonly #stop = (): void => {
    this.#isStopping = true;
    this.#inbox.wakeReader();
  };

  #changed(state: StreamState): void {
    this.#state = state;
    try {
      this.#settings.onState?.(state);
    } catch { /* the stream goes on, whatever an observer does */ }
  }
}

const RUN_OPTIONS = record({ concurrency: whole(1) });
