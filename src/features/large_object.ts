/**
 * Large objects: files within the database. They are opened within a transaction, and read and
 * written in parts, with 64-bit positions. Source: manual, "Large Objects", "Server-Side
 * Functions"; be-fsstubs.c.
 */
import { InterfaceError } from "../errors/errors.ts";
import { CALL_OPTIONS, checkOptions } from "../errors/checks.ts";
import { loaded } from "../errors/loading.ts";
import type { CallOptions } from "../query/options.ts";
import type { QueryContext } from "../query/query_context.ts";
import type { LargeObject, Run } from "./open_large_object.ts";
import * as lateSql from "./late_sql.ts";

export type { LargeObject };

/** libpq-fs.h: INV_READ, INV_WRITE. */
const MODES = { r: 0x40000, w: 0x20000, rw: 0x60000 } as const;

/**
 * The large objects of a database, as one transaction sees them. Each call takes a `signal` and a
 * `timeout`. A call that is stopped on the server leaves the transaction failed.
 */
export class LargeObjects {
  readonly #host: QueryContext;

  /** For the driver: use `largeObjects` of a transaction. */
  constructor(host: QueryContext) {
    this.#host = host;
  }

  /**
   * Creates an empty large object and resolves to its OID: `oid`, or a free one for 0.
   *
   * @throws {DatabaseError} a large object with that OID exists (23505).
   */
  create(oid: number = 0, options: CallOptions = {}): Promise<number> {
    return this.#run<number>(lateSql.LO_CREATE, [oid], options);
  }

  /**
   * Opens a large object at its start. It stays open until it is closed or the transaction ends.
   *
   * @throws {DatabaseError} there is none with that OID (42704), or the mode is not permitted
   * (42501).
   * @throws {InterfaceError} the mode is unknown, or no transaction is open.
   */
  async open(
    oid: number,
    mode: "r" | "w" | "rw",
    options: CallOptions = {},
  ): Promise<LargeObject> {
    if (!Object.hasOwn(MODES, mode)) throw new InterfaceError('mode must be "r", "w" or "rw"');
    const loading = loaded(import("./open_large_object.ts"), "the code of large objects");
    loading.catch(() => {}); // The query may fail first.
    const descriptor = await this.#run<number>(lateSql.LO_OPEN, [oid, MODES[mode]], options);
    // Outside of a transaction the object is closed with the statement that has opened it.
    if (this.#host.executor.session.transactionStatus === "idle") {
      throw new InterfaceError("large objects can be opened only within a transaction");
    }
    const code = await loading;
    return new code.LargeObject(oid, descriptor, this.#run);
  }

  /**
   * Deletes a large object.
   *
   * @throws {DatabaseError} there is none with that OID (42704), or another role owns it (42501).
   */
  async unlink(oid: number, options: CallOptions = {}): Promise<void> {
    await this.#run(lateSql.LO_UNLINK, [oid], options);
  }

  readonly #run: Run = async <Value>(
    text: string,
    parameters: readonly unknown[],
    options: CallOptions,
  ) => {
    checkOptions(options, CALL_OPTIONS);
    const result = await this.#host.executor.call(this.#host, text, parameters, options);
    return (result as unknown as [Value][])[0]![0];
  };
}
