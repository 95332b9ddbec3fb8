import type { Writer } from "../bytes/writer.ts";
import { ProtocolError } from "../errors/errors.ts";
import { query } from "../protocol/frontend.ts";
import { Backend, backendName } from "../protocol/tags.ts";
import type { Conversation, Request } from "../session/exchange.ts";

/** Rows as the server's text. */
export type TextRows = readonly (readonly (string | null)[])[];

/**
 * A simple query of the pool's own. Its rows stay text, whatever codecs the connection has, and it is
 * neither traced nor taken for a query of the borrower.
 */
export class OwnQuery implements Request<TextRows> {
  readonly isFinal = true;
  /** Called with the error when the server has refused it, before the next reply is read. */
  readonly failed: ((error: unknown) => void) | undefined;
  readonly #text: string;

  constructor(text: string, failed?: (error: unknown) => void) {
    this.#text = text;
    this.failed = failed;
  }

  write(out: Writer): void {
    query(out, this.#text);
  }

  *talk(): Conversation<TextRows> {
    const rows: (string | null)[][] = [];
    for (;;) {
      const { tag, reader } = yield;
      switch (tag) {
        case Backend.DataRow:
          rows.push(Array.from({ length: reader.int16() }, () => {
            const length = reader.int32();
            return length < 0 ? null : reader.text(length);
          }));
          break;
        case Backend.RowDescription:
        case Backend.CommandComplete:
        case Backend.EmptyQueryResponse:
          break;
        case Backend.ReadyForQuery:
          return rows;
        default:
          throw new ProtocolError(`${backendName(tag)} in the answer to a query of the pool`);
      }
    }
  }
}
