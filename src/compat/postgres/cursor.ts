import { describeStatement } from "../../query/describe.ts";
import { own } from "../../errors/own.ts";
import { openPortal } from "../../query/open_portal.ts";
import { OutdatedDescription, type Portal } from "../../query/portal.ts";
import type { ExecuteOptions } from "../../query/execute_options.ts";
import type { Statement } from "./client.ts";
import { explain } from "./failures.ts";
import { Result } from "./postgres_result.ts";
import { type RowMaker, rowMaker } from "./row_maker.ts";
import type { Runnable } from "./runnable.ts";
import type { Lease, Source } from "./source.ts";
import { StatementView } from "./statement_view.ts";
import { type Anything, CLOSE } from "./value_types.ts";

/** A function that takes each batch of rows. Returning `sql.CLOSE` ends the cursor. */
export type CursorCallback = (rows: Anything) => unknown;

/** A cursor over the rows of a query. The connection is its own until it ends, or its transaction's. */
export class Cursor implements AsyncIterable<Result> {
  readonly #query: Runnable;
  readonly #source: Source;
  readonly #size: number;
  #statement: Statement | undefined;
  #lease: Lease | undefined;
  #portal: Portal | undefined;
  #view: StatementView | undefined;
  #make: RowMaker | undefined;
  #isOver = false;

  constructor(query: Runnable, source: Source, size: number) {
    this.#query = query;
    this.#source = source;
    this.#size = size;
  }

  /** Passes each batch to `take`, and waits for it. Resolves to the last batch. */
  async run(take: CursorCallback): Promise<Result> {
    let last = new Result();
    try {
      for (let rows = await this.#next(); rows !== undefined; rows = await this.#next()) {
        last = rows;
        if (rows.length > 0 && await take(rows) === CLOSE) break;
      }
    } finally {
      await this.#end();
    }
    return last;
  }

  /** Reads the batches. Leaving the loop closes the cursor. */
  [Symbol.asyncIterator](): AsyncIterator<Result> {
    return {
      next: async () => {
        const value = await this.#next();
        if (value !== undefined && value.length > 0) return { done: false, value };
        await this.#end();
        return { done: true, value: undefined };
      },
      return: async () => {
        await this.#end();
        return { done: true, value: undefined };
      },
    };
  }

  async #next(): Promise<Result | undefined> {
    if (this.#isOver) return undefined;
    try {
      this.#lease ??= await this.#source.take();
      const buffer = await (this.#portal === undefined
        ? this.#begin(this.#lease)
        : this.#portal.fetch(this.#size));
      const rows = new Result();
      Result.describe(rows, this.#view!, this.#lease.link.state);
      while (buffer.left > 0) {
        const row = buffer.next();
        rows.push(
          this.#make === undefined ? row as Anything : this.#make(row as unknown[]) as Anything,
        );
      }
      if (buffer.tag !== undefined) {
        Result.complete(rows, buffer.tag || undefined, this.#lease.link.state, this.#view);
        this.#isOver = true;
        await this.#end();
      }
      return rows;
    } catch (error) {
      await this.#end();
      const { link } = this.#lease ?? {};
      const debug = !!link?.client.options.debug;
      throw explain(link?.failure(error) ?? error, this.#query, this.#statement, debug);
    }
  }

  /** Describes the statement and opens its portal. */
  async #begin(lease: Lease): ReturnType<Portal["fetch"]> {
    const { link, lock } = lease;
    const statement = this.#statement = link.client.statementOf(this.#query);
    const { context } = link.executor;
    const { options: { transform, prepare } } = link.client;
    const isShaped = transform.column.from ?? transform.value.from ?? transform.row.from;
    const options = own<ExecuteOptions>({
      lock,
      parameterTypes: statement.types,
      prepare: prepare && this.#query.options.prepare !== false,
      rows: this.#query.shape !== "object" || isShaped !== undefined ? "array" : "object",
      types: this.#query.shape === "raw" ? link.client.raw : undefined,
    });
    for (let attempt = 0;; attempt++) {
      const described = await describeStatement(context, statement.text, options);
      const { text, name, columns, parameters } = described;
      const description = { parameterTypes: parameters.map(({ oid }) => oid) };
      const view = new StatementView({ text, name, columns, description }, link.client.options);
      this.#view = view;
      this.#make = rowMaker(columns, view, this.#query.shape, transform);
      const { values } = statement;
      this.#portal = openPortal({ context, statement: described, values, options });
      try {
        return await this.#portal.fetch(this.#size);
      } catch (error) {
        if (attempt > 0 || !(error instanceof OutdatedDescription)) throw error;
      }
    }
  }

  async #end(): Promise<void> {
    this.#isOver = true;
    const portal = this.#portal;
    this.#portal = undefined;
    await portal?.close();
    this.#lease?.giveBack();
  }
}

/** Returns a cursor over a query's rows, in batches of `size`. */
export function cursorOver(query: Runnable, source: Source, size: number): Cursor {
  return new Cursor(query, source, size);
}
