/** Ends a connection by RST, on Node too. */
import type { Socket } from "node:net";

/**
 * Resets a socket, or closes one that is ending. Asked by `resetAndDestroy()` for a reset while its
 * FIN is on the way, libuv refuses (EINVAL), but Node 20 and 24 take the handle for closed: "close" is
 * never emitted, and at its exit the process waits for the handle for ever, at full speed
 * (`Environment::CleanupHandles`). All that this takes is a server's `socket.end()` with
 * `socket.resetAndDestroy()` behind it.
 */
export function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
