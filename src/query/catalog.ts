/**
 * Asks the server's catalogue for types that nobody knows: enums, domains, composites, ranges, arrays
 * of them, extensions' types. Each is asked for once per connection, before all that waits: what met
 * it may be the first of them. When the answer fails, the values stay text.
 */
import { own } from "../errors/own.ts";
import * as ownSql from "../own_sql.ts";
import type { Turn } from "../session/exchange.ts";
import type { TypeInfo, TypeRegistry } from "../types/registry.ts";
import type { Executor } from "./execute.ts";
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
   * Defines the types with these OIDs, and what they are made of, in the registry. Resolves to
   * whether anything was learned; never rejects.
   */
  async learn(executor: Executor, oids: readonly number[], turn?: Turn): Promise<boolean> {
    if (executor.session.transactionStatus === "failed") return false;
    const fresh = oids.filter((oid) => !this.#asked.has(oid));
    if (fresh.length > 0) {
      const asking = this.#ask(executor, fresh, turn);
      for (const oid of fresh) this.#asked.set(oid, asking);
    }
    try {
      // All at once: while one is waited for, another's failure must not go unheard.
      await Promise.all(oids.map((oid) => this.#asked.get(oid)));
      return true;
    } catch {
      for (const oid of oids) this.#asked.delete(oid);
      return false;
    }
  }

  /** Has all types asked for anew when they are met again. */
  forget(): void {
    this.#asked.clear();
  }

  async #ask(executor: Executor, oids: readonly number[], turn: Turn | undefined): Promise<void> {
    const { parameterStatuses, transactionStatus } = executor.session;
    const version = Number.parseInt(parameterStatuses.get("server_version") ?? "");
    const query = ownSql.catalogQuery(version >= 14);
    const ask = (): Promise<Result> =>
      executor.execute(query, [`{${oids.join()}}`], own({ turn, ahead: true }));
    const rows = transactionStatus === "transaction"
      ? await harmless(executor, ask, turn)
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
  turn: Turn | undefined,
): Promise<T> {
  const name = "cornac_catalog";
  const how = own({ turn, ahead: true });
  const before = executeSimple(executor, ownSql.savepoint(name), how);
  const running = run();
  const after = executeSimple(executor, ownSql.undoSavepoint(name), how);
  await Promise.allSettled([before, running, after]);
  return await running;
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
