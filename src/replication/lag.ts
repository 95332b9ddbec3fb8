import { SlotLostError } from "./errors.ts";
import type { SideConnection } from "./side_connection.ts";
import type { SlotInfo } from "./slot_info.ts";
import { slots } from "./slots.ts";

/** The distance between a change stream and its server. */
export interface Lag {
  /** The bytes of WAL between the slot's confirmed position and the end of the server's WAL. */
  readonly bytes: bigint;
  /**
   * The age of the oldest transaction that was received and is not confirmed, by the server's clock.
   * `undefined` if there is none; the server may then still have to read WAL.
   */
  readonly seconds: number | undefined;
  /** The slot: its positions, and whether it is in danger of being lost. */
  readonly slot: SlotInfo;
}

/**
 * Asks the server for the lag of a slot. `age` returns the age of the oldest unconfirmed transaction.
 *
 * @throws {SlotLostError} there is no such slot.
 */
export async function lagOf(
  side: SideConnection,
  name: string,
  age: () => number | undefined,
): Promise<Lag> {
  const slot = await slots.get(await side.connection(), name);
  if (slot === undefined) throw new SlotLostError(name, "missing");
  return { bytes: slot.behind, seconds: age(), slot };
}
