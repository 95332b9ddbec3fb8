import { InterfaceError } from "../errors/errors.ts";

/** High half, slash, low half. The manual writes the low half with and without leading zeros. */
const TEXT = /^([0-9a-f]{1,8})\/([0-9a-f]{1,8})$/i;

const LOW_HALF = 0xffff_ffffn;
const GREATEST = (1n << 64n) - 1n;

/**
 * A log sequence number: a position in the write-ahead log, as PostgreSQL's type `pg_lsn` has it.
 *
 * Positions are compared as numbers, because their texts have no leading zeros.
 *
 * @example
 * ```ts
 * import { Lsn } from "@cornac/pg/replication";
 *
 * const before = Lsn.parse("0/FFFFFFFF");
 * const after = Lsn.parse("1/0");
 * before.compare(after); // → -1
 * String(after); // → "1/0"
 * ```
 */
export class Lsn {
  static {
    // Deno, Bun and Node all call this to inspect an object.
    Object.defineProperty(this.prototype, Symbol.for("nodejs.util.inspect.custom"), {
      value(this: Lsn): string {
        return `Lsn ${this}`;
      },
    });
  }

  /** `0/0`, the position before all others; the protocol means "none" by it. */
  static readonly zero: Lsn = new Lsn(0n);

  /** The position as a number of bytes, from 0 to 2^64 - 1. */
  readonly value: bigint;

  /**
   * Creates a position from a number of bytes.
   *
   * @throws {InterfaceError} the number is negative or has more than 64 bits.
   */
  constructor(value: bigint) {
    if (typeof value !== "bigint" || value < 0n || value > GREATEST) {
      throw new InterfaceError("an LSN is a bigint from 0 to 2^64 - 1");
    }
    this.value = value;
  }

  /**
   * Reads the text of a position: `16/B374D848`. Case and leading zeros do not matter.
   *
   * @throws {InterfaceError} the text is not a position.
   */
  static parse(text: string): Lsn {
    const found = TEXT.exec(text);
    if (found === null) {
      throw new InterfaceError(
        `an LSN is written as two hexadecimal halves, such as "16/B374D848"`,
      );
    }
    return new Lsn(BigInt(`0x${found[1]}`) << 32n | BigInt(`0x${found[2]}`));
  }

  /** Returns -1, 0 or 1 if this position is before, at or behind `other`. */
  compare(other: Lsn): -1 | 0 | 1 {
    if (this.value === other.value) return 0;
    return this.value < other.value ? -1 : 1;
  }

  /** Returns the text of the position as the server writes it: `"16/B374D848"`. */
  toString(): string {
    return `${(this.value >> 32n).toString(16)}/${(this.value & LOW_HALF).toString(16)}`
      .toUpperCase();
  }

  /** Returns the text of the position, because JSON has no bigint. */
  toJSON(): string {
    return this.toString();
  }
}
