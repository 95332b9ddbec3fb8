/**
 * The server's side of a connection to PGlite. PGlite runs PostgreSQL's message handler in this
 * process, as a function from whole messages to replies; this file makes a server of it.
 *
 * - PGlite negotiates no encryption and ignores the settings of a StartupMessage, so both are done
 *   here. It must not see Terminate, which would end the database.
 * - A COPY FROM STDIN that does not find its data in the same call ends the instance. So its Execute
 *   is held back until the client has sent the last of the data, and CopyInResponse is sent from here.
 */
import { OperationalError } from "../errors/errors.ts";
import * as ownSql from "../own_sql.ts";
import { Backend, Frontend, RequestCode } from "../protocol/tags.ts";
import { copyInResponse, fatal, int32, joined, MAX_BYTES, messagesIn, Packets } from "./packets.ts";
import { query, stringAt, sync } from "./packets.ts";

/** The part of a PGlite instance that the driver uses. */
export interface PGliteInstance {
  /** Resolves when the database has started. */
  readonly waitReady: Promise<void>;
  /** Whether the database was closed. */
  readonly closed: boolean;
  /** Runs whole messages of the protocol and resolves to the replies. */
  execProtocolRaw(message: Uint8Array, options?: { syncToFs?: boolean }): Promise<Uint8Array>;
  /** Runs `work` while no other query of the instance runs. */
  runExclusive<T>(work: () => Promise<T>): Promise<T>;
  /** Closes the database. */
  close(): Promise<void>;
}

/** The instances that a connection uses: each has one session. */
const IN_USE = new WeakSet<PGliteInstance>();

const NO = 0x4e; // N
const IDLE = 0x49; // I
const COPY =
  /^\s*(?:(?:--[^\n]*\n|\/\*(?:[^*]|\*(?!\/))*\*\/)\s*)*copy\b[^]*\bfrom\s+(?:stdin|'stdin')/i;
const BINARY = /\bbinary\b/i;

/** Takes a client's bytes in pieces of any size, and sends replies. */
export class PGliteBackend {
  readonly #pglite: PGliteInstance;
  readonly #send: (replies: Uint8Array) => void;
  readonly #packets = new Packets();
  #isStarted = false;
  /** Whether messages are skipped up to the next Sync, because of an error. */
  #isSkipping = false;
  /** The transaction status in the last ReadyForQuery. */
  #status = IDLE;
  /** The texts of COPY statements, by the names of statements and portals that stand for them. */
  readonly #copies = { statements: new Map<string, string>(), portals: new Map<string, string>() };
  /** A COPY that waits for its data: its Execute or Query, and what followed. */
  #held: { readonly messages: Uint8Array[]; bytes: number; readonly isSimple: boolean } | undefined;

  /**
   * Reserves the instance until {@linkcode PGliteBackend.leave}. `send` gets the replies and owns them.
   *
   * @throws {OperationalError} another connection uses the instance.
   */
  constructor(pglite: PGliteInstance, send: (replies: Uint8Array) => void) {
    if (IN_USE.has(pglite)) {
      throw new OperationalError(
        "PGlite has one session, and another connection uses it; close that one first, or use a " +
          "pool with max: 1",
        { code: "53300" },
      );
    }
    IN_USE.add(pglite);
    this.#pglite = pglite;
    this.#send = send;
  }

  /**
   * Runs the messages that `bytes` completes. Resolves to `false` when the client has said goodbye.
   *
   * @throws {OperationalError} PGlite was closed, or the bytes are not the protocol's.
   */
  async receive(bytes: Uint8Array): Promise<boolean> {
    this.#packets.push(bytes);
    while (!this.#isStarted) {
      const packet = this.#packets.take(0);
      if (packet === undefined) return true;
      if (!await this.#start(packet)) return false;
    }
    return await this.#messages();
  }

  /** Ends the session as a server does: rolls back, resets it, and frees the instance. */
  async leave(): Promise<void> {
    try {
      if (this.#pglite.closed || !this.#isStarted) return;
      this.#held = undefined;
      if (this.#isSkipping) await this.#run(sync());
      if (this.#status !== IDLE) await this.#run(query(ownSql.ROLLBACK));
      await this.#run(query(ownSql.DISCARD_ALL));
    } finally {
      IN_USE.delete(this.#pglite);
    }
  }

  /** Answers a request for encryption or hands over the StartupMessage; `false`: a CancelRequest. */
  async #start(packet: Uint8Array): Promise<boolean> {
    const code = int32(packet, 4);
    if (code === RequestCode.Cancel) return false;
    if (code === RequestCode.Ssl || code === RequestCode.Gssenc) {
      this.#send(Uint8Array.of(NO));
      return true;
    }
    const parameters = parametersOf(packet);
    // PGlite would take every later session for one of replication, too.
    if (!NO_REPLICATION.has(parameters.get("replication") ?? "off")) {
      this.#send(fatal("0A000", "PGlite has no replication"));
      return false;
    }
    await this.#pglite.waitReady;
    const settings = assignments(parameters);
    if (settings !== "") await this.#run(query(settings));
    this.#send(await this.#run(packet));
    this.#isStarted = true;
    return true;
  }

  async #messages(): Promise<boolean> {
    let batch: Uint8Array[] = [];
    const run = async (): Promise<void> => {
      const messages = batch;
      batch = [];
      if (messages.length > 0) this.#send(await this.#run(joined(messages)));
    };
    for (let next; (next = this.#packets.take(1)) !== undefined;) {
      if (next[0] === Frontend.Terminate) {
        await run();
        return false;
      }
      if (this.#held !== undefined) await this.#collect(next);
      else {
        const copy = this.#copyOf(next);
        // An error in what was sent before makes the server skip the COPY.
        if (copy !== undefined) await run();
        if (copy === undefined || this.#isSkipping) batch.push(next);
        else this.#hold(next, copy);
      }
    }
    await run();
    return true;
  }

  /** The COPY FROM STDIN that this message would run, if it would. */
  #copyOf(message: Uint8Array): string | undefined {
    const { statements, portals } = this.#copies;
    switch (message[0]) {
      case Frontend.Parse:
        remember(statements, stringAt(message, 0), copyText(stringAt(message, 1)));
        return undefined;
      case Frontend.Bind:
        remember(portals, stringAt(message, 0), statements.get(stringAt(message, 1)));
        return undefined;
      case Frontend.Execute:
        return portals.get(stringAt(message, 0));
      case Frontend.Query:
        return copyText(stringAt(message, 0));
      default:
        return undefined;
    }
  }

  #hold(message: Uint8Array, text: string): void {
    const isSimple = message[0] === Frontend.Query;
    this.#held = { messages: [message], bytes: message.length, isSimple };
    this.#send(copyInResponse(BINARY.test(text)));
  }

  /** Adds to the held COPY, and runs it at its end: Sync, or in a simple query the end of its data. */
  async #collect(message: Uint8Array): Promise<void> {
    const { messages, isSimple } = this.#held!;
    if (message[0] === Frontend.Flush) return;
    messages.push(message);
    this.#held!.bytes += message.length;
    if (this.#held!.bytes > MAX_BYTES) {
      throw new OperationalError(`PGlite runs a COPY as a whole, of at most ${MAX_BYTES} bytes`);
    }
    const isEnd = message[0] === Frontend.CopyDone || message[0] === Frontend.CopyFail;
    if (message[0] !== Frontend.Sync && !(isSimple && isEnd)) return;
    this.#held = undefined;
    for (const reply of messagesIn(await this.#run(joined(messages)))) {
      if (reply[0] !== Backend.CopyInResponse) this.#send(reply);
    }
  }

  async #run(messages: Uint8Array): Promise<Uint8Array> {
    if (this.#pglite.closed) throw new OperationalError("PGlite was closed", { code: "57P01" });
    const run = () => this.#pglite.execProtocolRaw(messages, { syncToFs: true });
    // A copy: the memory belongs to PGlite.
    const replies = (await this.#pglite.runExclusive(run)).slice();
    for (const reply of messagesIn(replies)) {
      if (reply[0] === Backend.ErrorResponse) this.#isSkipping = true;
      if (reply[0] !== Backend.ReadyForQuery) continue;
      this.#isSkipping = false;
      this.#status = reply[5]!;
    }
    return replies;
  }
}

function remember(texts: Map<string, string>, name: string, text: string | undefined): void {
  if (text === undefined) texts.delete(name);
  else texts.set(name, text);
}

function copyText(text: string): string | undefined {
  return COPY.test(text) ? text : undefined;
}

/** The parameters of a StartupMessage. */
function parametersOf(startup: Uint8Array): Map<string, string> {
  const parts = new TextDecoder().decode(startup.subarray(8)).split("\0");
  const parameters = new Map<string, string>();
  for (let i = 0; i + 1 < parts.length && parts[i] !== ""; i += 2) {
    parameters.set(parts[i]!, parts[i + 1]!);
  }
  return parameters;
}

/** The query that sets the run-time parameters among `parameters`; empty if there are none. */
function assignments(parameters: ReadonlyMap<string, string>): string {
  const calls = [...parameters]
    .filter(([name]) => !NOT_SETTINGS.has(name) && !name.startsWith("_pq_."))
    .map(([name, value]) => `pg_catalog.set_config('${quoted(name)}', '${quoted(value)}', false)`);
  return calls.length === 0 ? "" : `select ${calls.join(", ")}`;
}

/** The values of the parameter `replication` that stand for an ordinary session. */
const NO_REPLICATION: ReadonlySet<string> = new Set(["false", "off", "no", "0"]);

/** PGlite has one user and one database. */
const NOT_SETTINGS: ReadonlySet<string> = new Set([
  ...["user", "database", "replication", "options", "client_encoding"],
]);

function quoted(text: string): string {
  return text.replaceAll("'", "''");
}
