/** The choice among servers, the order in which they are tried, and the error if none is suitable. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type ConnectOptions, OperationalError, type Runtime } from "../../mod.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import { failure } from "../_kit/outcomes.ts";
import {
  expect,
  expectClose,
  handshake,
  type Script,
  type ScriptedServer,
  scriptedServer,
  send,
} from "../_kit/scripted_server.ts";
import {
  authenticationCleartextPassword,
  authenticationOk,
  backendKeyData,
  commandComplete,
  dataRow,
  errorResponse,
  readyForQuery,
  rowDescription,
} from "../_kit/server_messages.ts";

/** A port without a listener. */
const CLOSED = 1;

const accepts = (parameters: Record<string, string> = {}): Script => [
  handshake({ parameters }),
  expect("X"),
  expectClose(),
];

const refuses = (code: string, words = "go away"): Script => [
  expect("startup"),
  send(errorResponse({ S: "FATAL", V: "FATAL", C: code, M: words })),
  expectClose(),
];

/** Runs a server per script, each of which serves any number of connections alike. */
async function withServers<T>(
  scripts: readonly Script[],
  body: (...servers: ScriptedServer[]) => Promise<T>,
): Promise<T> {
  const servers = await Promise.all(scripts.map((script) => scriptedServer(() => script)));
  try {
    const result = await body(...servers);
    for (const server of servers) if (server.peers.length > 0) await server.done();
    return result;
  } finally {
    for (const server of servers) await server.close();
  }
}

function among(servers: readonly ScriptedServer[], options: ConnectOptions = {}): ConnectOptions {
  return {
    host: servers.map(() => "127.0.0.1"),
    port: servers.map(({ port }) => port),
    user: "u",
    sslMode: "disable",
    connectTimeout: 10,
    ...options,
  };
}

/** How many connections each server got. */
const visits = (servers: readonly ScriptedServer[]): number[] =>
  servers.map(({ peers }) => peers.length);

async function reach(options: ConnectOptions): Promise<void> {
  const db = await connect(options);
  await db.close();
}

/** This runtime, with other ideas of what names mean. */
async function resolving(lookup: Runtime["lookup"]): Promise<Runtime> {
  return { ...await detectRuntime(), lookup };
}

test("hosts: the first that lets us in is taken, and no later one is asked", () =>
  withServers([accepts(), accepts()], async (...servers) => {
    await reach(among(servers));
    assert.deepEqual(visits(servers), [1, 0]);
    await reach({ ...among(servers), host: "127.0.0.1,127.0.0.1" });
    assert.deepEqual(visits(servers), [2, 0]);
  }));

test("hosts: one that is not there, hangs up or is starting gives way to the next", () =>
  withServers([[expect("startup")], refuses("57P03"), accepts()], async (...servers) => {
    const [drops, ...rest] = servers;
    const options = among(servers);
    const ports = [CLOSED, ...options.port as number[]];
    setTimeout(() => drops!.peers.forEach((peer) => peer.destroy()), 30);
    await reach({ ...options, host: ports.map(() => "127.0.0.1"), port: ports });
    assert.deepEqual(visits([drops!, ...rest]), [1, 1, 1]);
  }));

for (const code of ["28P01", "28000", "3D000", "53300"]) {
  test(`hosts: a server that refuses us ends the search (${code}), with its own fields`, () =>
    withServers([refuses(code, "not you"), accepts()], async (...servers) => {
      const options = among(servers);
      const ports = [CLOSED, ...options.port as number[]];
      const error = await failure(
        connect({ ...options, host: ports.map(() => "127.0.0.1"), port: ports }),
      ) as OperationalError;
      assert.deepEqual(visits(servers), [1, 0]);
      assert.deepEqual([error.message, error.code, error.fields.C], ["not you", code, code]);
      assert.match((error.cause as AggregateError).message, /port 1: .*; .*not you/);
    }));
}

test("hosts: a password that is missing is not looked for at the next host", () =>
  withServers(
    [[expect("startup"), send(authenticationCleartextPassword()), expectClose()], accepts()],
    async (...servers) => {
      const error = await failure(connect(among(servers)));
      assert.match(error.message, /none was provided/);
      assert.deepEqual(visits(servers), [1, 0]);
    },
  ));

test("hosts: every address of a name is tried, each once", () =>
  withServers([accepts()], async (...servers) => {
    const dialled: string[] = [];
    const here = await resolving(() => Promise.resolve(["127.0.0.9", "127.0.0.9", "127.0.0.1"]));
    const runtime: Runtime = {
      ...here,
      connect: (address, options) => {
        if (address.kind === "tcp") dialled.push(address.host);
        return here.connect(address, options);
      },
    };
    await reach(among(servers, { host: "db.test", runtime }));
    assert.deepEqual(dialled, ["127.0.0.9", "127.0.0.1"]);
  }));

test("hosts: a server that is starting sends us to the next host, not to its next address", () =>
  withServers([refuses("57P03"), accepts()], async (...servers) => {
    const runtime = await resolving((host) =>
      Promise.resolve(host === "one.test" ? ["127.0.0.1", "127.0.0.1 "] : ["127.0.0.1"])
    );
    await reach(among(servers, { host: ["one.test", "two.test"], runtime }));
    assert.deepEqual(visits(servers), [1, 1]);
  }));

test("hosts: after an unknown name the next host is tried; both failures are reported", () =>
  withServers([accepts()], async (...servers) => {
    const cause = new Error("getaddrinfo ENOTFOUND nowhere.test");
    const runtime = await resolving((host) =>
      host === "nowhere.test" ? Promise.reject(cause) : Promise.resolve([host])
    );
    const host = ["nowhere.test", "127.0.0.1"];
    const { port } = servers[0]!;
    await reach(among(servers, { host, port: [port, port], runtime }));
    const error = await failure(
      connect(among(servers, { host, port: [port, CLOSED], runtime })),
    ) as OperationalError;
    assert.ok(error instanceof OperationalError);
    assert.match(
      error.message,
      /^no server could be connected to: cannot connect to nowhere\.test port \d+: getaddrinfo ENOTFOUND nowhere\.test; cannot connect to 127\.0\.0\.1 port 1: /,
    );
    assert.equal(error.code, "08001");
    assert.equal(error.safeToRetry, true);
    const { errors } = error.cause as AggregateError;
    assert.equal(errors.length, 2);
    assert.equal(errors[0].cause, cause);
  }));

test("hosts: a name without addresses is a failure like another", async () => {
  const runtime = { ...await detectRuntime(), lookup: () => Promise.resolve([]) };
  const error = await failure(connect({ host: "empty.test", user: "u", runtime }));
  assert.ok(error instanceof OperationalError);
  assert.equal(error.code, "08001");
  assert.equal(error.message, "cannot connect to empty.test port 5432: the name has no address");
});

test("hosts: a name that is looked up forever ends with connectTimeout, or with the signal", async () => {
  const runtime = await resolving(() => new Promise(() => {}));
  const options = { host: "slow.test", user: "u", runtime };
  const late = await failure(connect({ ...options, connectTimeout: 0.05 }));
  assert.match(late.message, /slow\.test port 5432: connect timed out after 0\.05 s .* the name$/);
  const controller = new AbortController();
  const reason = new Error("changed my mind");
  setTimeout(() => controller.abort(reason), 20);
  assert.equal(await failure(connect({ ...options, signal: controller.signal })), reason);
});

test("hosts: loadBalanceHosts random lets every host and every address go first", () =>
  withServers([accepts(), accepts(), accepts()], async (...servers) => {
    const first = new Set<string>();
    const here = await resolving(() => Promise.resolve(["127.0.0.1", "127.0.0.9"]));
    const runtime: Runtime = {
      ...here,
      connect: (address, options) => {
        if (address.kind === "tcp") first.add(address.host);
        return here.connect(address, options);
      },
    };
    const host = ["a.test", "b.test", "c.test"];
    const options = among(servers, { host, loadBalanceHosts: "random", runtime });
    for (let i = 0; i < 60; i++) await reach(options);
    assert.equal(visits(servers).reduce((sum, count) => sum + count), 60);
    assert.ok(visits(servers).every((count) => count > 0), visits(servers).join());
    assert.equal(first.size, 2);
  }));

const WRITABLE = { in_hot_standby: "off", default_transaction_read_only: "off" };
const READ_ONLY = { in_hot_standby: "off", default_transaction_read_only: "on" };
const STANDBY = { in_hot_standby: "on", default_transaction_read_only: "off" };

/** By targetSessionAttrs: which of [standby, read-only primary, read-write primary] is taken. */
const CHOICES: readonly (readonly [NonNullable<ConnectOptions["targetSessionAttrs"]>, number])[] = [
  ["any", 0],
  ["read-write", 2],
  ["read-only", 0],
  ["primary", 1],
  ["standby", 0],
  ["prefer-standby", 0],
];

for (const [targetSessionAttrs, index] of CHOICES) {
  test(`hosts: ${targetSessionAttrs} takes the first that reports as much, and leaves the others politely`, () =>
    withServers([STANDBY, READ_ONLY, WRITABLE].map(accepts), async (...servers) => {
      await reach(among(servers, { targetSessionAttrs }));
      const expected = [0, 1, 2].map((i) => i <= index ? 1 : 0);
      assert.deepEqual(visits(servers), expected);
    }));
}

test("hosts: read-only takes a primary whose transactions are read-only by default", () =>
  withServers([accepts(WRITABLE), accepts(READ_ONLY)], async (...servers) => {
    await reach(among(servers, { targetSessionAttrs: "read-only" }));
    assert.deepEqual(visits(servers), [1, 1]);
  }));

test("hosts: prefer-standby asks all servers, and then takes the first", () =>
  withServers([accepts(WRITABLE), accepts(READ_ONLY)], async (...servers) => {
    await reach(among(servers, { targetSessionAttrs: "prefer-standby" }));
    assert.deepEqual(visits(servers), [2, 1]);
  }));

test("hosts: if no server has the wanted role, the role of each is reported", () =>
  withServers([accepts(WRITABLE), accepts(READ_ONLY)], async (...servers) => {
    const error = await failure(connect(among(servers, { targetSessionAttrs: "standby" })));
    const each = servers.map(({ port }) =>
      `cannot connect to 127.0.0.1 port ${port}: the server is a primary, ` +
      'but targetSessionAttrs is "standby"'
    );
    assert.equal(error.message, `no server could be connected to: ${each.join("; ")}`);
  }));

/** A server before PostgreSQL 14, which reports neither and is asked. */
const old = (answer: string, asked: string[]): Script => [
  expect("startup"),
  send(authenticationOk(), backendKeyData(), readyForQuery()),
  expect("Q", ({ text }) => asked.push(String(text))),
  send(rowDescription(["x"]), dataRow([answer]), commandComplete("SELECT 1"), readyForQuery()),
  expect("X"),
  expectClose(),
];

for (
  const [targetSessionAttrs, answers, sql] of [
    ["read-write", ["on", "off"], "show transaction_read_only"],
    ["read-only", ["off", "on"], "show transaction_read_only"],
    ["primary", ["t", "f"], "select pg_catalog.pg_is_in_recovery()"],
    ["standby", ["f", "t"], "select pg_catalog.pg_is_in_recovery()"],
  ] as const
) {
  test(`hosts: ${targetSessionAttrs} is asked of servers that do not report it`, async () => {
    const asked: string[] = [];
    const scripts = answers.map((answer) => old(answer, asked));
    await withServers(scripts, async (...servers) => {
      await reach(among(servers, { targetSessionAttrs }));
      assert.deepEqual(visits(servers), [1, 1]);
      assert.deepEqual(asked, [sql, sql]);
    });
  });
}
