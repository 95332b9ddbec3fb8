/** Every wait while connecting has a limit, and a wait that was given up leaves nothing behind. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { connect, type ConnectOptions, OperationalError } from "../../mod.ts";
import { failure } from "../_kit/outcomes.ts";
import { certificates } from "../_kit/certs.ts";
import { blackHole } from "../_kit/fault_proxy.ts";
import {
  answerSsl,
  call,
  expect,
  handshake,
  ignore,
  type Script,
  scriptedServer,
  send,
  startTls,
  withServer,
} from "../_kit/scripted_server.ts";
import { cleartext } from "../_kit/scram_server.ts";
import {
  authenticationOk,
  authenticationSasl,
  commandComplete,
  readyForQuery,
} from "../_kit/server_messages.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { reach } from "./hostile.ts";

const { server: identity } = await certificates();
const tls = { cert: identity.cert, key: identity.key };

/** Reads all messages, even a ClientHello, until the client closes. */
const hold = call("hold", async (peer) => {
  try {
    while (await peer.next({ forever: true }) !== undefined);
  } catch { /* what is left of a ClientHello is no message */ }
});

/** The stage that a timeout names, the script before the silence, and options. */
type Silence = readonly [stage: string, script: Script, options?: ConnectOptions];

const PLAIN: readonly Silence[] = [
  ["waiting for the answer to the startup message", [expect("startup")]],
  ["authenticating", [expect("startup"), send(authenticationSasl(["SCRAM-SHA-256"]))]],
  ["waiting for ReadyForQuery", [expect("startup"), send(authenticationOk())]],
];

const REQUIRE: ConnectOptions = { sslMode: "require" };
const DIRECT: ConnectOptions = { sslMode: "require", sslNegotiation: "direct" };

const SILENCES: readonly Silence[] = [
  ...PLAIN,
  ["waiting for the answer to SSLRequest", [expect("ssl")], REQUIRE],
  ["waiting for the answer to SSLRequest", [expect("ssl")], { sslMode: "prefer" }],
  ["waiting for the TLS handshake", [answerSsl("S")], REQUIRE],
  ["waiting for the TLS handshake", [], DIRECT],
  ...PLAIN.map(([stage, script]): Silence => [
    stage,
    [answerSsl("S"), startTls(tls), ...script],
    REQUIRE,
  ]),
];

/** Connects to a server that falls silent, and returns the error when the connection is closed. */
async function give(
  script: Script,
  options: (server: { host: string; port: number }) => ConnectOptions,
): Promise<Error> {
  return await withoutUnhandled(async () => {
    const server = await scriptedServer(() => [...script, hold]);
    try {
      const error = await failure(connect(options(server)));
      await server.done(); // the driver has closed every connection
      return error;
    } finally {
      await server.close();
    }
  });
}

function named(options: ConnectOptions = {}): string {
  const { sslMode = "disable", sslNegotiation } = options;
  return sslNegotiation === "direct" ? "direct TLS" : `sslMode ${sslMode}`;
}

for (const [stage, script, options] of SILENCES) {
  test(`time: silence while ${stage} ends with connectTimeout (${named(options)})`, async () => {
    const error = await give(
      script,
      (server) => reach(server as never, { password: "p", ...options, connectTimeout: 0.25 }),
    );
    assert.ok(error instanceof OperationalError);
    assert.equal(error.code, "08001");
    assert.equal(error.safeToRetry, true);
    assert.match(error.message, /^cannot connect to 127\.0\.0\.1 port \d+: connect timed out/);
    assert.ok(error.message.endsWith(`after 0.25 s (connectTimeout) while ${stage}`));
  });

  test(`time: a signal ends silence while ${stage} (${named(options)})`, async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    setTimeout(() => controller.abort(reason), 250);
    const { signal } = controller;
    const error = await give(
      script,
      (server) => reach(server as never, { password: "p", ...options, signal }),
    );
    assert.equal(error, reason);
  });
}

for (const sslMode of ["disable", "require"] as const) {
  test(`time: a host that does not answer ends with connectTimeout (sslMode ${sslMode})`, async () => {
    const hole = await blackHole();
    try {
      const error = await failure(
        connect(reach(hole as never, { sslMode, connectTimeout: 0.3 })),
      );
      assert.match(error.message, /timed out after 0\.3 s \(connectTimeout\) while connecting$/);
    } finally {
      await hole.close();
    }
  });
}

test("time: a signal that was aborted before dials nothing", async () => {
  const server = await scriptedServer([]);
  try {
    const signal = AbortSignal.abort(new Error("too late"));
    assert.equal(await failure(connect(reach(server, { signal }))), signal.reason);
    assert.equal(server.peers.length, 0);
  } finally {
    await server.close();
  }
});

test("time: connectTimeout applies to each address", async () => {
  const silent = [expect("startup"), ignore()];
  const servers = [await scriptedServer(() => silent), await scriptedServer(() => silent)];
  try {
    const error = await failure(connect({
      ...reach(servers[0]!, { connectTimeout: 0.1 }),
      host: "127.0.0.1,127.0.0.1",
      port: servers.map(({ port }) => port),
    }));
    assert.equal(error.message.match(/timed out after 0\.1 s/g)!.length, 2);
    assert.equal((error.cause as AggregateError).errors.length, 2);
  } finally {
    for (const server of servers) await server.close();
  }
});

/** Each program connects to a host that never answers, gives up, and has nothing more to do. */
const PROGRAM = fileURLToPath(new URL("./connect_leaves.ts", import.meta.url));

for (const how of ["timeout", "signal", "hosts", "lookup"]) {
  test(`time: the process ends by itself after connecting was given up (${how})`, {
    timeout: 30_000,
  }, async () => {
    const silent = await scriptedServer(() => [expect("startup"), ignore()]);
    const hole = await blackHole();
    try {
      const args = [PROGRAM, how, String(silent.port), String(hole.port)];
      const flags = "Deno" in globalThis ? ["run", "-A", "--no-check"] : [];
      const child = spawn(process.execPath, [...flags, ...args], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let output = "";
      child.stdout.on("data", (bytes) => output += bytes);
      const code = await new Promise((resolve) => child.once("close", resolve));
      assert.deepEqual([code, output], [0, "given up\n"]);
    } finally {
      await hole.close();
      await silent.close();
    }
  });
}

/** Blocks the event loop, as a long computation or a stopped process does. */
function block(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

test("time: a process that was blocked does not give up a server that answers", async () => {
  const blocks = [
    { name: "connectTimeout", options: { connectTimeout: 0.2 }, during: "login" },
    { name: "queryTimeout", options: { queryTimeout: 0.2 }, during: "query" },
    { name: "timeout", options: { timeout: 0.2 }, during: "query" },
  ];
  for (const { name, options, during } of blocks) {
    const password = (): string => {
      if (during === "login") block(400);
      return "secret";
    };
    const script = [
      handshake({ authentication: [cleartext("secret")] }),
      expect("Q"),
      send(commandComplete("SET"), readyForQuery()),
      expect("X"),
    ];
    await withServer(script, async (server) => {
      const db = await connect(reach(server, { sslMode: "disable", password, ...options }));
      const done = Promise.resolve(db.query("set a.b to c").simple());
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (during === "query") block(400);
      await done;
      await db.close();
    }).catch((cause) => assert.fail(`${name}: ${cause}`));
  }
});
