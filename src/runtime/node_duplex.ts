import { Duplex } from "node:stream";
import type { Pipe } from "./web_stream.ts";

/** Returns a `Duplex` over a pipe; node:tls takes it in place of a socket. */
export function duplexOver(pipe: Pipe): Duplex {
  return new Duplex({
    allowHalfOpen: true,
    read() {
      pipe.read().then((bytes) => this.push(bytes ?? null), (cause) => this.destroy(cause));
    },
    write(chunk: Uint8Array, _encoding, done) {
      pipe.write(chunk).then(() => done(), done);
    },
    final(done) {
      pipe.closeWrite().then(() => done(), done);
    },
    destroy(cause, done) {
      pipe.destroy();
      done(cause);
    },
  });
}
