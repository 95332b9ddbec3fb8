/**
 * Browsers, and whatever else has no sockets: connections come by `sock` or `dial`. Web APIs only.
 */
import { reasonOf } from "../errors/reason.ts";
import { NotSupportedError } from "../errors/errors.ts";
import { md5 } from "./md5.ts";
import type { Runtime } from "./runtime.ts";
import { adopt } from "./web_stream.ts";

/** A runtime that cannot dial. */
export const runtime: Runtime = {
  name: "this runtime",
  // An error's stack is taken where the query is made: Safari's and Firefox's are no longer.
  asyncStacks: false,
  reasonOf,
  connect: () =>
    Promise.reject(
      new NotSupportedError(
        "this runtime has no TCP sockets; give sock or dial, for example webSocketPair() of " +
          "@cornac/pg/websocket",
      ),
    ),
  adopt: (sock) =>
    adopt(sock, () => {
      throw new NotSupportedError(
        "this runtime cannot start TLS over a given sock; give sslContext: false",
      );
    }),
  lookup: (host) => Promise.resolve([host]),
  env: () => undefined,
  readTextFile: () => Promise.resolve(undefined),
  fileMode: () => Promise.resolve(undefined),
  userName: () => undefined,
  homeDirectory: () => undefined,
  md5,
  unrefTimer: () => {},
};
