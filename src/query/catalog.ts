/**
 * Asks the server's catalogue about types that the driver does not know: enums, domains, composites,
 * ranges, arrays of them, extensions' types. Each is asked for once per connection, ahead of all that
 * waits, because what waits may have values of it.
 */
import { DatabaseError, OperationalError, PgError } from "../errors/errors.ts";
import type { SessionLock } from "../session/exchange.ts";
import type { TypeInfo, TypeRegistry } from "../types/registry.ts";

/** Reads the catalogue of the server. */
export interface CatalogReader {
  /** Returns the rows of `catalogQuery()` for types and all that they are made of. */
  types(oids: readonly number[], lock: SessionLock | undefined): Promise<readonly unknown[]>;
  /** Returns the OID of a type. @throws {ProgrammingError} there is no such type. */
  oidOf(name: string, lock: SessionLock | undefined): Promise<number>;
}

/** The catalogue of one connection. */
export class Catalog {
  readonly #types: TypeRegistry;
  readonly #reader: CatalogReader;
  /** The questions by OID. An answered question stays, with its settled promise. */
  readonly #asked = new Map<number, Promise<void>>();

  constructor(types: TypeRegistry, reader: CatalogReader) {
    this.#types = types;
    this.#reader = reader;
  }

  /**
   * Defines the types with these OIDs, and the types they are made of, in the registry. Resolves to
   * false where the catalogue is not PostgreSQL's, or may not be read: values stay text there.
   *
   * @throws {OperationalError} the query was refused or cancelled, or the code for these types cannot be
   * loaded. The values must not pass for text then, because they would be something else the next time.
   */
  async learn(oids: readonly number[], lock?: SessionLock): Promise<boolean> {
    const fresh = oids.filter((oid) => !this.#asked.has(oid));
    if (fresh.length > 0) {
      const asking = this.#ask(fresh, lock);
      for (const oid of fresh) this.#asked.set(oid, asking);
    }
    const loading = this.#types.load();
    loading.catch(() => {});
    try {
      // Together: a failure of one must not go unhandled while another is awaited.
      await Promise.all(oids.map((oid) => this.#asked.get(oid)));
    } catch (error) {
      for (const oid of oids) this.#asked.delete(oid);
      if (isUnreadable(error)) return false;
      throw unanswered(oids, error);
    }
    await loading;
    return true;
  }

  /** Asks for every type again when it is met the next time. */
  forget(): void {
    this.#asked.clear();
  }

  async #ask(oids: readonly number[], lock: SessionLock | undefined): Promise<void> {
    for (const row of await this.#reader.types(oids, lock)) {
      this.#types.define(typeInfo(row as CatalogRow));
    }
  }
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

/** By `pg_type.typtype`. An array is recognised by its element type. */
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
