import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import { CALL_OPTIONS, checkOptions } from "../errors/checks.ts";
import { ProtocolError } from "../errors/errors.ts";
import { readCommandTag, readRowDescription } from "../protocol/backend.ts";
import { query } from "../protocol/frontend.ts";
import { Backend, backendName } from "../protocol/tags.ts";
import type { Conversation, Request, Signal } from "../session/exchange.ts";
import type { Session } from "../session/session.ts";
import { readTextRow } from "./text_rows.ts";

/** How a command is run. */
export interface CommandOptions {
  /** Aborts the command: the server cancels it. */
  signal?: Signal | undefined;
  /** Seconds after which the command is cancelled; 0, the default, is no limit. */
  timeout?: number | undefined;
}

/** Reads one row of so many columns. */
export type RowReader<Row> = (reader: Reader, columns: number) => Row;

/**
 * Runs a replication command that returns at most one row. Only the simple protocol is accepted for
 * these commands. Source: manual, "Streaming Replication Protocol".
 */
export function runCommand(
  session: Session,
  text: string,
  { signal, timeout }: CommandOptions = {},
): Promise<(string | null)[] | undefined> {
  return runCommandAs(session, text, readTextRow, { signal, timeout });
}

/** Runs such a command, and reads its row with `readRow`. */
export async function runCommandAs<Row>(
  session: Session,
  text: string,
  readRow: RowReader<Row>,
  { signal, timeout }: CommandOptions = {},
): Promise<Row | undefined> {
  checkOptions({ signal, timeout }, CALL_OPTIONS);
  return await session.request(new Command(text, readRow), { signal, timeout });
}

class Command<Row> implements Request<Row | undefined> {
  readonly #text: string;
  readonly #readRow: RowReader<Row>;

  constructor(text: string, readRow: RowReader<Row>) {
    this.#text = text;
    this.#readRow = readRow;
  }

  write(out: Writer): void {
    query(out, this.#text);
  }

  *talk(): Conversation<Row | undefined> {
    let row: Row | undefined;
    let message = yield;
    if (message.tag === Backend.RowDescription) {
      const { length } = readRowDescription(message.reader);
      message = yield;
      if (message.tag === Backend.DataRow) {
        row = this.#readRow(message.reader, length);
        message = yield;
      }
    }
    if (message.tag !== Backend.CommandComplete) {
      throw new ProtocolError(`${backendName(message.tag)} in the answer to a replication command`);
    }
    readCommandTag(message.reader);
    return row;
  }
}
