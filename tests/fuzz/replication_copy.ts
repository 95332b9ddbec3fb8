/** Applies the transactions of a change stream to a second database. */
import assert from "node:assert/strict";
import type { Connection } from "../../mod.ts";
import type { Change, Relation, Transaction } from "../../src/replication/replication.ts";

type Changes = Change[];

/** A copy of a database. */
export class Copy {
  readonly #target: Connection;
  /** The columns of each table, as they are in the target. */
  #columns = new Map<string, Relation>();
  /** The changes of prepared transactions that are not decided. */
  readonly #prepared = new Map<string, Changes>();
  /** The position of the latest transaction. */
  #last = -1n;
  /** The latest transactions, for failures. */
  readonly #latest: string[] = [];
  /** Whether another stream was begun, which cannot know what the one before has yielded. */
  #isAgain = false;
  /** The number of transactions that were applied, and of those that came once more. */
  applied = 0;
  repeated = 0;

  constructor(target: Connection) {
    this.#target = target;
  }

  /** Takes the transactions of another stream from now on. */
  startAgain(): void {
    this.#isAgain = true;
  }

  /** Applies a transaction once. Reports whether it contains the marker. */
  async apply(transaction: Transaction): Promise<boolean> {
    const { kind, gid, commitLsn, redelivered } = transaction;
    this.#latest.push(`${kind} ${gid ?? ""} ${commitLsn}${redelivered ? " again" : ""}`);
    const changes = await transaction.all();
    const isNew = commitLsn.value > this.#last;
    if (!this.#isAgain) assert.equal(redelivered, !isNew, this.#latest.slice(-20).join("\n"));
    if (!isNew) {
      this.repeated++;
      return false;
    }
    this.#last = commitLsn.value;
    this.applied++;
    if (kind === "prepare") this.#prepared.set(gid!, changes);
    else if (kind === "rollbackPrepared") assert.ok(this.#prepared.delete(gid!));
    else if (kind === "commitPrepared") {
      await this.#write(this.#prepared.get(gid!)!);
      this.#prepared.delete(gid!);
    } else await this.#write(changes);
    return changes.some((change) => change.kind === "insert" && change.table === "public.marker");
  }

  async #write(changes: Changes): Promise<void> {
    changes.forEach((change, i) => "index" in change && i > 0 && assert.ok(change.index >= 0));
    await this.#target.query("begin").simple();
    for (const change of changes) await this.#change(change);
    await this.#target.query("commit").simple();
  }

  async #change(change: Change): Promise<void> {
    switch (change.kind) {
      case "insert":
        await this.#shape(change.relation);
        return await this.#insert(change.table, change.new);
      case "update":
        await this.#shape(change.relation);
        return await this.#update(change.table, change.key, change.new);
      case "delete": {
        await this.#shape(change.relation);
        const [id] = [change.key.id];
        return void await this.#target.query(`delete from ${change.table} where id = $1`, [id]);
      }
      case "truncate": {
        const tables = change.tables.map(({ table }) => table).join();
        return void await this.#target.query(`truncate ${tables}`).simple();
      }
    }
  }

  async #insert(table: string, row: Record<string, unknown>): Promise<void> {
    const names = Object.keys(row);
    const places = names.map((_, i) => `$${i + 1}`);
    const text = `insert into ${table} (${names.join()}) values (${places.join()})`;
    await this.#target.query(text, Object.values(row));
  }

  async #update(table: string, key: Record<string, unknown>, row: Record<string, unknown>) {
    const names = Object.keys(row);
    const set = names.map((name, i) => `${name} = $${i + 1}`);
    const text = `update ${table} set ${set.join()} where id = $${names.length + 1} returning 1`;
    const found = await this.#target.query(text, [...Object.values(row), key.id]);
    assert.equal(found.length, 1, `${table} has the row ${key.id}`);
  }

  /** Gives the table the columns of a relation. */
  async #shape(relation: Relation): Promise<void> {
    const { table, columns } = relation;
    const known = this.#columns.get(table);
    if (known === relation) return;
    this.#columns.set(table, relation);
    const there = await this.#target.query(
      "select attname from pg_attribute where attrelid = $1::text::regclass and attnum > 0 and not attisdropped",
      [table],
    );
    const before = new Set(there.map(({ attname }) => attname as string));
    for (const { name, typeName } of columns) {
      if (!before.delete(name)) {
        await this.#target.query(`alter table ${table} add ${name} ${typeName}`).simple();
      }
    }
    for (const name of before) {
      await this.#target.query(`alter table ${table} drop ${name}`).simple();
    }
  }
}

/** Returns the rows of a table by the names of its columns, which may be in another order. */
export async function contentOf(db: Connection, table: string): Promise<unknown[]> {
  const rows = await db.query(`select * from ${table} order by id`);
  return rows.map((row) =>
    Object.fromEntries(Object.entries(row).sort(([a], [b]) => a < b ? -1 : 1))
  );
}
