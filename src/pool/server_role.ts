/**
 * Whether a connection goes where it is wanted. A server may be promoted or demoted, or begin to
 * refuse writes, under connections that live; PostgreSQL (14 and later) reports it with its next
 * answer. Source: manual, "Hot Standby", `in_hot_standby`, `default_transaction_read_only`.
 */
import type { Settings } from "../config/settings.ts";
import type { ConnectionCore, Watcher } from "../connection_core.ts";

/** The kind of server that is asked for: `targetSessionAttrs`. */
export type Role = Settings["targetSessionAttrs"];

/** By how they read and write. */
const READING: ReadonlySet<Role> = new Set(["read-only", "standby", "prefer-standby"]);
const BY_WRITING: ReadonlySet<Role> = new Set(["read-write", "read-only"]);

/** It shuts down, has crashed, or is starting: a pooler may say so and go on. */
const GOING: ReadonlySet<string> = new Set(["57P01", "57P02", "57P03"]);

/** One connection's. */
export class Placement implements Watcher {
  /** It is to be closed as soon as nobody uses it, and another one to be opened. */
  misplaced = false;
  readonly #reported: ReadonlyMap<string, string>;
  readonly #role: Role;
  readonly #isOwnDoing: () => boolean;
  readonly #standby: string | undefined;
  readonly #readOnly: string | undefined;
  #isRefused = false;

  /** `isOwnDoing` tells whether its user has changed settings himself. */
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

  /** Nobody has asked for reading only, and the server has begun to, or does not tell. */
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

/** Where to listen: a standby notifies nobody, so at the primary. */
export function listeningRole(asked: Role): Role {
  return asked === "read-write" ? asked : "primary";
}
