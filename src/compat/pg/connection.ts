import { EventEmitter } from "../../runtime/node_events.ts";
import type { Session } from "../../session/session.ts";

/** The part of a socket that others use on a client's connection. */
export interface ConnectionStream {
  /** Ends the connection at once; `error` is the reason. */
  destroy(error?: Error): void;
  cork(): void;
  uncork(): void;
}

/** An object that sends messages by itself once its turn has come: a cursor, a query stream. */
export interface Submittable {
  /** Sends the first messages. Returns an error if it cannot. */
  submit(connection: Connection): Error | null | undefined | void;
  // deno-lint-ignore no-explicit-any
  [member: string]: any;
}

/** The connection of a client, as an emitter of protocol events: `parameterStatus`, `end`. */
export class Connection extends EventEmitter {
  /** The texts of named statements, by name. */
  readonly parsedStatements: Record<string, string> = {};
  /** Always empty: a statement's name counts as parsed once its query has succeeded. */
  readonly submittedNamedStatements: Record<string, string> = {};
  readonly stream: ConnectionStream;

  constructor(stream: ConnectionStream) {
    super();
    this.stream = stream;
  }

  /**
   * @internal Runs a Submittable while nothing else is sent on the session. Resolves when it has ended.
   */
  run(_submittable: Submittable, _session: Session): Promise<void> {
    return Promise.reject(new Error("Submittables are not supported yet"));
  }
}
