/** The events on the wire while connecting, recorded at the streams of a runtime. */
import type {
  Address,
  DialOptions,
  Runtime,
  Signal,
  Sink,
  Stream,
  TlsFacts,
  TlsSettings,
} from "../../mod.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";

/** The events of one connection in order: `connect`, `sslrequest`, `tls`, `tls failed`, `startup`. */
export type Event = "connect" | "sslrequest" | "tls" | "tls failed" | "startup" | "cancel";

/** A runtime and the events that it records. */
export interface Watched {
  readonly runtime: Runtime;
  /** The events, one list for each connection. */
  readonly connections: Event[][];
  /** The addresses that were dialled, failed attempts included. */
  readonly addresses: string[];
}

/** Returns a runtime that records every connection that is dialled with it. */
export async function watched(): Promise<Watched> {
  const here = await detectRuntime();
  const connections: Event[][] = [];
  const addresses: string[] = [];
  const connect = async (address: Address, options: DialOptions): Promise<Stream> => {
    const events: Event[] = ["connect"];
    addresses.push(address.kind === "tcp" ? address.host : address.path);
    const stream = await here.connect(address, options);
    connections.push(events);
    return new WatchedStream(stream, events);
  };
  return { runtime: { ...here, connect }, connections, addresses };
}

class WatchedStream implements Stream {
  readonly #stream: Stream;
  readonly #events: Event[];

  constructor(stream: Stream, events: Event[]) {
    this.#stream = stream;
    this.#events = events;
  }

  get kind(): Stream["kind"] {
    return this.#stream.kind;
  }

  get remoteAddress(): string | undefined {
    return this.#stream.remoteAddress;
  }

  start(sink: Sink): void {
    this.#stream.start(sink);
  }

  resume(): void {
    this.#stream.resume();
  }

  write(bytes: Uint8Array<ArrayBuffer>): Promise<void> | undefined {
    if (!this.#events.includes("startup")) this.#events.push(firstEvent(bytes));
    return this.#stream.write(bytes);
  }

  canSecure(tls: TlsSettings): boolean {
    return this.#stream.canSecure(tls);
  }

  async secure(tls: TlsSettings, signal?: Signal): Promise<TlsFacts> {
    try {
      const facts = await this.#stream.secure(tls, signal as AbortSignal | undefined);
      this.#events.push("tls");
      return facts;
    } catch (error) {
      this.#events.push("tls failed");
      throw error;
    }
  }

  closeWrite(): Promise<void> {
    return this.#stream.closeWrite();
  }

  close(): Promise<void> {
    return this.#stream.close();
  }

  destroy(): void {
    this.#stream.destroy();
  }

  ref(): void {
    this.#stream.ref();
  }

  unref(): void {
    this.#stream.unref();
  }
}

/** The first messages by their code, in the place of StartupMessage's version. */
function firstEvent(bytes: Uint8Array): Event {
  const code = new DataView(bytes.buffer, bytes.byteOffset).getInt32(4);
  return code === 80877103 ? "sslrequest" : code === 80877102 ? "cancel" : "startup";
}
