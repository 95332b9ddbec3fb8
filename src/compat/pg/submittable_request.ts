import type { Reader } from "../../bytes/reader.ts";
import type { Writer } from "../../bytes/writer.ts";
import { ProtocolError } from "../../errors/errors.ts";
import { readCommandTag, readRowDescription } from "../../protocol/backend.ts";
import { Backend } from "../../protocol/tags.ts";
import type {
  Conversation,
  CopySink,
  Message,
  Request,
  RowSink,
  Wish,
} from "../../session/exchange.ts";
import { Buffer, type EventEmitter } from "../node.ts";
import { pooledRest } from "../pooled_rest.ts";
import { queryError, reportOf } from "./errors.ts";
import { fieldsOf } from "./result.ts";
import type { DataRowMessage, Submittable } from "./submittable.ts";

/** The connection of a Submittable, as far as its request needs it. */
interface SubmittableConnection extends EventEmitter {
  readonly _hasSync: boolean;
  _failed: Submittable | undefined;
  sync(): void;
  _submit(submittable: Submittable, out: Writer): Error | undefined;
  _completed(tag: string): void;
}

/**
 * The request of a Submittable: the session is its own from `submit()` to ReadyForQuery. Each message is
 * passed to its handlers and emitted on the connection. An error that a handler throws goes to
 * `handleError`, and a Sync is sent where the Submittable sends none.
 */
export class SubmittableRequest implements Request<void> {
  readonly #submittable: Submittable;
  readonly #connection: SubmittableConnection;
  /** The formats of the columns. */
  #formats: readonly ("text" | "binary")[] = [];
  /** The Submittable's own reader of rows. */
  #read: ((reader: Reader) => void) | undefined;
  readonly #rows: RowSink = (reader) => this.#row(reader);
  readonly #copies: CopySink = { take: (reader) => this.#copy(reader), isDuplex: false };

  constructor(submittable: Submittable, connection: SubmittableConnection) {
    this.#submittable = submittable;
    this.#connection = connection;
  }

  /** The messages may end in Flush. */
  flushes(): boolean {
    return true;
  }

  /** @throws the error that `submit()` returns; nothing is sent then. */
  write(out: Writer): boolean {
    const refusal = this.#connection._submit(this.#submittable, out);
    if (refusal !== undefined) throw refusal;
    return true;
  }

  *talk(): Conversation<void> {
    let wish: Wish = this.#rows;
    for (;;) {
      let message: Message;
      try {
        message = yield wish;
      } catch (error) {
        this.#fail(reportOf(error) ?? error);
        wish = undefined;
        continue;
      }
      if (message.tag === Backend.ReadyForQuery) return this.#end();
      wish = this.#take(message) ?? this.#rows;
    }
  }

  #end(): void {
    this.#connection.emit("readyForQuery", { name: "readyForQuery" });
    this.#guard(() => this.#submittable.handleReadyForQuery?.(this.#connection));
  }

  /** Passes a message on. Returns a promise that holds the next one, or the sink of data that follow. */
  #take({ tag, reader }: Message): Promise<void> | CopySink | undefined {
    const submittable = this.#submittable;
    const connection = this.#connection;
    switch (tag) {
      case Backend.RowDescription: {
        const columns = readRowDescription(reader);
        const fields = fieldsOf(columns);
        this.#formats = fields.map(({ format }) => format);
        const message = { name: "rowDescription" as const, fields };
        this.#connection.emit("rowDescription", message);
        return this.#guard(() => {
          submittable.handleRowDescription?.(message);
          this.#read = submittable._rowReader?.(columns);
        });
      }
      case Backend.DataRow:
        return this.#row(reader);
      case Backend.CommandComplete: {
        const text = readCommandTag(reader);
        if (this.#formats.length === 0) this.#connection._completed(text);
        const message = { name: "commandComplete" as const, text };
        return this.#guard(() => submittable.handleCommandComplete?.(message, connection));
      }
      case Backend.PortalSuspended:
        return this.#guard(() => submittable.handlePortalSuspended?.(connection));
      case Backend.EmptyQueryResponse:
        return this.#guard(() => submittable.handleEmptyQuery?.(connection));
      case Backend.CopyInResponse:
        return this.#guard(() => submittable.handleCopyInResponse?.(connection));
      case Backend.CopyOutResponse:
        connection.emit("copyOutResponse", { name: "copyOutResponse" });
        return this.#copies;
      default:
        this.#connection.emit(EVENTS.get(tag) ?? "message", { name: EVENTS.get(tag) });
        return undefined;
    }
  }

  /** Passes data of a COPY on. */
  #copy(reader: Reader): Promise<void> | undefined {
    const submittable = this.#submittable;
    try {
      if (submittable._copyReader !== undefined) return submittable._copyReader(reader);
      const message = { name: "copyData" as const, chunk: pooledRest(reader) };
      return submittable.handleCopyData?.(message, this.#connection) ?? undefined;
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  #row(reader: Reader): undefined {
    if (this.#read !== undefined) return this.#readRow(this.#read, reader);
    const count = reader.uint16();
    const fields: DataRowMessage["fields"] = [];
    for (let i = 0; i < count; i++) {
      const length = reader.int32();
      if (length < 0) fields.push(null);
      else if (this.#formats[i] === "binary") fields.push(Buffer.from(reader.bytes(length)));
      else {
        const start = reader.take(length);
        fields.push(reader.utf8(start, start + length));
      }
    }
    reader.finish();
    this.#guard(() => this.#submittable.handleDataRow?.({ name: "dataRow", fields }));
  }

  #readRow(read: (reader: Reader) => void, reader: Reader): undefined {
    try {
      read(reader);
    } catch (error) {
      if (error instanceof ProtocolError) throw error;
      this.#fail(queryError(error));
    }
  }

  /** Calls a handler. Its error is the Submittable's. */
  #guard(work: () => Promise<void> | void): Promise<void> | undefined {
    try {
      return work() ?? undefined;
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  #fail(error: unknown): void {
    this.#connection._failed = this.#submittable;
    try {
      this.#submittable.handleError(error, this.#connection as never);
    } finally {
      if (!this.#connection._hasSync) this.#connection.sync();
    }
  }
}

/** The events of messages that have no handler. */
const EVENTS: ReadonlyMap<number, string> = new Map<number, string>([
  [Backend.ParseComplete, "parseComplete"],
  [Backend.BindComplete, "bindComplete"],
  [Backend.CloseComplete, "closeComplete"],
  [Backend.NoData, "noData"],
  [Backend.ParameterDescription, "parameterDescription"],
  [Backend.CopyDone, "copyDone"],
]);
