/**
 * Whether a connection still leads to a server of the wanted kind. A server may be promoted,
 * demoted or made read-only while connections are open; PostgreSQL 14 and later report it with the
 * next answer. Source: manual, "Hot Standby", `in_hot_standby`, `default_transaction_read_only`.
 */
import type { Settings } from "../config/settings.ts";
import type { ConnectionCore, Watcher } from "../connection_core.ts";

/** The kind of server that `targetSessionAttrs` asks for. */
export type Role = Settings["targetSessionAttrs"];

/** The kinds that are chosen for reading. */
const READING: ReadonlySet<Role> = new Set(["read-only", "standby", "prefer-standby"]);
const BY_WRITING: ReadonlySet<Role> = new Set(["read-write", "read-only"]);

/**
 * The codes of a server that shuts down, has crashed or is starting. A pooler may pass one on and
 * keep the connection.
 */
const GOING: ReadonlySet<string> = new Set(["57P01", "57P02", "57P03"]);

/** The role of the server of one connection. */
export class ServerRole implements Watcher {
  /** Whether the connection must be replaced once it is idle. */
  misplaced = false;
  readonly #reported: ReadonlyMap<string, string>;
  readonly #role: Role;
  readonly #isOwnDoing: () => boolean;
  readonly #standby: string | undefined;
  readonly #readOnly: string | undefined;
  #isRefused = false;

  /** `isOwnDoing` returns whether the borrower has changed settings. */
  constructor({ session, watchers }: ConnectionCore, role: Role, isOwnDoing: () => boolean) {
    this.#reported = session.parameterStatuses;
    this.#role = role;
    this.#isOwnDoing = isOwnDoing;
    this.#standby = this.#reported.get("in_hot_standby");
    this.#readOnly = this.#reported.get("default_transaction_read_only");
    watchers.add(this);
  }

  reported(): void {
    this.#judge();
  }

  refused(code: string): void {
    if (GOING.has(code) || code === "25006" && this.#shouldWrite) this.#isRefused = true;
    this.#judge();
  }

  /**
   * Whether writes should succeed: reading was not asked for, and the server has begun to refuse
   * writes or does not report its role.
   */
  get #shouldWrite(): boolean {
    if (READING.has(this.#role) || this.#isOwnDoing()) return false;
    return this.#reported.get("in_hot_standby") !== "off" || this.#isReadOnlyNow;
  }

  get #isReadOnlyNow(): boolean {
    return this.#reported.get("default_transaction_read_only") !== this.#readOnly;
  }

  #judge(): void {
    this.misplaced = this.#isRefused ||
      this.#reported.get("in_hot_standby") !== this.#standby ||
      BY_WRITING.has(this.#role) && this.#isReadOnlyNow;
  }
}

/** Returns the kind of server for LISTEN: the primary, because a standby sends no notifications. */
export function listeningRole(asked: Role): Role {
  return asked === "read-write" ? asked : "primary";
}
