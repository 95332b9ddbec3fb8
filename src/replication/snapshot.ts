/**
 * The initial copy of the tables. A temporary slot exports the snapshot from which its changes follow; when
 * all rows are handled, the temporary slot is copied to the permanent one. So a crash leaves no slot behind,
 * and the permanent slot exists exactly if the copy is complete.
 */
import { OperationalError } from "../errors/errors.ts";
import { begin } from "../own_sql.ts";
import { quoteLiteral } from "../query/quote.ts";
import { unlessAborted } from "../session/deadline.ts";
import type { Change } from "./change.ts";
import { SnapshotRow } from "./change_objects.ts";
import type { Lsn } from "./lsn.ts";
import type { SnapshotOptions } from "./options.ts";
import { publishedTables, type TableToCopy } from "./published_tables.ts";
import { importSnapshot } from "./replicate_sql.ts";
import { createSlot } from "./setup.ts";
import type { Ordinary, SideConnection } from "./side_connection.ts";
import { slots } from "./slots.ts";
import type { StreamState } from "./state.ts";
import { TransactionHead } from "./transaction_info.ts";
import type { Parts, Walsender } from "./walsender.ts";

/**
 * The initial copy was interrupted after rows of it were handed over. The rows of another snapshot may
 * differ: empty the target, and start the stream again. There is no slot.
 */
export class SnapshotInterruptedError extends OperationalError {
  static {
    this.prototype.name = "SnapshotInterruptedError";
  }
  /** Makes an error. For the driver. */
  constructor(cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(
      `the initial copy of the tables was interrupted (${reason}); empty the target and start again`,
      { code: "08006", cause },
    );
  }
}

/** The rows and the bytes, as estimated, from which on a part of a table is handed over. */
const PART_ROWS = 1000;
const PART_BYTES = 65_536;

/** The surroundings of a copy. */
export interface Copying extends Parts {
  readonly side: SideConnection;
  readonly walsender: Walsender;
  readonly plugin: string;
  /** Opens a connection that reads tables. */
  open(): Promise<Ordinary>;
  onState(state: StreamState): void;
}

/** Copies the tables, creates the slot, and resolves to the position from which its changes follow. */
export async function copyTables(copying: Copying, options: SnapshotOptions): Promise<Lsn> {
  const { settings, side, walsender, signal } = copying;
  const { name, failover } = settings.slot;
  const temporary = temporaryName(name);
  const created = await createSlot(
    walsender,
    side,
    temporary,
    { plugin: copying.plugin, temporary: true, snapshot: "export" },
    signal,
    copying.onState,
  );
  const before = copying.inbox.deliveredBytes;
  const lost = walsender.connection.closed.then(() => {
    throw new OperationalError("the replication connection was lost", { code: "08006" });
  });
  lost.catch(() => {});
  const copy = new TableCopy(copying, options, created);
  try {
    await unlessAborted(Promise.race([copy.run(), lost]), signal);
    await slots.copy(await side.connection(), temporary, name);
    if (failover) await walsender.connection.alterSlot(name, { failover: true });
  } catch (error) {
    copy.stop();
    if (signal.aborted) throw error;
    copying.inbox.dropUnread();
    throw copying.inbox.deliveredBytes > before ? new SnapshotInterruptedError(error) : error;
  }
  return created.consistentPoint;
}

/** Returns a name that no other copy has; it tells which slot it is for. */
function temporaryName(name: string): string {
  const random = crypto.randomUUID().replaceAll("-", "").slice(0, 12);
  return `${name.slice(0, 45)}_copy_${random}`;
}

/** One run of a copy: some connections read tables at the same time, each one table after another. */
class TableCopy {
  readonly #copying: Copying;
  readonly #options: SnapshotOptions;
  readonly #snapshot: string;
  readonly #transaction: TransactionHead;
  readonly #position: bigint;
  readonly #connections: Ordinary[] = [];
  #isStopped = false;
  #left: TableToCopy[] = [];
  #tables = 0;
  #done = 0;
  #rows = 0;

  constructor(
    copying: Copying,
    options: SnapshotOptions,
    { snapshot, consistentPoint }: { readonly snapshot?: string | undefined; consistentPoint: Lsn },
  ) {
    this.#copying = copying;
    this.#options = options;
    this.#snapshot = snapshot ?? "";
    this.#transaction = new TransactionHead(0, consistentPoint);
    this.#position = consistentPoint.value;
  }

  async run(): Promise<void> {
    const { settings, inbox } = this.#copying;
    try {
      const first = await this.#open();
      this.#left = await publishedTables(first, settings.publications, this.#options);
      this.#tables = this.#left.length;
      this.#tell();
      const others = this.#parallel() - 1;
      const more = await Promise.all(Array.from({ length: others }, () => this.#open()));
      await Promise.all([first, ...more].map((db) => this.#work(db)));
      await inbox.whenHandled();
    } finally {
      this.stop();
    }
  }

  /** Ends the reading of tables. */
  stop(): void {
    this.#isStopped = true;
    for (const { connection } of this.#connections) connection.destroy();
  }

  #parallel(): number {
    const usual = this.#tables >= 16 ? 4 : this.#tables >= 4 ? 2 : 1;
    return Math.max(1, Math.min(this.#options.parallel ?? usual, this.#tables));
  }

  /** Opens a connection in a transaction that reads the snapshot. */
  async #open(): Promise<Ordinary> {
    const db = await this.#copying.open();
    this.#connections.push(db);
    if (this.#isStopped) this.stop();
    await db.ask(begin("isolation level repeatable read, read only"), []);
    await db.ask(importSnapshot(quoteLiteral(this.#snapshot)), []);
    return db;
  }

  async #work(db: Ordinary): Promise<void> {
    for (let table = this.#left.shift(); table !== undefined; table = this.#left.shift()) {
      await this.#read(db, table);
      this.#done++;
      this.#tell();
    }
  }

  async #read({ connection }: Ordinary, { relation, query }: TableToCopy): Promise<void> {
    let part: SnapshotRow[] = [];
    let sizes: number[] = [];
    let bytes = 0;
    for await (const row of connection.query(query, [], { prepare: false, timeout: 0 })) {
      const size = sizeOf(row);
      part.push(new SnapshotRow(relation, row, this.#transaction, this.#rows++));
      sizes.push(size);
      bytes += size;
      if (part.length < PART_ROWS && bytes < PART_BYTES) continue;
      await this.#deliver(part, sizes);
      part = [];
      sizes = [];
      bytes = 0;
    }
    if (part.length > 0) await this.#deliver(part, sizes);
  }

  /** Hands a part over as a unit; resolves when there is room for more. */
  #deliver(rows: readonly SnapshotRow[], sizes: readonly number[]): Promise<void> | undefined {
    const { inbox } = this.#copying;
    let held: Promise<void> | undefined;
    inbox.begin({ kind: "snapshot", transaction: this.#transaction, commitLsn: this.#position });
    rows.forEach((row, i) => held = inbox.add(row as Change, sizes[i]!) ?? held);
    inbox.end(0n);
    return held;
  }

  #tell(): void {
    this.#copying.onState({ state: "snapshot", tables: this.#tables, done: this.#done });
  }
}

/** Returns about the bytes of a row: strings and byte arrays count, and something for each value. */
function sizeOf(row: unknown): number {
  let size = 16;
  for (const value of Object.values(row as object)) {
    if (typeof value === "string") size += value.length;
    else if (value instanceof Uint8Array) size += value.length;
    else if (Array.isArray(value)) size += 16 * value.length;
    size += 8;
  }
  return size;
}
