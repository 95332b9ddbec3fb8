/**
 * The life of a change stream: connections follow one another until the stream is closed or fails. A
 * connection is checked before it streams, so that nothing is skipped in silence.
 */
import { OperationalError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import { after } from "../session/alarm.ts";
import { DifferentSystemError, PositionAheadError, SlotLostError } from "./errors.ts";
import { Lsn } from "./lsn.ts";
import type { LogicalDecoder, LogicalPlugin } from "./plugin.ts";
import { publications } from "./publications.ts";
import { Backoff, consequenceOf } from "./reconnect.ts";
import type { ReplicationTrace } from "./replication_trace.ts";
import { createSlot, ensurePublications } from "./setup.ts";
import { openOrdinary, type SideConnection } from "./side_connection.ts";
import { checkSlot, lossOf } from "./slot_facts.ts";
import { slots } from "./slots.ts";
import { copyTables } from "./snapshot.ts";
import type { StreamState } from "./state.ts";
import { TextNeededError } from "./row_decoder.ts";
import type { SideTypes } from "./stream_types.ts";
import { type Parts, Walsender } from "./walsender.ts";

/** Seconds between two looks for a missing publication. */
const LOOK_AGAIN = 1;

/** Milliseconds of streaming after which a lost connection is no failure of the attempt to have one. */
const LASTING = 1000;

/** Seconds for which a busy slot is waited for, besides the server's patience with a broken connection. */
const BUSY = 5;

/** The things that a runner is made of. */
export interface Running extends Parts {
  /** Aborts `signal`. */
  readonly stopper: AbortController;
  readonly side: SideConnection;
  readonly types: SideTypes;
  readonly plugin: LogicalPlugin;
  readonly decoder: LogicalDecoder;
}

/** Runs the connections of one stream. */
export class Runner {
  readonly #parts: Running;
  readonly #trace: ReplicationTrace;
  readonly #onState: (state: StreamState) => void;
  readonly #backoff: Backoff;
  #walsender: Walsender | undefined;
  #isClosing = false;
  #systemId: string | undefined;
  /** Whether a connection has streamed: the options are right, and an unreachable server is away. */
  #hasStreamed = false;
  /** Whether a connection has streamed from the slot, so that a missing slot is a lost one. */
  #isEstablished = false;
  /** Whether gaps before a publication was created are accepted (`onMissingPublication: "wait"`). */
  #toleratesGaps = false;
  /** Whether values come as text, because a codec reads nothing else. */
  #needsText = false;
  /** The moment at which the slot was first found busy. */
  #busySince: number | undefined;
  /** `wal_sender_timeout` of the server, in seconds. */
  #patience = 0;
  /** When, and from which position, the connection began to stream. */
  #since: { readonly time: number; readonly from: bigint } | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(parts: Running, trace: ReplicationTrace, onState: (state: StreamState) => void) {
    this.#parts = parts;
    this.#trace = trace;
    this.#onState = onState;
    this.#backoff = new Backoff(parts.settings.reconnect.maxDelay);
  }

  /** Begins. The inbox gets the error with which the stream ends. */
  start(): void {
    this.#ended = this.#run().catch((error) => this.#parts.inbox.fail(error));
  }

  /** Ends the stream; resolves when its connections are closed. Never rejects. */
  async stop(): Promise<void> {
    const reason = new OperationalError("the change stream was closed");
    this.#isClosing = true;
    // The signal would cancel the stream before the server has read the last status.
    if (this.#walsender?.isStreaming) await this.#walsender.close();
    this.#parts.stopper.abort(reason);
    this.#parts.side.destroy(reason);
    await this.#ended;
  }

  get #isStopped(): boolean {
    return this.#isClosing;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      try {
        const reason = await this.#stream();
        if (this.#isStopped) return;
        throw reason;
      } catch (error) {
        await this.#leave(error);
        if (this.#isStopped) return;
        await this.#recover(error).catch((later) => this.#recoverAgain(error, later));
      }
    }
  }

  /** Opens a connection and streams over it; resolves to the reason why that has ended. */
  async #stream(): Promise<Error> {
    const { settings } = this.#parts;
    this.#onState({ state: "connecting" });
    const walsender = this.#walsender = await Walsender.open(this.#parts);
    const { systemId } = walsender.identity;
    this.#patience = walsender.timeout;
    const expected = this.#systemId ??= systemId;
    if (systemId !== expected) throw new DifferentSystemError(expected, systemId);
    await ensurePublications(this.#parts.side, settings);
    const streaming = await this.#withSlot(walsender);
    // The slot may have been created behind the position that the connection began with.
    const { position } = await streaming.connection.identifySystem();
    const from = this.#startAt(position);
    await streaming.start(settings.slot.name, {
      from,
      options: await this.#startOptions(streaming),
      decoder: this.#parts.decoder,
      toleratesGaps: this.#toleratesGaps,
      onStatus: () => this.#trace.tell("status"),
    });
    this.#started(from, position);
    return await streaming.ended();
  }

  /** Makes sure that the slot exists and is usable; returns the connection to stream over. */
  async #withSlot(walsender: Walsender): Promise<Walsender> {
    const { slot, plugin } = { ...this.#parts.settings, plugin: this.#parts.plugin.name };
    const found = await slots.get(await this.#parts.side.connection(), slot.name);
    if (found !== undefined) {
      const { database } = walsender.identity;
      this.#parts.inbox.positions.begin(checkSlot(found, plugin, database));
      return walsender;
    }
    if (this.#isEstablished || !slot.create) throw new SlotLostError(slot.name, "missing");
    if (this.#parts.settings.snapshot !== undefined) return await this.#copy(walsender);
    const { temporary, failover, twoPhase } = slot;
    const options = { plugin, temporary, failover, twoPhase };
    const { consistentPoint } = await this.#create(walsender, options);
    this.#parts.inbox.positions.begin(consistentPoint.value);
    return walsender;
  }

  #create(
    walsender: Walsender,
    options: Parameters<typeof createSlot>[3],
  ): ReturnType<typeof createSlot> {
    const { settings, signal } = this.#parts;
    return createSlot(
      walsender,
      this.#parts.side,
      settings.slot.name,
      options,
      signal,
      this.#onState,
    );
  }

  /** Copies the tables, and returns a new connection: the one before keeps the temporary slot. */
  async #copy(walsender: Walsender): Promise<Walsender> {
    const { settings, signal, inbox } = this.#parts;
    const position = await copyTables({
      ...this.#parts,
      side: this.#parts.side,
      walsender,
      plugin: this.#parts.plugin.name,
      open: () => openOrdinary(settings.dsn, settings.connection, signal),
      onState: this.#onState,
    }, settings.snapshot!);
    inbox.positions.begin(position.value);
    await walsender.close();
    return this.#walsender = await Walsender.open(this.#parts);
  }

  /**
   * Returns the position to start from: all before it was received, or the receiver has stored it.
   *
   * @throws {PositionAheadError} the server has not come so far: after a failover it lacks changes.
   */
  #startAt(server: Lsn): bigint {
    const { settings: { from }, inbox: { positions } } = this.#parts;
    const given = from?.value ?? 0n;
    const position = given > positions.resumeAt ? given : positions.resumeAt;
    if (position > server.value) throw new PositionAheadError(new Lsn(position), server);
    return position;
  }

  async #startOptions({ connection }: Walsender): Promise<Record<string, string>> {
    const { settings, types, plugin } = this.#parts;
    const { publications, streaming, messages, origin, slot } = settings;
    const version = Number(await connection.show("server_version_num"));
    const isText = this.#needsText || !await types.readsBinary(publications);
    return plugin.startOptions(version, {
      ...{ publications, streaming, messages, origin },
      binary: settings.binary ?? (isText ? false : undefined),
      twoPhase: slot.twoPhase,
    });
  }

  #started(from: bigint, to: Lsn): void {
    this.#isEstablished = this.#hasStreamed = true;
    this.#busySince = undefined;
    this.#backoff.succeeded();
    this.#since = { time: performance.now(), from };
    this.#trace.tell("start");
    const { inbox } = this.#parts;
    if (from >= to.value) return this.#onState({ state: "streaming" });
    this.#onState({ state: "catchup", from: new Lsn(from), to });
    inbox.whenReceived(to.value, () => this.#onState({ state: "streaming" }));
  }

  /** Closes what a failed connection has left. */
  async #leave(error: unknown): Promise<void> {
    this.#parts.intake.interrupted();
    this.#parts.decoder.reset();
    const walsender = this.#walsender;
    this.#walsender = undefined;
    this.#look();
    if (this.#isStopped) await walsender?.close();
    else walsender?.destroy(error);
  }

  /** Has the pauses grow while a server accepts streams and ends them at once. */
  #look(): void {
    const since = this.#since;
    this.#since = undefined;
    if (since === undefined) return;
    if (this.#parts.inbox.positions.resumeAt > since.from) this.#backoff.advanced();
    else if (performance.now() - since.time > LASTING) this.#backoff.lasted();
  }

  /** Waits as the failure demands. @throws the failure, if the stream ends with it. */
  async #recover(error: unknown): Promise<void> {
    const { settings } = this.#parts;
    if (TextNeededError.isBehind(error) && settings.binary === undefined && !this.#needsText) {
      this.#needsText = true;
      return;
    }
    switch (consequenceOf(error, this.#hasStreamed)) {
      case "fatal":
        throw error;
      case "lost":
        if (settings.onSlotLost === "error") throw error;
        return await this.#replaceSlot(error as SlotLostError);
      case "publication":
        if (settings.onMissingPublication === "error") throw error;
        return await this.#awaitPublications();
      case "busy":
        return await this.#awaitSlot(error);
      case "fault":
        if (!this.#backoff.allowsFault()) throw error;
        return await this.#pauseBeforeRetry(error);
      case "retry":
        return await this.#pauseBeforeRetry(error);
    }
  }

  /** The server may be away while the publications or the slot are looked at. */
  async #recoverAgain(error: unknown, later: unknown): Promise<void> {
    if (this.#isStopped) return;
    if (later === error || consequenceOf(later, this.#hasStreamed) !== "retry") throw later;
    await this.#pauseBeforeRetry(later);
  }

  async #pauseBeforeRetry(error: unknown): Promise<void> {
    if (this.#backoff.attempts >= this.#parts.settings.reconnect.attempts) throw error;
    const delay = this.#backoff.next();
    this.#trace.reconnects++;
    this.#trace.tell("reconnect", { error, delay });
    this.#onState({ state: "reconnecting", error, delay });
    await this.#pause(delay);
  }

  /** A connection of this stream's own may still be alive for the server, for as long as its patience. */
  async #awaitSlot(error: unknown): Promise<void> {
    const { pid } = error as { readonly pid: number };
    const now = performance.now();
    this.#busySince ??= now;
    const patience = (this.#patience || 60) + BUSY;
    if (now - this.#busySince > patience * 1000) throw error;
    this.#onState({ state: "waiting", for: "slot", pids: [pid] });
    await this.#pause(Math.min(1, this.#backoff.next()));
  }

  async #awaitPublications(): Promise<void> {
    const wanted = this.#parts.settings.publications;
    this.#toleratesGaps = true;
    for (;;) {
      const names = await publications.missing(await this.#parts.side.connection(), wanted);
      if (names.length === 0) return;
      this.#onState({ state: "waiting", for: "publications", names });
      await this.#pause(LOOK_AGAIN);
      if (this.#isStopped) return;
    }
  }

  /** Drops an invalidated slot; the next connection copies the tables again. */
  async #replaceSlot(error: SlotLostError): Promise<void> {
    const { name } = this.#parts.settings.slot;
    this.#parts.inbox.cutOff(error);
    this.#isEstablished = false;
    const db = await this.#parts.side.connection();
    const slot = await slots.get(db, name);
    if (slot !== undefined && lossOf(slot) !== undefined) await slots.drop(db, name);
  }

  /** Waits, unless the stream is closed. */
  #pause(seconds: number): Promise<void> {
    const { signal } = this.#parts.stopper;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const end = (): void => {
        cancel();
        signal.removeEventListener("abort", end);
        resolve();
      };
      const cancel = after(seconds * 1000, end);
      signal.addEventListener("abort", end, own({ once: true }));
    });
  }
}
