import assert from "node:assert/strict";
import { test } from "node:test";
import {
  connect,
  type Connection,
  type ConnectOptions,
  InterfaceError,
  type Runtime,
} from "../../mod.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import { failure } from "../_kit/outcomes.ts";
import {
  type ClientMessage,
  expect,
  expectAll,
  expectClose,
  handshake,
  type Peer,
  type Script,
  type ScriptedServer,
  send,
  serve,
  withServer,
} from "../_kit/scripted_server.ts";
import {
  bindComplete,
  closeComplete,
  concat,
  cstring,
  dataRow,
  int16,
  int32,
  message,
  parameterDescription,
  parseComplete,
  readyForQuery,
  rowDescription,
} from "../_kit/server_messages.ts";
import {
  assertFailure,
  ending,
  fails,
  KNOWN,
  NEW,
  opening,
  reach,
  wholeAnswer,
} from "./hostile.ts";

/** Every write of every stream, as it left. */
interface Recording {
  readonly writes: Uint8Array[];
  readonly runtime: Runtime;
}

/** A runtime that records what is written to its streams. */
async function recording(): Promise<Recording> {
  const real = await detectRuntime();
  const writes: Uint8Array[] = [];
  const connect: Runtime["connect"] = async (address, options) => {
    const stream = await real.connect(address, options);
    const write = stream.write.bind(stream);
    stream.write = (bytes) => {
      writes.push(bytes.slice());
      return write(bytes);
    };
    return stream;
  };
  return { writes, runtime: { ...real, connect } };
}

/** Connects, forgets what connecting wrote, and closes at the end. */
async function recorded(
  script: Script,
  options: ConnectOptions,
  body: (db: Connection, writes: Uint8Array[], server: ScriptedServer) => Promise<void>,
): Promise<void> {
  await withServer([handshake(), script], async (server) => {
    const { writes, runtime } = await recording();
    const db = await connect(reach(server, { ...options, runtime }));
    writes.length = 0;
    await body(db, writes, server);
    await db.close();
  });
}

const END = [expect("X"), expectClose()];
const SYNC = message("S");
const EXECUTE = message("E", concat(cstring(""), int32(0)));

test("written: the whole of startup is one write, StartupMessage byte by byte", () =>
  withServer([handshake(), END], async (server) => {
    const { writes, runtime } = await recording();
    const db = await connect(reach(server, { runtime, database: "d", applicationName: "ä" }));
    assert.equal(writes.length, 1);
    const pairs = [
      "user",
      "u",
      "database",
      "d",
      "client_encoding",
      "UTF8",
      "application_name",
      "ä",
    ];
    const body = concat(int32(3 << 16), ...pairs.map(cstring), "\0");
    assert.deepEqual(writes[0], concat(int32(body.length + 4), body));
    await db.close();
    assert.deepEqual(writes.slice(1), [message("X")], "and Terminate is the end");
  }));

test("written: a new query is one write of Parse, Describe, Bind, Execute and Sync", () =>
  recorded([NEW, send(...wholeAnswer("1")), END], {}, async (db, writes, server) => {
    await db.query("select $1, $2, $3", ["ä", 12, null]);
    assert.equal(writes.length, 1);
    const name = cstring(server.received.find(({ tag }) => tag === "P")!.statement!);
    // deno-fmt-ignore
    const values = [int32(2), "ä", int32(2), "12", int32(-1)];
    assert.deepEqual(
      writes[0],
      // deno-fmt-ignore
      concat(
        message("P", concat(name, cstring("select $1, $2, $3"), int16(0))),
        message("D", concat("S", name)),
        message("B", concat(cstring(""), name, int16(0), int16(3), ...values, int16(0))),
        EXECUTE, SYNC,
      ),
    );
  }));

test("written: a cached query is one write of Bind, Execute and Sync, binary both ways", () =>
  recorded(
    // deno-fmt-ignore
    [
      NEW, send(...described([23, 25], { name: "n", typeOid: 23 }), ...ending("SELECT 0")),
      KNOWN, send(bindComplete(), dataRow([int32(7)]), ...ending()), END,
    ],
    {},
    async (db, writes, server) => {
      await db.query("select $1::int", [1, "x"]);
      writes.length = 0;
      assert.deepEqual([...await db.query("select $1::int", [1, "x"])], [{ n: 7 }]);
      assert.equal(writes.length, 1);
      const name = cstring(server.received.find(({ tag }) => tag === "P")!.statement!);
      const formats = concat(int16(2), int16(1), int16(0));
      const values = concat(int16(2), int32(4), int32(1), int32(1), "x");
      assert.deepEqual(
        writes[0],
        // deno-fmt-ignore
        concat(
          message("B", concat(cstring(""), name, formats, values, int16(1), int16(1))),
          EXECUTE, SYNC,
        ),
      );
    },
  ));

test("written: ten concurrent queries leave in one write, a hundred in two, in order", () =>
  recorded([serve(answerer())], {}, async (db, writes, server) => {
    await db.query("select $1", ["first"]);
    for (const [count, expected] of [[10, 1], [100, 2]] as const) {
      writes.length = 0;
      const before = server.received.length;
      const texts = Array.from({ length: count }, (_, i) => `q${i}`);
      const results = await Promise.all(texts.map((text) => db.query("select $1", [text])));
      assert.deepEqual(results.map(([row]) => row), texts.map((text) => ({ n: text })));
      assert.equal(writes.length, expected);
      assert.equal(server.received.slice(before).filter(({ tag }) => tag === "S").length, count);
    }
  }));

test("written: the first of many queries leave before the last ones are made", () =>
  recorded([serve(answerer())], {}, async (db, writes) => {
    await db.query("select $1", ["first"]);
    writes.length = 0;
    const queries = Array.from({ length: 100 }, (_, i) => db.query("select $1", [`q${i}`]));
    const running = queries.map((query) => query.then());
    assert.equal(writes.length, 1);
    await Promise.all(running);
    assert.equal(writes.length, 2);
  }));

test("written: beyond maxPipelined queries wait and are still answered in order", () =>
  recorded([serve(answerer())], { maxPipelined: 10 }, async (db, writes, server) => {
    const texts = Array.from({ length: 100 }, (_, i) => `q${i}`);
    const results = await Promise.all(texts.map((text) => db.query("select $1", [text])));
    assert.deepEqual(results.map(([row]) => row), texts.map((text) => ({ n: text })));
    assert.ok(writes.length > 1);
    assert.equal(server.received.filter(({ tag }) => tag === "S").length, 100);
  }));

test("written: a query that is not awaited is not sent", () =>
  recorded([NEW, send(...wholeAnswer("1")), END], {}, async (db, writes) => {
    const query = db.query("select 1");
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(writes.length, 0);
    await query;
    await query;
    assert.equal(writes.length, 1, "and awaited twice it is sent once");
  }));

test("written: of a query whose parameter cannot be encoded nothing is, but its types are asked for", () =>
  recorded(
    // deno-fmt-ignore
    [
      NEW, send(...described([23], { name: "n", typeOid: 23 }), ...ending("SELECT 0")),
      // They may have changed since the statement was prepared; who was asked later waits for that.
      expectAll("P", "D", "S"),
      send(parseComplete(), parameterDescription([23]), rowDescription(["n"]), readyForQuery()),
      KNOWN, send(bindComplete(), dataRow([int32(7)]), ...ending()),
      END,
    ],
    {},
    async (db, writes) => {
      await db.query("select $1::int", [1]);
      writes.length = 0;
      const bad = db.query("select $1::int", [{}]).execute();
      const good = db.query("select $1::int", [7]).execute();
      assertFailure(await failure(bad), fails(InterfaceError, /^parameter \$1 \(int4\)/));
      assert.deepEqual([...await good], [{ n: 7 }]);
      assert.equal(writes.length, 2);
    },
  ));

test("written: statement names differ within and between connections, by a random prefix", () =>
  withServer(() => [handshake(), serve(answerer())], async (server) => {
    for (let i = 0; i < 2; i++) {
      const db = await connect(reach(server));
      await Promise.all(["a", "b"].map((text) => db.query(`select '${text}', $1`, [text])));
      await db.close();
    }
    const names = server.received.filter(({ tag }) => tag === "P").map((m) => m.statement!);
    const prefixes = new Set(names.map((name) => /^cornac_(\d+)_\d+$/.exec(name)![1]));
    assert.equal(new Set(names).size, 4);
    assert.equal(prefixes.size, 2);
  }));

test("written: the statement unused for longest is closed for a new one", () =>
  recorded([serve(answerer())], { statementCacheSize: 2 }, async (db, _writes, server) => {
    for (const name of ["a", "b", "a", "c", "a", "b"]) await db.query(`select ${name}`, [name]);
    const parsed = new Map<string, string>();
    const story: string[] = [];
    for (const { tag, statement, text, name } of server.received) {
      if (tag === "P") parsed.set(statement!, text!.slice(-1));
      if (tag === "P") story.push(`+${text!.slice(-1)}`);
      if (tag === "C") story.push(`-${parsed.get(name!)}`);
      if (tag === "B") story.push(parsed.get(statement!)!);
    }
    assert.deepEqual(story.join(" "), "+a a +b b a -b +c c a -c +b b");
  }));

for (
  const [what, connection, query] of [
    ["statementCacheSize 0", { statementCacheSize: 0 }, {}],
    ["prepare: false", {}, { prepare: false }],
  ] as const
) {
  test(`written: with ${what} only the unnamed statement is used, parsed each time`, () =>
    recorded([serve(answerer())], connection, async (db, writes, server) => {
      for (let i = 0; i < 3; i++) await db.query("select $1", ["x"], query);
      assert.equal(writes.length, 3);
      const parses = server.received.filter(({ tag }) => tag === "P");
      assert.deepEqual(parses.map((m) => m.statement), ["", "", ""]);
      assert.ok(server.received.every((m) => m.tag !== "B" || m.statement === ""));
    }));
}

test("written: texts are cached by the parameter types that were asked for", () =>
  recorded([serve(answerer())], {}, async (db, _writes, server) => {
    for (const types of [[], [23], [23], [25], []]) {
      await db.query("select $1", ["1"], { parameterTypes: types });
    }
    const parses = server.received.filter(({ tag }) => tag === "P");
    assert.deepEqual(parses.map((m) => m.parameterTypes), [[], [23], [25]]);
  }));

function described(parameters: readonly number[], column: { name: string; typeOid: number }) {
  const [parsed, , row, bound] = opening(column);
  const types = message("t", concat(int16(parameters.length), ...parameters.map(int32)));
  return [parsed!, types, row!, bound!];
}

/** Answers any query with its first parameter as text. */
function answerer(): (message: ClientMessage, peer: Peer) => Promise<void> {
  return async ({ tag, values }, peer) => {
    switch (tag) {
      case "P":
        return await peer.send(opening()[0]!);
      case "D":
        return await peer.send(...described([25], { name: "n", typeOid: 25 }).slice(1, 3));
      case "B":
        return await peer.send(bindComplete(), dataRow([values![0]!]));
      case "C":
        return await peer.send(closeComplete());
      case "E":
        return await peer.send(ending()[0]!);
      case "S":
        return await peer.send(ending()[1]!);
    }
  };
}
