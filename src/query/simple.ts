/**
 * The simple query: one text, several statements, no parameters, everything as text.
 * Source: manual, "Simple Query" in the protocol's message flow.
 */
import type { Writer } from "../bytes/writer.ts";
import { ProtocolError } from "../errors/errors.ts";
import { type ColumnDescription, readCommandTag, readRowDescription } from "../protocol/backend.ts";
import { query } from "../protocol/frontend.ts";
import { Backend, backendName } from "../protocol/tags.ts";
import type { Conversation, Request, RowSink } from "../session/exchange.ts";
import { endCopy, refuseCopy } from "./copy_guard.ts";
import type { ExecuteOptions, Executor } from "./execute.ts";
import { Result } from "./result.ts";
import { interpretRows, rowColumns, type RowShape } from "./rows.ts";

/** Runs `text` as it is; one result for each of its statements. */
export async function executeSimple(
  executor: Executor,
  text: string,
  options: ExecuteOptions,
): Promise<Result[]> {
  refuseCopy(text);
  const request = new SimpleQuery(executor, text, options.rows ?? "object");
  return await executor.session.request(request, options);
}

class SimpleQuery implements Request<Result[]> {
  readonly #executor: Executor;
  readonly #text: string;
  readonly #shape: RowShape;

  constructor(executor: Executor, text: string, shape: RowShape) {
    this.#executor = executor;
    this.#text = text;
    this.#shape = shape;
  }

  write(out: Writer): void {
    query(out, this.#text);
  }

  *talk(): Conversation<Result[]> {
    const results: Result[] = [];
    let rows = new Result();
    let columns: readonly ColumnDescription[] = [];
    let message = yield;
    for (;;) {
      switch (message.tag) {
        case Backend.RowDescription:
          columns = readRowDescription(message.reader);
          message = yield this.#sink(columns, rows);
          continue;
        case Backend.CommandComplete:
          Result.describe(rows, columns, readCommandTag(message.reader));
          results.push(rows);
          rows = new Result();
          columns = [];
          break;
        case Backend.EmptyQueryResponse:
          results.push(rows);
          break;
        case Backend.ReadyForQuery:
          return results;
        case Backend.CopyInResponse:
        case Backend.CopyOutResponse:
        case Backend.CopyBothResponse:
          throw endCopy(this.#executor.session, message.tag, "simple");
        default:
          throw new ProtocolError(`${backendName(message.tag)} in the answer to a simple query`);
      }
      message = yield;
    }
  }

  #sink(columns: readonly ColumnDescription[], rows: Result): RowSink {
    const decode = interpretRows(rowColumns(columns, [], this.#executor.codecOf), this.#shape);
    return (reader) => void rows.push(decode(reader) as Record<string, unknown>);
  }
}
