import { EventEmitter } from "../node.ts";
import type { ConnectionStream } from "./connection_stream.ts";
import type { Session } from "../../session/session.ts";

/** An object that sends messages by itself once its turn has come: a cursor, a query stream. */
export interface Submittable {
  /** Sends the first messages. Returns an error if it cannot. */
  submit(connection: Connection): Error | null | undefined | void;
  /** Called with an error of the server, or of the client. */
  handleError(error: unknown, connection: Connection): void;
  /** Called when the server is ready for the next query. */
  handleReadyForQuery(connection: Connection): void;
  /** Called once, if the Submittable calls it; the client sets it where it was passed to `query()`. */
  callback?: ((error: unknown, result?: unknown) => void) | undefined;
  /** The result, whose parsers the client chooses. */
  _result?: { _types?: unknown };
  /** Whether values come in binary format. */
  binary?: boolean | undefined;
}

/** The connection of a client, as an emitter of protocol events: `parameterStatus`, `end`. */
export class Connection extends EventEmitter {
  /** The texts of named statements, by name. */
  readonly parsedStatements: Record<string, string> = {};
  /** The texts of named statements that are sent and not answered. */
  readonly submittedNamedStatements: Record<string, string> = {};
  /** The socket, as far as it can be reached. */
  readonly stream: ConnectionStream;

  readonly #end: () => void;

  /** Creates a connection over a stream; `end` closes it in order. */
  constructor(stream: ConnectionStream, end: () => void) {
    super();
    this.stream = stream;
    this.#end = end;
  }

  /** Closes the connection in order, without the knowledge of the client. */
  end(): void {
    this.#end();
  }

  /**
   * @internal Runs a Submittable while nothing else is sent on the session. Resolves when it has ended.
   */
  run(_submittable: Submittable, _session: Session): Promise<void> {
    return Promise.reject(new Error("Submittables are not supported yet"));
  }
}
