/**
 * One connection of a scripted server: cuts the client's bytes into messages, sends by delivery
 * mode, and keeps the transcript. Steps are written against this; see scripted_server.ts.
 */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { type ClientMessage, describeMessage, takeMessage } from "./client_messages.ts";
import { reset } from "./reset.ts";
import { type Bytes, concat } from "./server_messages.ts";
import { acceptTls, type ServerTls } from "./tls_bridge.ts";
import { Turns } from "./turn.ts";

/**
 * How a server's bytes leave: `whole`, a write per message; `bytes`, a write per byte; `coalesced`,
 * everything between two waits in one write. The kernel may join writes; it never splits `whole`
 * ones below a packet.
 */
export type Delivery = "whole" | "bytes" | "coalesced";

/** The settings of a {@linkcode Peer}. */
export interface PeerOptions {
  readonly delivery: Delivery;
  /** Seconds to wait for an expected message. */
  readonly patience: number;
  readonly onMessage: (message: ClientMessage) => void;
}

/** Thrown by a step to end the script without failing it. */
export class EndOfScript extends Error {}

/** The server's end of one connection. */
export class Peer {
  /** One line per message, step and event. */
  readonly transcript: string[] = [];
  /** The messages that this client has sent so far. */
  readonly received: ClientMessage[] = [];
  /** The TLS layer once `startTls` is through: `alpnProtocol`, `getPeerCertificate()`, … */
  tls: TLSSocket & { readonly servername?: string | false } | undefined;
  /** Values that one step leaves for a later one. */
  readonly notes: Map<string, unknown> = new Map();
  readonly #raw: Socket;
  #channel: Socket;
  readonly #options: PeerOptions;
  #input: Uint8Array = new Uint8Array(0);
  #pending: Uint8Array[] = [];
  #inTlsHandshake: ((bytes: Uint8Array) => void) | undefined;
  #first = true;
  #ended = false;
  #over = false;
  #wake: () => void = () => {};
  readonly #turns = new Turns();

  constructor(socket: Socket, options: PeerOptions) {
    this.#raw = this.#channel = socket;
    this.#options = options;
    socket.setNoDelay(true);
    socket.on(
      "data",
      (bytes) => this.#inTlsHandshake ? this.#inTlsHandshake(bytes) : this.#take(bytes),
    );
    this.#watch(socket);
  }

  /** The next message; `undefined` when the client has closed. Sends what is pending first. */
  async next(how: { forever?: boolean; what?: string } = {}): Promise<ClientMessage | undefined> {
    const deadline = how.forever ? Infinity : Date.now() + this.#options.patience * 1000;
    for (;;) {
      const taken = takeMessage(this.#input, this.#first);
      if (taken) return this.#record(taken.message, taken.size);
      const known = this.#input.length;
      await this.flush();
      if (this.#input.length > known) continue; // the last message, and FIN right behind it
      if (this.#ended) return this.#onlyWholeMessages();
      if (Date.now() >= deadline) throw new Error(`waited in vain for ${how.what ?? "the client"}`);
      await this.#activity(deadline - Date.now());
    }
  }

  /** The next message; throws when the client closes instead. */
  async receive(what: string): Promise<ClientMessage> {
    const message = await this.next({ what });
    if (message === undefined) throw new Error(`the client closed the connection before: ${what}`);
    return message;
  }

  /** Sends messages by the delivery mode. A client that is gone is not an error. */
  async send(...messages: readonly Bytes[]): Promise<void> {
    for (const message of messages) {
      const bytes = concat(message);
      this.note(`-> ${describeBytes(bytes)}`);
      if (this.#options.delivery === "coalesced") this.#pending.push(bytes);
      else if (this.#options.delivery === "bytes") await this.#dribble(bytes);
      else await this.#write(bytes);
    }
  }

  /** Writes what `coalesced` delivery has held back. */
  async flush(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    if (pending.length > 0) await this.#write(concat(...pending));
  }

  async wait(seconds: number): Promise<void> {
    await this.flush();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }

  /** FIN (under TLS with close_notify). */
  async close(): Promise<void> {
    await this.flush();
    this.#channel.end();
  }

  /** RST, under TLS too. Node 20 reports one right behind data as an orderly end: hence the turn. */
  async reset(): Promise<void> {
    await this.flush();
    await this.#turns.next();
    reset(this.#raw);
    this.#channel.destroy();
  }

  /** FIN without TLS's close_notify. */
  async truncate(): Promise<void> {
    await this.flush();
    this.#raw.end();
  }

  /** Stops reading. */
  async deaf(): Promise<void> {
    await this.flush();
    this.#channel.pause();
    this.#raw.pause();
  }

  async startTls(tls: ServerTls): Promise<void> {
    await this.flush();
    const early = this.#input;
    this.#input = new Uint8Array(0);
    const accepted = await acceptTls(this.#raw, early, tls, (feed) => this.#inTlsHandshake = feed);
    if (accepted === undefined) return;
    this.tls = this.#channel = accepted;
    this.note(`TLS ${accepted.getProtocol()}, server name ${this.tls.servername || "none"}`);
    accepted.on("data", (bytes: Uint8Array) => this.#take(bytes));
    this.#watch(accepted);
  }

  /** Adds a line to the transcript. */
  note(line: string): void {
    this.transcript.push(line);
  }

  /** The script is over: hang up when the client does. */
  finish(): void {
    this.#over = true;
    if (this.#ended) this.#channel.end();
  }

  destroy(): void {
    this.#turns.close();
    this.#channel.destroy();
    this.#raw.destroy();
  }

  #record(message: ClientMessage, size: number): ClientMessage {
    this.#input = this.#input.subarray(size);
    this.#first = message.tag === "ssl" || message.tag === "gss";
    this.received.push(message);
    this.note(`<- ${describeMessage(message)}`);
    this.#options.onMessage(message);
    return message;
  }

  #onlyWholeMessages(): undefined {
    if (this.#input.length > 0) {
      throw new Error(`the client left ${this.#input.length} bytes of an unfinished message`);
    }
  }

  #take(bytes: Uint8Array): void {
    this.#input = this.#input.length === 0 ? bytes : concat(this.#input, bytes);
    if (this.#over) this.#recordRest();
    this.#wake();
  }

  #recordRest(): void {
    for (let taken = this.#tryTake(); taken; taken = this.#tryTake()) {
      this.#record(taken.message, taken.size);
    }
  }

  #tryTake(): ReturnType<typeof takeMessage> {
    try {
      return takeMessage(this.#input, this.#first);
    } catch (error) {
      this.note(`after the script: ${error}`);
      this.#input = new Uint8Array(0);
      return undefined;
    }
  }

  /** Under TLS the raw socket's end may come before the last decrypted byte, and does not count. */
  #watch(channel: Socket): void {
    const end = (why: string): void => {
      if (channel === this.#channel) this.#end(why);
    };
    channel.on("end", () => end("client sent FIN"));
    channel.on("error", (error) => end(`connection lost: ${error.message}`));
    channel.on("close", () => end("connection closed"));
  }

  #end(why: string): void {
    if (!this.#ended) this.note(why);
    this.#ended = true;
    if (this.#over) this.#channel.end();
    this.#wake();
  }

  #activity(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = milliseconds === Infinity ? undefined : setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = () => {};
        resolve();
      };
    });
  }

  /** Byte by byte with a turn of the event loop between; a long message's tail in larger pieces. */
  async #dribble(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const size = at < 2048 ? 1 : 1021;
      await this.#write(bytes.subarray(at, at += size));
      await this.#turns.next();
    }
  }

  #write(bytes: Uint8Array): Promise<void> {
    if (this.#channel.destroyed || !this.#channel.writable) return Promise.resolve();
    return new Promise((resolve) => {
      const gone = () => resolve();
      this.#channel.once("close", gone); // a runtime may forget the callback of a destroyed socket
      this.#channel.write(bytes, () => {
        this.#channel.removeListener("close", gone);
        resolve();
      });
    });
  }
}

function describeBytes(bytes: Uint8Array): string {
  const shown = Array.from(
    bytes.subarray(0, 60),
    (byte) =>
      byte >= 32 && byte < 127
        ? String.fromCharCode(byte)
        : `\\x${byte.toString(16).padStart(2, "0")}`,
  );
  return `${bytes.length} bytes ${shown.join("")}${bytes.length > 60 ? "…" : ""}`;
}
