/** The steps of a scripted server's script; scripted_server.ts exports them all and explains. */
import type { ClientMessage } from "./client_messages.ts";
import type { Peer } from "./peer.ts";
import {
  authenticationOk,
  backendKeyData,
  type Bytes,
  concat,
  parameterStatus,
  readyForQuery,
} from "./server_messages.ts";
import type { ServerTls } from "./tls_bridge.ts";

/** One thing the server does. */
export interface Step {
  /** The step's name in a transcript. */
  readonly title: string;
  run(peer: Peer): Promise<void> | void;
}

/** Steps in order; nested scripts are run in place. */
export type Script = readonly (Step | Script)[];

/** Waits for one message with this tag (`startup`, `ssl`, `gss`, `cancel` for untyped ones). */
export function expect(tag: string, check?: (message: ClientMessage, peer: Peer) => void): Step {
  return {
    title: `expect ${tag}`,
    async run(peer) {
      const message = await peer.receive(`expect ${tag}`);
      if (message.tag !== tag) throw new Error(`expected ${tag}, the client sent ${message.tag}`);
      check?.(message, peer);
    },
  };
}

/** Waits for these messages in this order: `expectAll("P", "B", "D", "E", "S")`. */
export function expectAll(...tags: readonly string[]): Script {
  return tags.map((tag) => expect(tag));
}

/** Waits for the client to close, with or without a Terminate first. Anything else it sends fails. */
export function expectClose(): Step {
  return {
    title: "expect close",
    async run(peer) {
      for (let message = await peer.next(); message !== undefined; message = await peer.next()) {
        if (message.tag !== "X") {
          throw new Error(`expected the end, the client sent ${message.tag}`);
        }
      }
    },
  };
}

/** Sends messages, each by the server's delivery mode. Any bytes will do, whole messages or not. */
export function send(...messages: readonly Bytes[]): Step {
  return { title: "send", run: (peer) => peer.send(...messages) };
}

/** Sends FIN; what the client still sends is read. */
export function close(): Step {
  return { title: "close", run: (peer) => peer.close() };
}

/** Sends RST. */
export function reset(): Step {
  return { title: "reset", run: (peer) => peer.reset() };
}

/** Does nothing for a while (seconds), after everything to send has been sent. */
export function wait(seconds: number): Step {
  return { title: `wait ${seconds} s`, run: (peer) => peer.wait(seconds) };
}

/** Reads, answers nothing, and is over when the client closes, however it does. */
export function ignore(): Step {
  return {
    title: "ignore",
    async run(peer) {
      while (await peer.next({ forever: true }) !== undefined);
    },
  };
}

/** Stops reading for good, so that the client's writes fill the socket's buffers. */
export function deaf(): Step {
  return { title: "deaf", run: (peer) => peer.deaf() };
}

/** Does anything at all. */
export function call(title: string, run: (peer: Peer) => Promise<void> | void): Step {
  return { title, run };
}

/** Expects SSLRequest and answers it: `S`, `N`, or any other bytes. */
export function answerSsl(answer: Bytes): Script {
  return [expect("ssl"), send(answer)];
}

/**
 * Shakes hands as a TLS server; everything after is encrypted. Give `cert` and `key` (PEM), see
 * certs.ts. `fails: true` expects the client to refuse instead, and ends with its connection.
 */
export function startTls(tls: ServerTls): Step {
  return { title: "start TLS", run: (peer) => peer.startTls(tls) };
}

/** Answers every message by calling `answer`, until the client closes or says Terminate. */
export function serve(
  answer: (message: ClientMessage, peer: Peer) => Promise<void> | void,
): Step {
  return {
    title: "serve",
    async run(peer) {
      for (;;) {
        const message = await peer.next({ forever: true });
        if (message === undefined || message.tag === "X") return;
        await answer(message, peer);
      }
    },
  };
}

/** The parts of a {@linkcode handshake}; each has a default. */
export interface HandshakeOptions {
  /** Steps between StartupMessage and AuthenticationOk; none (trust) by default. */
  readonly authentication?: Script;
  /** Replaces or adds to the parameters a server reports. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly processId?: number;
  readonly key?: Uint8Array;
  readonly check?: (startup: ClientMessage) => void;
}

/** StartupMessage to ReadyForQuery, as PostgreSQL 18 would; answers SSLRequest with `N` before it. */
export function handshake(options: HandshakeOptions = {}): Script {
  const parameters = { ...PARAMETERS, ...options.parameters };
  return [
    call("startup", async (peer) => {
      let message = await peer.receive("a StartupMessage");
      while (message.tag === "ssl" || message.tag === "gss") {
        await peer.send("N");
        message = await peer.receive("a StartupMessage");
      }
      if (message.tag !== "startup") throw new Error(`expected startup, got ${message.tag}`);
      options.check?.(message);
    }),
    options.authentication ?? [],
    send(
      authenticationOk(),
      ...Object.entries(parameters).map(([name, value]) => parameterStatus(name, value)),
      backendKeyData(options.processId, options.key),
      readyForQuery(),
    ),
  ];
}

const PARAMETERS = {
  server_version: "18.4",
  server_encoding: "UTF8",
  client_encoding: "UTF8",
  DateStyle: "ISO, MDY",
  IntervalStyle: "postgres",
  TimeZone: "UTC",
  integer_datetimes: "on",
  standard_conforming_strings: "on",
  in_hot_standby: "off",
  default_transaction_read_only: "off",
};

/** Joins bytes, for a `send` that must leave in one piece even with delivery `whole`. */
export function together(...messages: readonly Bytes[]): Uint8Array {
  return concat(...messages);
}
