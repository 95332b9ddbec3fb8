/**
 * The subscriptions of a pool, on one session that is replaced when it is lost. listener_state.ts
 * has its states.
 */
import { InterfaceError, type PoolTimeoutError } from "../errors/errors.ts";
import { checkOptions, type Checks, seconds } from "../errors/checks.ts";
import { own } from "../errors/own.ts";
import { LISTEN_OPTIONS, type ListenOptions, Subscription } from "../features/listen.ts";
import { checkChannel } from "../features/notify.ts";
import type { Notification } from "../protocol/backend.ts";
import type { Signal } from "../runtime/runtime.ts";
import { after } from "../session/alarm.ts";
import { unlessAborted } from "../session/deadline.ts";
import { ListenConnection } from "./listen_connection.ts";
import { type ListenerEvent, type ListenerState, transition } from "./listener_state.ts";
import { isBusy, isForGood, Opener, refusedAs, timedOut } from "./opener.ts";
import type { PoolSettings } from "./options.ts";
import { refusal } from "./pool_executor.ts";
import type { Opened } from "./slot.ts";
import type { ListenerStats } from "./stats.ts";

/** A notification of a pool's subscription. */
export interface PoolNotification extends Notification {
  /** The kind of event, as opposed to a {@linkcode Gap}. */
  readonly type: "notification";
}

/**
 * A gap in the notifications: the listening session was lost and replaced. Notifications sent
 * meanwhile are lost. Those after this event are complete again.
 */
export interface Gap {
  /** The kind of event, as opposed to a notification. */
  readonly type: "gap";
  /** The subscription's channel. */
  readonly channel: string;
  /** The last sign of life of the lost session, by this machine's clock. */
  readonly since: Date;
  /** The time at which the new session listened to all channels. */
  readonly until: Date;
  /** The reason for the loss. */
  readonly cause: Error;
}

/** An event of a pool's subscription. */
export type ListenEvent = PoolNotification | Gap;

/** Options of `pool.listen()`. */
export interface PoolListenOptions extends ListenOptions {
  /** The longest wait for the subscription in seconds; 0 is no limit. Default: `acquireTimeout`. */
  readonly timeout?: number | undefined;
}

const OPTIONS: Checks = { ...LISTEN_OPTIONS, timeout: seconds };

/**
 * The seconds that a new session must last before its loss no longer counts as a failed attempt.
 */
const PROBATION = 1;

/** The subscriptions of a pool and the session that they share. */
export class Listener {
  readonly #settings: PoolSettings;
  readonly #open: (signal: Signal) => Promise<Opened>;
  readonly #opener: Opener;
  readonly #channels = new Map<string, Channel>();
  #state: ListenerState = "off";
  #line: ListenConnection | undefined;
  /** The channels of the LISTEN under way. */
  #batch: readonly Channel[] = [];
  /**
   * The attempt under way, up to the end of the probation; aborted when the last subscription ends.
   */
  #attempt: AbortController | undefined;
  /** The loss of the last live session. */
  #lost: { readonly since: number; readonly cause: Error } | undefined;
  #gaps = 0;
  /** Whether any session was live so far. */
  #wasLive = false;
  #closing: Promise<void> | undefined;
  /** The session that is being closed. */
  #closed: ListenConnection | undefined;

  constructor(settings: PoolSettings, open: (signal: Signal) => Promise<Opened>) {
    this.#settings = settings;
    this.#open = open;
    this.#opener = new Opener(settings.connectBackoff, () => this.#advance());
  }

  /** Subscribes to a channel; resolves when the server has confirmed it. */
  async listen(name: string, options: PoolListenOptions): Promise<Subscription<ListenEvent>> {
    checkChannel(name);
    checkOptions(options, OPTIONS);
    if (this.#settings.pooler === "transaction") throw refusal("listeners");
    if (this.#closing !== undefined) throw closed();
    const { signal, timeout = this.#settings.acquireTimeout } = own(options);
    signal?.throwIfAborted();
    const member = this.#join(name, options);
    const late = (): void => member.refuse(this.#late(name, timeout));
    const stop = timeout > 0 ? after(timeout * 1000, late) : undefined;
    try {
      await unlessAborted(member.joined, signal);
      return member.subscription;
    } catch (error) {
      member.subscription.end(undefined);
      throw error;
    } finally {
      stop?.();
    }
  }

  stats(): ListenerStats {
    let subscriptions = 0;
    for (const { members } of this.#channels.values()) subscriptions += members.size;
    return { state: this.#state, channels: this.#channels.size, subscriptions, gaps: this.#gaps };
  }

  /** Ends every subscription without an error, and the session within `seconds`. Never rejects. */
  close(seconds: number): Promise<void> {
    return this.#closing ??= this.#close(seconds);
  }

  /** Ends every subscription without an error, and the session, at once. */
  destroy(): void {
    void this.close(0);
    this.#closed?.giveUp(closed());
  }

  async #close(seconds: number): Promise<void> {
    const line = this.#closed = this.#stop("closed");
    this.#endAll((member) => {
      member.refuse(closed());
      member.subscription.end(undefined);
    });
    await line?.close(seconds);
  }

  #join(name: string, options: ListenOptions): Member {
    const known = this.#channels.get(name);
    const channel = known ?? { name, members: new Set<Member>(), isLive: false };
    const leave = (): Promise<void> => this.#leave(channel, member);
    const member = new Member(new Subscription<ListenEvent>(name, options, leave));
    channel.members.add(member);
    if (known === undefined) this.#add(channel);
    else if (known.isLive) member.join();
    return member;
  }

  /** Adds the channel to a live session, or to those of the next attempt. */
  #add(channel: Channel): void {
    this.#channels.set(channel.name, channel);
    if (this.#state === "live") this.#addTo(this.#line!, channel);
    else this.#advance();
  }

  #addTo(line: ListenConnection, channel: Channel): void {
    line.listen([channel.name]).then(() => {
      if (this.#line === line && this.#channels.get(channel.name) === channel) live(channel);
    }, (error) => {
      if (this.#line === line) { for (const member of channel.members) member.refuse(error); }
    });
  }

  async #leave(channel: Channel, member: Member): Promise<void> {
    const { name, members } = channel;
    if (!members.delete(member) || members.size > 0) return;
    this.#channels.delete(name);
    if (this.#channels.size > 0) return await this.#line?.unlisten(name);
    await this.#stop("unwanted")?.close(0);
  }

  /** Starts an attempt to connect if one is needed and allowed. */
  #advance(): void {
    if (this.#state === "off" && this.#channels.size > 0) this.#on("wanted");
    if (this.#state !== "away" || this.#attempt !== undefined || !this.#opener.ready) return;
    this.#on("due");
    const attempt = this.#attempt = new AbortController();
    this.#opener.attempt(() => this.#connect(attempt.signal))
      .catch((error) => this.#failed(error))
      .then(() => {
        this.#attempt = undefined;
        this.#advance();
      });
  }

  /** Opens a session, listens to all channels, and waits for the end of the probation. */
  async #connect(signal: Signal): Promise<void> {
    try {
      const line = this.#opened(await this.#open(signal), signal);
      await unlessAborted(line.listen(this.#batch.map(({ name }) => name)), signal);
      this.#confirmed(line);
      await unlessAborted(line.outlast(PROBATION), signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
  }

  #opened(opened: Opened, signal: Signal): ListenConnection {
    if (signal.aborted) opened.core.session.destroy();
    signal.throwIfAborted();
    this.#on("opened");
    const deliver = (notification: Notification): void => this.#deliver(line, notification);
    const line = this.#line = new ListenConnection(opened, this.#settings.heartbeat, deliver);
    this.#batch = [...this.#channels.values()];
    line.ended.then((reason) => this.#ended(line, reason));
    return line;
  }

  #confirmed(line: ListenConnection): void {
    if (this.#line !== line || this.#state !== "subscribing") return;
    this.#on("confirmed");
    this.#wasLive = true;
    const lost = this.#lost;
    this.#lost = undefined;
    if (lost !== undefined) this.#gaps++;
    for (const channel of this.#batch) live(channel, lost);
    // These were added while the others were on their way.
    for (const channel of this.#channels.values()) {
      if (!channel.isLive) this.#addTo(line, channel);
    }
  }

  /**
   * Delivers a notification. It may come before the answer to LISTEN is processed; the gap comes
   * first.
   */
  #deliver(line: ListenConnection, notification: Notification): void {
    this.#confirmed(line);
    const members = this.#channels.get(notification.channel)?.members ?? [];
    const event: PoolNotification = { type: "notification", ...notification };
    for (const { subscription } of members) subscription.deliver(event);
  }

  #ended(line: ListenConnection, cause: Error): void {
    if (this.#line !== line) return;
    this.#line = undefined;
    if (this.#state === "live") this.#lost = { since: line.heard, cause };
    for (const channel of this.#channels.values()) channel.isLive = false;
    this.#on("failed");
    this.#advance();
  }

  #failed(error: unknown): void {
    const line = this.#line;
    // The end of a live session was handled by its own event.
    if (this.#state !== "connecting" && this.#state !== "subscribing") return;
    this.#line = undefined;
    line?.giveUp(error as Error);
    const { waitForServer } = this.#settings;
    const isPatient = waitForServer === true || waitForServer === false && isBusy(error);
    const isHasty = !this.#wasLive && !isPatient;
    if (!isForGood(error) && !isHasty) return this.#on("failed");
    this.#on("refused");
    this.#endAll((member) => {
      const refusal = refusedAs(error);
      member.refuse(refusal);
      member.subscription.end(refusal);
    });
  }

  /** Aborts the attempt, and returns the session to close. */
  #stop(event: "unwanted" | "closed"): ListenConnection | undefined {
    const line = this.#line;
    this.#line = this.#lost = undefined;
    this.#on(event);
    this.#attempt?.abort();
    this.#opener.stop();
    return line;
  }

  #endAll(end: (member: Member) => void): void {
    const channels = [...this.#channels.values()];
    this.#channels.clear();
    for (const { members } of channels) {
      const all = [...members];
      members.clear();
      all.forEach(end);
    }
    this.#lost = undefined;
  }

  #on(event: ListenerEvent): void {
    this.#state = transition(this.#state, event);
  }

  #late(name: string, seconds: number): PoolTimeoutError {
    const message = `the pool could not listen to "${name}" within ${seconds} s (acquireTimeout)`;
    return timedOut(message, this.#opener.lastError, false);
  }
}

/** A channel with subscriptions. */
interface Channel {
  readonly name: string;
  readonly members: Set<Member>;
  /** Whether the server has confirmed it for the present session. */
  isLive: boolean;
}

/** A subscription and the call that waits for it. */
class Member {
  readonly subscription: Subscription<ListenEvent>;
  /** Resolves when the channel is live for the first time. */
  readonly joined: Promise<void>;
  #isJoined = false;
  #join!: () => void;
  #refuse!: (reason: unknown) => void;

  constructor(subscription: Subscription<ListenEvent>) {
    this.subscription = subscription;
    this.joined = new Promise((resolve, reject) => {
      this.#join = resolve;
      this.#refuse = reject;
    });
  }

  /** Records that the channel is live, after a loss or for the first time. */
  join(lost?: { readonly since: number; readonly cause: Error }): void {
    if (this.#isJoined && lost !== undefined) this.#tell(lost.since, lost.cause);
    this.#isJoined = true;
    this.#join();
  }

  /** Rejects the call if it still waits. */
  refuse(reason: unknown): void {
    this.#refuse(reason);
  }

  /** Delivers a gap. A gap that was not read yet is extended to cover the later loss. */
  #tell(since: number, cause: Error): void {
    const { subscription } = this;
    const unread = subscription.pinned as Gap | undefined;
    subscription.pin({
      type: "gap",
      channel: subscription.channel,
      since: unread?.since ?? new Date(since),
      until: new Date(),
      cause,
    });
  }
}

function live(channel: Channel, lost?: { readonly since: number; readonly cause: Error }): void {
  channel.isLive = true;
  for (const member of channel.members) member.join(lost);
}

function closed(): InterfaceError {
  return new InterfaceError("the pool is closed", { code: "08003" });
}
