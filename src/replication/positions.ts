/**
 * The positions of a change stream: what was received, handed over and confirmed. No I/O.
 *
 * The rules, with the numbers of the tests in `docs/replication.md` that hold them:
 *
 * - Only the end of a unit is confirmed, never its commit position: that would repeat it.
 * - The confirmed position is the end of the longest prefix of handled units.
 * - When no unit is unhandled, the position of the latest keepalive is confirmed, so that the server may
 *   remove WAL that does not concern the stream, and can shut down. Source: walsender.c, `WalSndDone`.
 * - A position beyond what was received is never reported: the server would believe it and skip what
 *   commits before it. Source: walsender.c, `ProcessStandbyReplyMessage`.
 */

/** A unit as far as positions go: a transaction, a message, a part of the snapshot. */
export interface Positioned {
  /** The position up to which WAL is handled with this unit; 0 before the end came, or if it has none. */
  readonly endLsn: bigint;
  /** Whether all of the unit was received. */
  readonly isComplete: boolean;
  /** Whether the unit was handled. Set here only. */
  isHandled: boolean;
}

/** The positions and the units that are not confirmed yet. */
export class Positions<U extends Positioned = Positioned> {
  /** The highest position that the server has sent everything before. */
  received = 0n;
  /** The end of the last unit that was handed over completely. */
  delivered = 0n;
  /** The position up to which everything is handled. */
  confirmed = 0n;
  /** The position of the latest keepalive; what commits before it was received. */
  #keepalive = 0n;
  #units: U[] = [];
  #first = 0;

  /** The number of units that are not confirmed. */
  get pending(): number {
    return this.#units.length - this.#first;
  }

  /** The first unit that is not confirmed. */
  get oldest(): U | undefined {
    return this.#units[this.#first];
  }

  /** The last unit that is not confirmed. */
  get latest(): U | undefined {
    return this.pending === 0 ? undefined : this.#units[this.#units.length - 1];
  }

  /** Sets the positions with which a stream begins. They never move backwards. */
  begin(position: bigint): void {
    if (position > this.confirmed) this.confirmed = position;
    if (position > this.received) this.received = position;
    if (position > this.delivered) this.delivered = position;
  }

  /** Adds a unit whose first message has come. */
  opened(unit: U): void {
    this.#units.push(unit);
  }

  /** Notes that the last message of a unit has come. */
  completed(unit: U): void {
    if (unit.endLsn > this.received) this.received = unit.endLsn;
    if (unit.isHandled) this.#advance();
  }

  /** Notes that a unit was handed over completely. */
  handedOver(unit: U): void {
    if (unit.endLsn > this.delivered) this.delivered = unit.endLsn;
  }

  /** Notes that a unit is handled. An incomplete unit counts once it is complete. */
  handled(unit: U): void {
    unit.isHandled = true;
    if (unit.isComplete) this.#advance();
  }

  /**
   * Handles all complete units that end, or have committed, at or before `position`. A commit may begin
   * exactly where the one before ends: such a position is the end of the one before.
   */
  handledUpTo(position: bigint, commitOf: (unit: U) => bigint): void {
    let isEnd = position === this.confirmed;
    for (let i = this.#first; i < this.#units.length; i++) {
      const unit = this.#units[i]!;
      if (!unit.isComplete) continue;
      isEnd ||= unit.endLsn === position;
      const commit = commitOf(unit);
      if (commit < position || (commit === position && !isEnd)) unit.isHandled = true;
      if (unit.endLsn === position) unit.isHandled = true;
    }
    this.#advance();
  }

  /** Notes a keepalive. */
  keepalive(position: bigint): void {
    if (position > this.received) this.received = position;
    if (position > this.#keepalive) this.#keepalive = position;
    this.#idle();
  }

  /** Forgets a unit that will not be completed. */
  dropped(unit: U): void {
    const at = this.#units.indexOf(unit, this.#first);
    if (at >= 0) this.#units.splice(at, 1);
    this.#advance();
  }

  /** The position from which the server is to send after a reconnect: all before it was received. */
  get resumeAt(): bigint {
    let position = this.confirmed;
    for (let i = this.#first; i < this.#units.length; i++) {
      const { endLsn, isComplete } = this.#units[i]!;
      if (isComplete && endLsn > position) position = endLsn;
    }
    return position;
  }

  #advance(): void {
    while (this.#first < this.#units.length) {
      const unit = this.#units[this.#first]!;
      if (!unit.isHandled || !unit.isComplete) break;
      if (unit.endLsn > this.confirmed) this.confirmed = unit.endLsn;
      this.#first++;
    }
    if (this.#first === this.#units.length) {
      this.#units.length = this.#first = 0;
      this.#idle();
    } else if (this.#first >= 64 && this.#first * 2 > this.#units.length) {
      this.#units.splice(0, this.#first);
      this.#first = 0;
    }
  }

  #idle(): void {
    if (this.pending === 0 && this.#keepalive > this.confirmed) this.confirmed = this.#keepalive;
  }
}
