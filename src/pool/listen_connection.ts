import { OperationalError } from "../errors/errors.ts";
import { Connection } from "../connection.ts";
import * as lateSql from "../features/late_sql.ts";
import type { Notification } from "../protocol/backend.ts";
import { quoteIdentifier } from "../query/quote.ts";
import { after } from "../session/alarm.ts";
import type { Session } from "../session/session.ts";
import { CHECK_TIME, inTime } from "./cleaning.ts";
import { ServerRole } from "./server_role.ts";
import type { Opened } from "./slot.ts";

/** One session that the pool listens on. */
export class ListenConnection {
  /** Resolves with the reason when the session ends. */
  readonly ended: Promise<Error>;
  /** The last sign of life, in milliseconds since 1970. */
  heard: number = Date.now();
  readonly #session: Session;
  readonly #connection: Connection;
  readonly #serverRole: ServerRole;
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  /** The reason for which the pool has given the session up. */
  #reason: Error | undefined;

  /** `heartbeat` is the interval of the checks in seconds; 0: none. */
  constructor({ core, role }: Opened, heartbeat: number, deliver: (one: Notification) => void) {
    this.#session = core.session;
    this.#connection = new Connection(core);
    this.#serverRole = new ServerRole(core, role, () => false);
    core.notified.add((notification) => {
      this.heard = Date.now();
      deliver(notification);
    });
    if (heartbeat > 0) {
      const due = Math.min(heartbeat, CHECK_TIME);
      this.#heartbeat = setInterval(() => this.#check(due), heartbeat * 1000);
    }
    this.ended = core.session.ended.then((reason) => {
      clearInterval(this.#heartbeat);
      return this.#reason ?? reason ?? new OperationalError("connection closed");
    });
  }

  /**
   * Listens to all channels, or to none when it fails, because the statements of a simple query are
   * one transaction. Source: manual, "Multiple Statements in a Simple Query".
   */
  listen(channels: readonly string[]): Promise<void> {
    return this.#run(channels.map((name) => lateSql.listen(quoteIdentifier(name))).join("; "));
  }

  /** Stops listening to a channel. Never rejects; a failure ends the session. */
  async unlisten(channel: string): Promise<void> {
    await this.#run(lateSql.unlisten(quoteIdentifier(channel))).catch((error) =>
      this.giveUp(error)
    );
  }

  /** Resolves after `seconds`; rejects when the session ends before. */
  async outlast(seconds: number): Promise<void> {
    let clock: ReturnType<typeof setTimeout>;
    const over = new Promise<undefined>((resolve) => {
      clock = setTimeout(() => resolve(undefined), seconds * 1000);
    });
    const reason = await Promise.race([over, this.ended]);
    clearTimeout(clock!);
    if (reason !== undefined) throw reason;
  }

  /** Ends the session at once. */
  giveUp(reason: Error): void {
    this.#reason ??= reason;
    this.#session.destroy(reason);
  }

  /** Closes the session within `seconds` (0: no limit but `closeTimeout`). Never rejects. */
  async close(seconds: number): Promise<void> {
    clearInterval(this.#heartbeat);
    await inTime(this.#session, seconds, () => this.#session.close()).catch(() => {});
  }

  /** Sends an empty query. The answer also shows whether the server has changed its role. */
  #check(due: number): void {
    this.#run("", due).then(() => {
      if (this.#serverRole.misplaced) this.giveUp(new OperationalError(MISPLACED));
    }, (error) => this.giveUp(error));
  }

  async #run(text: string, seconds = CHECK_TIME): Promise<void> {
    const late = `the connection that listens did not answer within ${seconds} s`;
    const silent = (): void => this.giveUp(new OperationalError(late, { code: "08006" }));
    const stop = after(seconds * 1000, silent);
    try {
      await this.#connection.query(text).simple().all();
      this.heard = Date.now();
    } catch (error) {
      // A lost session refuses requests; the reason is how it was lost.
      throw this.#session.closed ? await this.ended : error;
    } finally {
      stop();
    }
  }
}

const MISPLACED =
  "the server that was listened to is not what targetSessionAttrs asks for any more";
