/** For tests of streams: a sink that remembers, servers to talk to, programs to run. */
import { spawn } from "node:child_process";
import { createServer, type Server, type Socket } from "node:net";
import process from "node:process";
import type { Sink } from "../../src/runtime/runtime.ts";

/** Collects what a stream delivers. */
export class TestSink implements Sink {
  /** Most bytes a read may bring; only into the sink's own buffer. */
  window = 65_536;
  /** Answers `false` as soon as this many bytes have arrived. */
  limit: number = Infinity;
  total = 0;
  readonly losses: unknown[] = [];
  readonly #buffer = new Uint8Array(65_536);
  readonly #parts: Uint8Array[] = [];
  #wake: () => void = () => {};

  space(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(0, this.window);
  }

  received(count: number): boolean {
    if (count < 1 || count > this.window) throw new Error(`received(${count}) of ${this.window}`);
    return this.chunk(this.#buffer.subarray(0, count));
  }

  chunk(bytes: Uint8Array): boolean {
    if (this.losses.length > 0) throw new Error("bytes after the loss");
    this.#parts.push(bytes.slice());
    this.total += bytes.length;
    this.#wake();
    return this.total < this.limit;
  }

  lost(cause: unknown): void {
    this.losses.push(cause);
    this.#wake();
  }

  /** Everything received, as one. */
  bytes(): Uint8Array {
    const all = new Uint8Array(this.total);
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  text(): string {
    return new TextDecoder().decode(this.bytes());
  }

  /** Resolves when `condition` holds after some delivery. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#wake = resolve);
  }

  async untilLost(): Promise<unknown> {
    await this.until(() => this.losses.length > 0);
    return this.losses[0];
  }
}

/** A server and what connects to it. */
export interface Listener {
  readonly port: number;
  readonly server: Server;
  /** The next connection, paused, half-open allowed; never emits an unheard error. */
  accept(): Promise<Socket>;
  close(): void;
}

/** Listens on the loopback, or at `path`. */
export async function listen(path?: string): Promise<Listener> {
  const waiting: Socket[] = [];
  const sockets: Socket[] = [];
  let wake = () => {};
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    socket.on("error", () => {});
    sockets.push(socket);
    waiting.push(socket);
    wake();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    if (path === undefined) server.listen(0, "127.0.0.1", resolve);
    else server.listen(path, resolve);
  });
  const address = server.address();
  return {
    server,
    port: typeof address === "object" && address !== null ? address.port : 0,
    async accept() {
      while (waiting.length === 0) await new Promise<void>((resolve) => wake = resolve);
      return waiting.shift()!;
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** All that a peer's socket receives until the end of the stream. */
export async function readAll(socket: Socket): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  await new Promise<void>((resolve) => {
    socket.on("data", (part) => parts.push(part as Uint8Array));
    socket.once("end", resolve);
    socket.once("close", () => resolve());
    socket.resume();
  });
  return new Uint8Array(Buffer.concat(parts));
}

/** The next `count` bytes or more of a peer's socket, as text. */
export async function readSome(socket: Socket, count = 1): Promise<string> {
  let text = "";
  await new Promise<void>((resolve) => {
    const onData = (part: Uint8Array) => {
      text += new TextDecoder().decode(part);
      if (text.length < count) return;
      socket.off("data", onData);
      resolve();
    };
    socket.on("data", onData);
    socket.resume();
  });
  return text;
}

/** A program in JavaScript, run by the runtime that runs the test. */
export interface Program {
  /** The next line it prints. */
  line(): Promise<string>;
  /** The program's exit code; `null` when it was killed, as `kill()` does. */
  readonly exit: Promise<number | null>;
  kill(): void;
}

/**
 * Runs the text of a module; its imports must be absolute. `v8`: flags for V8, where that is the
 * engine.
 */
export function run(source: string, v8: readonly string[] = []): Program {
  const args = "Deno" in globalThis
    ? ["eval", "--no-check", ...v8.map((flag) => `--v8-flags=${flag}`), source]
    : "Bun" in globalThis
    ? ["-e", source]
    : ["--no-warnings", ...v8, "--input-type=module", "-e", source];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  let wake = () => {};
  let over = false;
  child.stdout.on("data", (part: Uint8Array) => {
    text += new TextDecoder().decode(part);
    wake();
  });
  const exit = new Promise<number | null>((resolve) =>
    child.once("close", (code) => {
      over = true;
      wake();
      resolve(code);
    })
  );
  return {
    exit,
    kill: () => void child.kill("SIGKILL"),
    async line() {
      while (!text.includes("\n")) {
        if (over) throw new Error("the program ended without a word");
        await new Promise<void>((resolve) => wake = resolve);
      }
      const [first, ...rest] = text.split("\n");
      text = rest.join("\n");
      return first!;
    },
  };
}
