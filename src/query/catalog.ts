/**
 * Asks the server's catalogue about types that the driver does not know: enums, domains, composites,
 * ranges, arrays of them, extensions' types. Each is asked for once per connection, ahead of all that
 * waits, because what waits may have values of it.
 */
import { DatabaseError, OperationalError, PgError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import * as ownSql from "../own_sql.ts";
import type { SessionLock } from "../session/exchange.ts";
import type { TypeInfo, TypeRegistry } from "../types/registry.ts";
import type { Executor } from "./executor.ts";
import type { Result } from "./result.ts";
import { executeSimple } from "./simple.ts";

/** The catalogue of one connection. */
export class Catalog {
  readonly #types: TypeRegistry;
  /** What is being asked for, by OID; what was answered stays, with its settled promise. */
  readonly #asked = new Map<number, Promise<void>>();

  constructor(types: TypeRegistry) {
    this.#types = types;
  }

  /**
   * Defines the types with these OIDs, and the types they are made of, in the registry. Resolves to
   * false where the catalogue is not PostgreSQL's, or may not be read: values stay text there.
   *
   * @throws {OperationalError} the query was refused or cancelled. The values must not pass for text
   * then, because they would be something else the next time.
   */
  async learn(executor: Executor, oids: readonly number[], lock?: SessionLock): Promise<boolean> {
    const fresh = oids.filter((oid) => !this.#asked.has(oid));
    if (fresh.length > 0) {
      const asking = this.#ask(executor, fresh, lock);
      for (const oid of fresh) this.#asked.set(oid, asking);
    }
    try {
      // Together: a failure of one must not go unhandled while another is awaited.
      await Promise.all(oids.map((oid) => this.#asked.get(oid)));
      return true;
    } catch (error) {
      for (const oid of oids) this.#asked.delete(oid);
      if (isUnreadable(error)) return false;
      throw unanswered(oids, error);
    }
  }

  /** Asks for every type again when it is met the next time. */
  forget(): void {
    this.#asked.clear();
  }

  async #ask(
    executor: Executor,
    oids: readonly number[],
    lock: SessionLock | undefined,
  ): Promise<void> {
    const { parameterStatuses, transactionStatus } = executor.session;
    const version = Number.parseInt(parameterStatuses.get("server_version") ?? "");
    const query = ownSql.catalogQuery(version >= 14);
    const ask = (): Promise<Result> =>
      executor.execute(query, [`{${oids.join()}}`], own({ lock, ahead: true }));
    const rows = transactionStatus === "transaction"
      ? await harmless(executor, ask, lock)
      : await ask();
    for (const row of rows as Result<unknown>) this.#types.define(typeInfo(row as CatalogRow));
  }
}

/**
 * Runs a query that changes nothing so that its failure does not fail the transaction around it.
 * All of it is sent in one go: no other query gets between the savepoint and its end.
 */
async function harmless<T>(
  executor: Executor,
  run: () => Promise<T>,
  lock: SessionLock | undefined,
): Promise<T> {
  const name = "cornac_catalog";
  const how = own({ lock, ahead: true });
  const before = executeSimple(executor, ownSql.savepoint(name), how);
  const running = run();
  const after = executeSimple(executor, ownSql.undoSavepoint(name), how);
  await Promise.allSettled([before, running, after]);
  return await running;
}

/** Reports whether the server has no such catalogue, or the role may not read it. */
function isUnreadable(error: unknown): boolean {
  if (!(error instanceof DatabaseError)) return false;
  return error.code === "0A000" || error.code?.startsWith("42") === true;
}

function unanswered(oids: readonly number[], cause: unknown): OperationalError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof PgError ? cause.code : undefined;
  const types = oids.length === 1 ? `type ${oids[0]}` : `types ${oids.join(", ")}`;
  const message = `the catalogue did not answer about ${types} of the query: ${reason}`;
  return new OperationalError(message, { code, cause });
}

type CatalogRow = [
  oid: number,
  name: string,
  schema: string,
  type: string,
  arrayOid: number,
  delimiter: string,
  elementOid: number | null,
  baseOid: number,
  rangeSubtypeOid: number | null,
  rangeOid: number | null,
  attributeNames: string[],
  attributeOids: number[],
];

/** `pg_type.typtype`; an array is told by its element. */
const KINDS: Readonly<Record<string, TypeInfo["kind"]>> = {
  c: "composite",
  d: "domain",
  e: "enum",
  r: "range",
  m: "multirange",
};

function typeInfo(row: CatalogRow): TypeInfo {
  const [oid, name, schema, type, arrayOid, delimiter, elementOid, baseOid] = row;
  const [rangeSubtypeOid, rangeOid, attributeNames, attributeOids] = row.slice(8) as [
    number | null,
    number | null,
    string[],
    number[],
  ];
  return {
    oid,
    name,
    schema,
    kind: elementOid === null ? KINDS[type] ?? "base" : "array",
    arrayOid,
    delimiter,
    elementOid: elementOid ?? undefined,
    baseOid,
    rangeSubtypeOid: rangeSubtypeOid ?? undefined,
    rangeOid: rangeOid ?? undefined,
    attributes: attributeNames.map((attribute, i) => ({ name: attribute, oid: attributeOids[i]! })),
  };
}
