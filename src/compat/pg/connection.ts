import type { Writer } from "../../bytes/writer.ts";
import {
  beginBind,
  close,
  copyData,
  copyDone,
  copyFail,
  describe,
  endBind,
  flush,
  parse,
  query,
  sync,
} from "../../protocol/frontend.ts";
import { execute } from "../../protocol/portal_messages.ts";
import { Kind } from "../../protocol/tags.ts";
import type { Context } from "../../query/context.ts";
import { writeRaw } from "../../query/raw_parameters.ts";
import { EventEmitter, nextTick } from "../node.ts";
import type { ConnectionStream } from "./connection_stream.ts";
import type { Submittable } from "./submittable.ts";
import { SubmittableRequest } from "./submittable_request.ts";

/** Appends messages. */
type Append = (write: (out: Writer) => void) => void;

/**
 * The connection of a client, as an emitter of protocol events: `parameterStatus`, `end`, and while a
 * Submittable runs `rowDescription`, `noData`, `readyForQuery` and the like. Only a Submittable may send
 * messages, from its `submit()` to ReadyForQuery.
 */
export class Connection extends EventEmitter {
  /** The texts of named statements, by name. */
  readonly parsedStatements: Record<string, string> = {};
  /** The texts of named statements that are sent and not answered. */
  readonly submittedNamedStatements: Record<string, string> = {};
  /** The socket, as far as it can be reached. */
  readonly stream: ConnectionStream;
  readonly #end: () => void;
  #append: Append | undefined;
  #context: Context | undefined;
  #request: SubmittableRequest | undefined;
  /** Whether the server owes a ReadyForQuery. */
  #hasSync = false;

  /** Creates a connection over a stream; `end` closes it in order. */
  constructor(stream: ConnectionStream, end: () => void) {
    super();
    this.stream = stream;
    this.#end = end;
  }

  /** @internal The Submittable that has got an error, and gets no second one. */
  _failed: Submittable | undefined = undefined;

  /** @internal Whether ReadyForQuery is due. */
  get _hasSync(): boolean {
    return this.#hasSync;
  }

  /** Closes the connection in order, without the knowledge of the client. */
  end(): void {
    this.#end();
  }

  /** Sends Parse. */
  parse({ text, name = "", types = [] }: {
    text: string;
    name?: string;
    types?: readonly number[];
  }): void {
    this.#note(text);
    const oids = Array.isArray(types) ? types : [];
    this.#send((out) => parse(out, name, text, oids));
  }

  /** Sends Bind. A value that is bytes goes in binary format, another as text. */
  bind({ portal = "", statement = "", values, binary = false, valueMapper }: {
    portal?: string;
    statement?: string;
    values?: readonly unknown[] | null;
    binary?: boolean;
    valueMapper?: (value: unknown, index: number) => unknown;
  } = {}): void {
    const mapped = (values ?? []).map((value, i) =>
      plain(valueMapper ? valueMapper(value, i) : value)
    );
    this.#send((out) => {
      const at = beginBind(out, portal, statement);
      writeRaw(out, mapped);
      endBind(out, at, [binary ? 1 : 0]);
    });
  }

  /** Sends Describe of a portal or a statement. */
  describe({ type, name = "" }: { type: "P" | "S"; name?: string }): void {
    this.#send((out) => describe(out, kindOf(type), name));
  }

  /** Sends Execute. */
  execute({ portal = "", rows = 0 }: { portal?: string; rows?: number } = {}): void {
    this.#send((out) => execute(out, portal, rows));
  }

  /** Sends Close of a portal or a statement. After ReadyForQuery the portal is gone already. */
  close({ type, name = "" }: { type: "P" | "S"; name?: string }): void {
    if (this.#isOver()) return;
    this.#send((out) => close(out, kindOf(type), name));
  }

  /** Sends Flush. After ReadyForQuery it does nothing, and so does Sync. */
  flush(): void {
    if (this.#isOver()) return;
    this.#send(flush);
  }

  /** Sends Sync, to which the server answers with ReadyForQuery. */
  sync(): void {
    if (this.#isOver()) return;
    this.#hasSync = true;
    this.#send(sync);
  }

  /** Sends a text by the simple protocol. */
  query(text: string): void {
    this.#note(text);
    this.#hasSync = true;
    this.#send((out) => query(out, text));
  }

  /** Sends data of a COPY. */
  sendCopyFromChunk(chunk: Uint8Array): void {
    this.#send((out) => copyData(out, chunk));
  }

  /** Ends the data of a COPY. */
  endCopyFrom(): void {
    this.#send(copyDone);
  }

  /** Fails a COPY. */
  sendCopyFail(reason: string): void {
    this.#send((out) => copyFail(out, String(reason)));
  }

  /**
   * @internal Runs a Submittable while nothing else is sent on the session. Resolves at ReadyForQuery.
   */
  async _run(submittable: Submittable, context: Context): Promise<void> {
    this.#context = context;
    this.#hasSync = false;
    const request = this.#request = new SubmittableRequest(submittable, this);
    try {
      await context.session.request(request);
    } finally {
      this.#append = this.#request = undefined;
    }
  }

  /** @internal Calls `submit()`, whose messages go to `out`; later ones are appended to the session. */
  _submit(submittable: Submittable, out: Writer): Error | undefined {
    const { session } = this.#context!;
    this.#append = (write) => write(out);
    const refusal = submittable.submit(this);
    this.#append = (write) => session.append(write);
    return refusal ?? undefined;
  }

  /** @internal Notes a command that has returned no rows. */
  _completed(tag: string): void {
    this.#context?.completed(tag);
  }

  /** @internal Resolves when what was sent has left. */
  _drained(): Promise<void> {
    return this.#context?.session.wire.drained() ?? Promise.resolve();
  }

  /** @internal Cancels the Submittable's statement on the server. */
  _cancel(): void {
    if (this.#request !== undefined) void this.#context?.session.cancel(this.#request);
  }

  /** Notes a text for the driver's own statements, whose meaning it may change. */
  #note(text: string): void {
    this.#context?.exactness.noteText(text);
    this.#context?.cache.sending(text, undefined);
  }

  /**
   * Reports whether Sync was sent, behind which a Submittable has nothing to send. One that waits for
   * ReadyForQuery afterwards gets the event.
   */
  #isOver(): boolean {
    if (this.#append === undefined) nextTick(() => this.emit("readyForQuery"));
    return this.#append === undefined || this.#hasSync;
  }

  #send(write: (out: Writer) => void): void {
    if (this.#append === undefined) {
      throw new Error("only a Submittable may send messages, from submit() to ReadyForQuery");
    }
    this.#append(write);
  }
}

function kindOf(type: "P" | "S"): number {
  return type === "S" ? Kind.Statement : Kind.Portal;
}

function plain(value: unknown): unknown {
  if (value === null || value === undefined) return null;
  return value instanceof Uint8Array ? value : String(value);
}
