import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import {
  answerSsl,
  close,
  eachDelivery,
  expect,
  expectAll,
  expectClose,
  handshake,
  ignore,
  reset,
  type ScriptedServer,
  send,
  startTls,
  withServer,
} from "../_kit/scripted_server.ts";
import { cstring, int32, message, readyForQuery } from "../_kit/server_messages.ts";
import { certificates } from "../_kit/certs.ts";
import { connect as connectTls } from "node:tls";

const STARTUP = packet(int32(196608), cstring("user"), cstring("u"), new Uint8Array(1));
const SSL_REQUEST = packet(int32(80877103));

test("scripted server: a handshake is the same bytes in every delivery", async () => {
  const seen = new Set<string>();
  await eachDelivery(
    [handshake(), expect("Q"), send(readyForQuery()), expectClose()],
    async (server) => {
      const client = await dial(server);
      client.write(STARTUP);
      const greeting = await client.until(isReady);
      seen.add(Buffer.from(greeting).toString("hex"));
      client.write(message("Q", cstring("select 1")));
      await client.until((bytes) => bytes.length === greeting.length + 6);
      client.socket.end();
      await client.ended;
      assert.deepEqual(server.received.map((m) => m.tag), ["startup", "Q"]);
    },
  );
  assert.equal(seen.size, 1);
});

test("scripted server: an unexpected message fails with a transcript", async () => {
  const talk = withServer([handshake(), expect("P")], async (server) => {
    const client = await dial(server);
    client.write(STARTUP);
    client.write(message("Q", cstring("select 'surprise'")));
    await client.ended;
  });
  await assert.rejects(talk, (error: Error) => {
    assert.match(error.message, /expected P, the client sent Q/);
    assert.match(error.message, /<- StartupMessage \(startup\)/);
    assert.match(error.message, /select 'surprise'/);
    return true;
  });
});

test("scripted server: a client that leaves early fails the script", async () => {
  const talk = withServer([expect("startup")], async (server) => {
    const client = await dial(server);
    client.socket.end();
    await client.ended;
  });
  await assert.rejects(talk, /closed the connection before: expect startup/);
});

test("scripted server: a second connection is a failure", async () => {
  const talk = withServer([ignore()], async (server) => {
    const first = await dial(server);
    const second = await dial(server);
    await second.ended;
    first.socket.end();
    await first.ended;
  });
  await assert.rejects(talk, /connection 2: this connection was not expected/);
});

test("scripted server: close is an orderly end and reset is not", async () => {
  for (const [step, expected] of [[close(), "end"], [reset(), "ECONNRESET"]] as const) {
    await withServer([expect("startup"), step], async (server) => {
      const client = await dial(server);
      client.write(STARTUP);
      assert.equal(await client.ended, expected);
    });
  }
});

test("scripted server: TLS after S, over TCP and a Unix socket, sees the server name", async () => {
  const { server: tls, ca } = await certificates();
  for (const unix of [false, true]) {
    await eachDelivery(
      [answerSsl("S"), startTls(tls), handshake(), expectAll("X"), expectClose()],
      async (server) => {
        const client = await dial(server);
        client.write(SSL_REQUEST);
        await client.until((bytes) => bytes[0] === 0x53);
        client.socket.removeAllListeners("data");
        const secure = connectTls({ socket: client.socket, ca: ca.cert, servername: "localhost" });
        const inside = wrap(secure);
        await new Promise((resolve) => secure.once("secureConnect", resolve));
        secure.write(STARTUP);
        await inside.until(isReady);
        secure.end(message("X"));
        await inside.ended;
        assert.equal(server.peers[0]!.tls!.servername, "localhost");
      },
      { unix },
    );
  }
});

test("scripted server: a client that refuses the certificate ends the script", async () => {
  const { otherServer } = await certificates();
  await withServer([answerSsl("S"), startTls({ ...otherServer, fails: true })], async (server) => {
    const client = await dial(server);
    client.write(SSL_REQUEST);
    await client.until((bytes) => bytes[0] === 0x53);
    const { ca } = await certificates();
    client.socket.removeAllListeners("data");
    const secure = connectTls({ socket: client.socket, ca: ca.cert, servername: "localhost" });
    const error = await new Promise((resolve) => secure.once("error", resolve));
    assert.ok(error instanceof Error);
    client.socket.destroy();
  });
});

function isReady(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(-6)).equals(readyForQuery());
}

interface Client {
  readonly socket: Socket;
  readonly ended: Promise<string>;
  write(bytes: Uint8Array): void;
  until(enough: (bytes: Uint8Array) => boolean): Promise<Uint8Array>;
}

async function dial(server: ScriptedServer): Promise<Client> {
  const socket = server.path
    ? connect({ path: server.path })
    : connect({ host: server.host, port: server.port });
  await new Promise((resolve) => socket.once("connect", resolve));
  return wrap(socket);
}

function wrap(socket: Socket): Client {
  let bytes = new Uint8Array(0);
  let wake = () => {};
  let over = false;
  socket.on("data", (chunk: Uint8Array) => {
    bytes = new Uint8Array([...bytes, ...chunk]);
    wake();
  });
  const ended = new Promise<string>((resolve) => {
    socket.once(
      "error",
      (error: Error & { code?: string }) => resolve(error.code ?? error.message),
    );
    socket.once("end", () => resolve("end"));
    socket.once("close", () => resolve("close"));
  });
  ended.then(() => {
    over = true;
    wake();
  });
  const until = async (enough: (bytes: Uint8Array) => boolean) => {
    while (!enough(bytes)) {
      if (over) throw new Error(`connection ended after ${bytes.length} bytes`);
      await new Promise<void>((resolve) => wake = resolve);
    }
    return bytes;
  };
  return { socket, ended, write: (run) => void socket.write(run), until };
}

function packet(...parts: Uint8Array[]): Uint8Array {
  const body = parts.flatMap((part) => [...part]);
  return new Uint8Array([...int32(body.length + 4), ...body]);
}
