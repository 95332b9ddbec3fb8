/**
 * The migrator for `drizzle()` of `@cornac/pg/drizzle`: applies the migrations that `drizzle-kit` has
 * written.
 *
 * @module
 */
import { type MigrationConfig, readMigrationFiles } from "drizzle-orm/migrator";
import type { PgDialect, PgSession } from "drizzle-orm/pg-core";
import { InterfaceError } from "../errors/errors.ts";
import { MIGRATION_LOCK } from "../own_sql.ts";
import type { CornacDatabase } from "./drizzle.ts";
import { CornacSession } from "./session.ts";

/** The parts of a database object that its declarations leave out. */
interface Parts {
  readonly dialect: PgDialect;
  readonly session: unknown;
}

/**
 * Applies the migrations in a folder that were not applied yet, in order and in one transaction.
 * Several programs may do so at the same time: each waits until the one before has finished.
 *
 * @throws {DrizzleQueryError} a statement failed; nothing was applied.
 *
 * @example
 * ```ts ignore
 * import { drizzle } from "@cornac/pg/drizzle";
 * import { migrate } from "@cornac/pg/drizzle/migrator";
 *
 * const db = drizzle("postgres://myuser@db.example.com/mydb");
 * await migrate(db, { migrationsFolder: "./drizzle" });
 * ```
 */
export async function migrate<TSchema extends Record<string, unknown>>(
  db: CornacDatabase<TSchema>,
  config: MigrationConfig,
): Promise<void> {
  const { dialect, session } = db as unknown as Parts;
  if (!(session instanceof CornacSession)) {
    throw new InterfaceError("migrate() takes a database object of @cornac/pg/drizzle");
  }
  const migrations = readMigrationFiles(config);
  await session.client.transaction(async (tx) => {
    await tx.query(MIGRATION_LOCK);
    await dialect.migrate(migrations, session.over(tx) as unknown as PgSession, config);
  });
}
