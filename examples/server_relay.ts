/**
 * A relay from WebSockets to PostgreSQL, for browsers: `ws://relay/v1?address=host:port` carries the
 * bytes of one connection in binary frames. It connects only to listed targets, for listed origins.
 *
 *     RELAY_TARGETS=127.0.0.1:5432 RELAY_ORIGINS=http://localhost:8000 node examples/server_relay.ts
 *
 * It runs on Deno, Bun and Node, with `ws` from npm. Further settings: PORT (default 8080),
 * RELAY_CONNECTIONS (default 100), RELAY_IDLE (seconds without traffic, default 300).
 *
 * The relay sees what it carries. Put TLS in front of it (`wss:`), or let the driver use TLS through it.
 */
import { connect, type Socket } from "node:net";
import process from "node:process";
import { WebSocketServer } from "ws";

/** As much of the `WebSocket` of `ws` as is used here. */
interface WebSocket {
  readonly bufferedAmount: number;
  on(event: string, listener: (...values: never[]) => void): void;
  send(data: Uint8Array, done: () => void): void;
  close(code?: number, reason?: string): void;
  pause(): void;
  resume(): void;
}

/** A request for a connection, and the answer to it. */
type Request = { readonly origin?: string; readonly req: { readonly url?: string } };
type Accept = (isAccepted: boolean, status?: number, reason?: string) => void;

const LARGEST_FRAME = 1 << 20;
/** Bytes that may wait for a slow browser before the server is asked to wait, too. */
const HIGH_WATER = 1 << 20;

const targets = listed("RELAY_TARGETS");
const origins = listed("RELAY_ORIGINS");
const most = Number(process.env.RELAY_CONNECTIONS ?? 100);
const idle = Number(process.env.RELAY_IDLE ?? 300) * 1000;

const relay = new WebSocketServer({
  host: "127.0.0.1",
  port: Number(process.env.PORT ?? 8080),
  path: "/v1",
  maxPayload: LARGEST_FRAME,
  perMessageDeflate: false,
  verifyClient: ({ origin, req }: Request, accept: Accept) => {
    // A program that is not a browser sends no origin; it could send any.
    if (origin !== undefined && !origins.has(origin)) {
      return accept(false, 403, "origin not allowed");
    }
    if (!targets.has(addressOf(req.url))) return accept(false, 403, "target not allowed");
    if (relay.clients.size >= most) return accept(false, 503, "too many connections");
    accept(true);
  },
});

relay.on("listening", () => {
  const address = relay.address();
  const port = typeof address === "object" ? address?.port : address;
  process.stdout.write(`listening on ${port}\n`);
});
relay.on("connection", (browser: WebSocket, request: Request["req"]) => {
  carry(browser, addressOf(request.url));
});

/** Carries bytes both ways, each as fast as its receiver takes them. */
function carry(browser: WebSocket, address: string): void {
  const colon = address.lastIndexOf(":");
  const server = connect({
    host: address.slice(0, colon).replace(/^\[|\]$/g, ""),
    port: Number(address.slice(colon + 1)),
    noDelay: true,
    timeout: idle,
  });
  browser.on("message", (data: Uint8Array, isBinary: boolean) => {
    if (!isBinary) return browser.close(1003, "binary frames only");
    if (server.write(data)) return;
    browser.pause();
    server.once("drain", () => browser.resume());
  });
  server.on("data", (bytes) => {
    browser.send(bytes, () => {
      if (browser.bufferedAmount <= HIGH_WATER) server.resume();
    });
    if (browser.bufferedAmount > HIGH_WATER) server.pause();
  });
  end(browser, server);
}

/** When one side ends, the other one does. */
function end(browser: WebSocket, server: Socket): void {
  server.on("end", () => browser.close(1000));
  server.on("timeout", () => browser.close(1001, "idle"));
  server.on("error", ({ message }) => browser.close(1011, message.slice(0, 100)));
  server.on("close", () => browser.close());
  browser.on("error", () => server.destroy());
  browser.on("close", () => server.destroySoon());
}

function addressOf(url = ""): string {
  return new URL(url, "ws://relay").searchParams.get("address") ?? "";
}

function listed(name: string): Set<string> {
  return new Set((process.env[name] ?? "").split(",").filter((item) => item !== ""));
}

function shutDown(): void {
  for (const browser of relay.clients) browser.close(1001, "the relay ends");
  relay.close(() => process.stdout.write("bye\n"));
}
process.once("SIGTERM", shutDown);
process.once("SIGINT", shutDown);
