/**
 * A copy of tables in another database, in which each transaction has its effect exactly once.
 *
 * The copy stores the position of the last transaction in the same transaction as its changes. So a transaction
 * that comes again, because the copy was ended before it was confirmed, is recognized and skipped. The initial
 * copy begins with empty tables whenever it begins.
 */
import { type Connection, type Queryable, sql, type SqlValue } from "../../mod.ts";
import {
  type Change,
  replicate,
  type ReplicateOptions,
} from "../../src/replication/replication.ts";

/** Copies tables to `target`, which has them under the same names, until the options' signal aborts. */
export async function copyTables(
  target: Connection,
  tables: readonly string[],
  options: Partial<ReplicateOptions>,
): Promise<void> {
  await target.query("create table if not exists copied (slot text primary key, lsn pg_lsn)")
    .execute();
  const slot = "copy";
  const [known] = await target.sql`select from copied where slot = ${slot}`;
  if (known === undefined) {
    for (const table of tables) await target.sql`truncate ${nameOf(table)}`.execute();
  }
  const stream = replicate({
    slot,
    publication: { name: "copy", create: { tables: [...tables] } },
    snapshot: "initial",
    ...options,
  });
  for await (const transaction of stream.transactions()) {
    await target.transaction(async (db) => {
      const lsn = String(transaction.commitLsn);
      if (transaction.kind !== "snapshot") {
        const [seen] = await db
          .sql`select from copied where slot = ${slot} and lsn >= ${lsn}::pg_lsn`;
        if (seen !== undefined) return;
        await db.sql`insert into copied values (${slot}, ${lsn}::pg_lsn)
          on conflict (slot) do update set lsn = excluded.lsn`.execute();
      }
      for await (const change of transaction) await apply(db, change);
    });
  }
}

async function apply(db: Queryable, change: Change): Promise<void> {
  switch (change.kind) {
    case "snapshot":
    case "insert": {
      const { columns, values } = partsOf(change.new);
      await db.sql`insert into ${nameOf(change.table)} (${sql.join(columns)})
        overriding system value values (${sql.join(values)})`.execute();
      break;
    }
    case "update": {
      const old = Object.keys(change.key).length > 0 ? change.key : keyIn(change);
      const { columns, values } = partsOf(change.new);
      const pairs = columns.map((column, i) => sql`${column} = ${values[i]!}`);
      await db.sql`update ${nameOf(change.table)} set ${sql.join(pairs)}
        where ${matching(old)}`.execute();
      break;
    }
    case "delete":
      await db.sql`delete from ${nameOf(change.table)} where ${matching(change.key)}`.execute();
      break;
    case "truncate":
      for (const { schema, name } of change.tables) {
        await db.sql`truncate ${sql.identifier(schema, name)}`.execute();
      }
      break;
  }
}

/** The key's columns in the new row, which has them all if the update has not changed the key. */
function keyIn(
  { relation, new: row }: Extract<Change, { kind: "update" }>,
): Record<string, unknown> {
  const names = relation.columns.filter(({ key }) => key).map(({ name }) => name);
  return Object.fromEntries(names.map((name) => [name, row[name]]));
}

function partsOf(row: Record<string, unknown>) {
  return {
    columns: Object.keys(row).map((name) => sql.identifier(name)),
    values: Object.values(row).map((value) => sql`${value as SqlValue}`),
  };
}

function matching(key: Record<string, unknown>) {
  const { columns, values } = partsOf(key);
  return sql.join(
    columns.map((column, i) => sql`${column} is not distinct from ${values[i]!}`),
    sql` and `,
  );
}

function nameOf(table: string) {
  return sql.identifier(...table.split("."));
}
