/** The publications and the slot of a change stream: they are checked and created. */
import type { LogicalSlotOptions } from "./commands.ts";
import { PublicationMissingError } from "./errors.ts";
import type { ReplicateSettings } from "./options.ts";
import { publications } from "./publications.ts";
import { BLOCKERS } from "./replicate_sql.ts";
import type { CreatedSlot } from "./command_types.ts";
import type { SideConnection } from "./side_connection.ts";
import type { StreamState } from "./state.ts";
import type { Walsender } from "./walsender.ts";

/** Seconds after which the creation of a slot is explained, and between two explanations. */
const EXPLAIN_AFTER = 2;

/**
 * Checks that the publications exist, after creating the one that the options describe. This comes before
 * the slot: changes that precede a publication are not sent.
 *
 * @throws {PublicationMissingError} one does not exist.
 */
export async function ensurePublications(
  side: SideConnection,
  { publications: names, publicationToCreate: wanted }: ReplicateSettings,
): Promise<void> {
  const db = await side.connection();
  const missing = await publications.missing(db, names);
  if (missing.length === 0) return;
  if (wanted === undefined) throw new PublicationMissingError(missing);
  try {
    await publications.create(db, wanted.name, wanted.create);
  } catch (error) {
    // Another process may have created it at the same time.
    if ((error as { code?: unknown }).code !== "42710") throw error;
  }
}

/**
 * Creates a slot. The server waits for all transactions that were writing; after two seconds `onState`
 * gets their processes.
 */
export async function createSlot(
  walsender: Walsender,
  side: SideConnection,
  name: string,
  options: LogicalSlotOptions,
  signal: AbortSignal,
  onState: (state: StreamState) => void,
): Promise<CreatedSlot> {
  let isWaiting = true;
  const explain = async (): Promise<void> => {
    const rows = await side.ask(BLOCKERS, [walsender.connection.processId]).catch(() => []);
    if (!isWaiting) return;
    onState({ state: "waiting", for: "transactions", pids: rows.map(([pid]) => pid as number) });
    timer = setTimeout(explain, EXPLAIN_AFTER * 1000);
  };
  let timer = setTimeout(explain, EXPLAIN_AFTER * 1000);
  try {
    return await walsender.connection.createSlot(name, options, { signal });
  } finally {
    isWaiting = false;
    clearTimeout(timer);
  }
}
