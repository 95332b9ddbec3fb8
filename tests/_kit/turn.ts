/**
 * Lets the other end read. A turn of the event loop (setImmediate) is not enough everywhere: Deno's
 * polls its sockets only now and then while there is other work, so bytes written apart would be
 * read together. A byte sent through a socket pair of our own comes back only after a real poll.
 */
import { connect, createServer, type Socket } from "node:net";

/** A source of turns; opened by its first turn. */
export class Turns {
  #pair: Promise<readonly [Socket, Socket]> | undefined;
  #closed = false;

  /** Resolves when everything that was readable before has been delivered to its reader. */
  async next(): Promise<void> {
    if (this.#closed) return;
    this.#pair ??= socketPair();
    const [near, far] = await this.#pair;
    await new Promise<void>((resolve) => {
      const done = () => {
        far.removeListener("data", done);
        far.removeListener("close", done);
        resolve();
      };
      far.once("data", done);
      far.once("close", done);
      near.write("t");
    });
    await new Promise((resolve) => setImmediate(resolve)); // the reader's event may come second
  }

  close(): void {
    this.#closed = true;
    this.#pair?.then((pair) => pair.forEach((socket) => socket.destroy()), () => {});
  }
}

function socketPair(): Promise<readonly [Socket, Socket]> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      const near = connect({ port, host: "127.0.0.1" });
      near.once("error", reject);
      server.once("connection", (far: Socket) => {
        server.close();
        near.setNoDelay(true);
        for (const socket of [near, far]) socket.on("error", () => {});
        far.setMaxListeners(0); // as many as wait for a turn
        resolve([near, far]);
      });
    });
  });
}
