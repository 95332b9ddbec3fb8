/** A cache of rows that forgets a row when it changes. */
import { replicate, type ReplicateOptions } from "../../src/replication/replication.ts";

/** Rows by their key, loaded when they are first asked for. */
export class RowCache<Row> {
  readonly #rows = new Map<number, Promise<Row>>();
  readonly #load: (id: number) => Promise<Row>;

  constructor(load: (id: number) => Promise<Row>) {
    this.#load = load;
  }

  get(id: number): Promise<Row> {
    const row = this.#rows.get(id) ?? this.#load(id);
    this.#rows.set(id, row);
    return row;
  }

  /** Follows the changes of a table until the options' signal aborts. */
  async follow(table: string, options: Partial<ReplicateOptions>): Promise<void> {
    const slot = { name: `cache_${crypto.randomUUID().slice(0, 8)}`, temporary: true };
    const publication = { name: `cache_${table}`, create: { tables: [table] } };
    // A temporary slot ends with its connection; what was cached before may be stale then.
    for await (const change of replicate({ slot, publication, reconnect: false, ...options })) {
      if (change.kind === "update") this.#rows.delete((change.key.id ?? change.new.id) as number);
      else if (change.kind === "delete") this.#rows.delete(change.key.id as number);
      else if (change.kind === "truncate") this.#rows.clear();
    }
    this.#rows.clear();
  }
}
