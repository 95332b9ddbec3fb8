/** Times of the replication protocol: microseconds since 2000-01-01 00:00:00 UTC. */

/** Milliseconds from 1970 to 2000. */
const EPOCH = 946_684_800_000;

/** Returns the present time. */
export function clock(): bigint {
  return BigInt(Date.now() - EPOCH) * 1000n;
}

/** Returns a time of the protocol as a date, which has only milliseconds. */
export function dateOf(at: bigint): Date {
  return new Date(Number(at / 1000n) + EPOCH);
}
