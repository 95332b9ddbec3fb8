/** Versions of the protocol: what is asked for, what is agreed, and the way back to 3.0. */
import assert from "node:assert/strict";
import { connect as connectSocket } from "node:net";
import { test } from "node:test";
import { connect, type ConnectOptions, NotSupportedError, ProtocolError } from "../../mod.ts";
import { failure } from "../_kit/outcomes.ts";
import {
  close,
  expect,
  expectClose,
  handshake,
  reset,
  type Script,
  type ScriptedServer,
  send,
  withServer,
} from "../_kit/scripted_server.ts";
import {
  authenticationCleartextPassword,
  errorResponse,
  negotiateProtocolVersion,
} from "../_kit/server_messages.ts";
import { reach } from "./hostile.ts";

const LATEST: ConnectOptions = { maxProtocolVersion: "latest" };
const END: Script = [expect("X"), expectClose()];

const fatal = (code: string, words: string): Script => [
  expect("startup"),
  send(errorResponse({ S: "FATAL", V: "FATAL", C: code, M: words })),
  close(),
];

/** An error as PostgreSQL before 7.4 wrote it. */
function oldError(text: string): Script {
  return [expect("startup"), send(`E${text}\0`), close()];
}

/** The versions of the startup messages that a server got. */
const asked = (server: ScriptedServer): string[] =>
  server.received.flatMap(({ protocol }) => protocol === undefined ? [] : [protocol.join(".")]);

for (
  const [options, version] of [
    [{}, "3.0"],
    [{ maxProtocolVersion: "3.0" }, "3.0"],
    [{ maxProtocolVersion: "3.2" }, "3.2"],
    [LATEST, "3.2"],
    [{ minProtocolVersion: "3.2", ...LATEST }, "3.2"],
  ] as const
) {
  test(`protocol: ${JSON.stringify(options)} asks for ${version}, once`, () =>
    withServer([handshake({ key: new Uint8Array(256).fill(1) }), END], async (server) => {
      const db = await connect(reach(server, options));
      assert.deepEqual(asked(server), [version]);
      await db.close();
    }));
}

/** Answers of servers and poolers that neither know 3.2 nor negotiate. */
const DROPS: readonly (readonly [name: string, script: Script])[] = [
  ["closes (Odyssey)", [expect("startup"), close()]],
  ["sends an error without a length (pgagroal)", oldError("connection refused")],
  ["resets", [expect("startup"), reset()]],
  ["answers 08P01 (PgBouncer 1.18)", fatal("08P01", "unsupported protocol version")],
  ["answers 0A000 (PostgreSQL 9.2)", fatal("0A000", "unsupported frontend protocol 3.2")],
];

for (const [name, script] of DROPS) {
  test(`protocol: a server that ${name} at 3.2 is asked again for 3.0`, () =>
    withServer((i) => [script, [handshake(), END]][i], async (server) => {
      const db = await connect(reach(server, LATEST));
      assert.deepEqual(asked(server), ["3.2", "3.0"]);
      await db.close();
    }));

  test(`protocol: a server that ${name} at 3.2 is not asked again when 3.2 is the least`, () =>
    withServer(script, async (server) => {
      await failure(connect(reach(server, { ...LATEST, minProtocolVersion: "3.2" })));
      assert.deepEqual(asked(server), ["3.2"]);
    }));
}

test("protocol: a server that drops 3.0, too, is reported once, with the last reason", () =>
  withServer((i) => [DROPS[0]![1], fatal("57P03", "not now")][i], async (server) => {
    const error = await failure(connect(reach(server, LATEST)));
    assert.equal(error.message, "not now");
    assert.deepEqual(asked(server), ["3.2", "3.0"]);
  }));

test("protocol: a sock that is dropped at 3.2 cannot be asked again", () =>
  withServer(DROPS[0]![1], async (server) => {
    const sock = connectSocket({ host: server.host, port: server.port });
    await new Promise((resolve) => sock.once("connect", resolve));
    const error = await failure(connect({ sock, user: "u", sslMode: "disable", ...LATEST }));
    assert.match(error.message, /^cannot connect over the given sock: connection lost/);
  }));

test("protocol: what a server refuses for another reason is not asked again", () =>
  withServer(fatal("28000", "no"), async (server) => {
    assert.equal((await failure(connect(reach(server, LATEST)))).message, "no");
    assert.deepEqual(asked(server), ["3.2"]);
  }));

test("protocol: a connection that is lost after the server had answered is not made again", () =>
  withServer(
    [expect("startup"), send(authenticationCleartextPassword()), expect("p"), close()],
    async (server) => {
      const error = await failure(connect(reach(server, { ...LATEST, password: "x" })));
      assert.match(error.message, /connection lost/);
      assert.deepEqual(asked(server), ["3.2"]);
    },
  ));

const negotiating = (minor: number, options: readonly string[] = []): Script => [
  handshake({ authentication: [send(negotiateProtocolVersion(minor, options))] }),
];

test("protocol: a server may negotiate 3.2 down to 3.0", () =>
  withServer([negotiating(0), END], async (server) => {
    const db = await connect(reach(server, LATEST));
    await db.close();
  }));

for (
  const [name, minor, unknown, options, Class, phrase] of [
    [
      "below the least that will do",
      0,
      [],
      { minProtocolVersion: "3.2" },
      NotSupportedError,
      /3\.0/,
    ],
    ["up", 3, [], {}, ProtocolError, /3\.3, newer than was asked for/],
    ["options that were not sent", 2, ["_pq_.x"], {}, NotSupportedError, /_pq_\.x/],
  ] as const
) {
  test(`protocol: a server that negotiates ${name} is refused`, () =>
    withServer(
      [expect("startup"), send(negotiateProtocolVersion(minor, unknown)), expectClose()],
      async (server) => {
        const error = await failure(connect(reach(server, { ...LATEST, ...options })));
        assert.equal(error.constructor.name, Class.name);
        assert.match(error.message, phrase);
      },
    ));
}

test("protocol: a server that was asked for 3.0 has nothing to negotiate up to", () =>
  withServer(
    [expect("startup"), send(negotiateProtocolVersion(2)), expectClose()],
    async (server) => {
      const error = await failure(connect(reach(server)));
      assert.ok(error instanceof ProtocolError, error.message);
    },
  ));
