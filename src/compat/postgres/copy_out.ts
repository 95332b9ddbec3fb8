import type { Reader } from "../../bytes/reader.ts";
import type { Writer } from "../../bytes/writer.ts";
import {
  begin,
  begun,
  expect,
  hitByAnothersCancel,
  isNoCopy,
  rowsOf,
} from "../../features/copy_statement.ts";
import { sync } from "../../protocol/frontend.ts";
import { Backend } from "../../protocol/tags.ts";
import { endCopy } from "../../query/copy_guard.ts";
import type { Conversation, Request } from "../../session/exchange.ts";
import type { Session } from "../../session/session.ts";
import { pooledRest } from "../pooled_rest.ts";
import { Readable } from "./node_library.ts";

/**
 * A `copy … to stdout` whose data goes to a stream of Node, each message of the server as one chunk. In
 * the text and CSV formats that is a row. The server waits while the stream is full.
 */
export class CopyOutRequest implements Request<void> {
  readonly #session: Session;
  readonly #text: string;
  readonly #begun: (stream: Readable) => void;
  #stream: Readable | undefined;
  /** Lets the next message in. */
  #resume: (() => void) | undefined;
  #isLeft = false;
  #isOver = false;

  /** `begun` is called with the stream when the server has accepted the statement. */
  constructor(session: Session, text: string, begun: (stream: Readable) => void) {
    this.#session = session;
    this.#text = text;
    this.#begun = begun;
  }

  write(out: Writer): void {
    if (this.#stream !== undefined) throw hitByAnothersCancel();
    begin(out, this.#text);
    sync(out);
  }

  *talk(): Conversation<void> {
    let message = yield* begun();
    if (message.tag === Backend.CopyInResponse) {
      throw endCopy(this.#session, message.tag, "extended");
    }
    if (message.tag !== Backend.CopyOutResponse) throw isNoCopy(message, "to stdout");
    const stream = this.#stream = this.#readable();
    this.#begun(stream);
    message = yield { take: (reader) => this.#take(reader), isDuplex: false };
    expect(message, Backend.CopyDone);
    rowsOf(yield);
  }

  /** Discards data from now on, which a program does not want. */
  leave(): void {
    this.#isLeft = true;
    this.#letIn();
    if (!this.#isOver && this.#session.transactionStatus === "idle") this.#session.cancel(this);
  }

  /** Stops holding messages back, so that the cancel can be answered. */
  stop(): void {
    this.#isLeft = true;
    this.#letIn();
  }

  /** The COPY is complete. */
  succeeded(): void {
    this.#isOver = true;
    if (!this.#isLeft) this.#stream?.push(null);
  }

  /** The COPY has failed: the stream ends with the error. */
  failed(error: unknown): void {
    this.#isOver = true;
    if (!this.#isLeft) this.#stream?.destroy(error as Error);
  }

  /** Passes a chunk on. Returns a promise while the stream is full. */
  #take(reader: Reader): Promise<void> | undefined {
    const chunk = pooledRest(reader);
    if (this.#isLeft || this.#stream!.push(chunk)) return undefined;
    return new Promise((resolve) => this.#resume = resolve);
  }

  #letIn(): void {
    this.#resume?.();
    this.#resume = undefined;
  }

  #readable(): Readable {
    return new Readable({
      highWaterMark: 65_536,
      read: () => this.#letIn(),
      destroy: (error, callback) => {
        if (!this.#isOver) this.leave();
        callback(error);
      },
    });
  }
}
