import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";
import { connect } from "../../mod.ts";
import type * as dbapi from "../../src/dbapi/dbapi.ts";
import type { CopySource } from "../../src/dbapi/native.ts";
import { serverOptions, withDbapi, withNative } from "./dbapi_server.ts";

const LEPTONS = "1\telectron\n2\tmuon\n3\ttau\n";

/** A sink that is a text. */
class TextSink {
  text = "";
  readonly #decoder = new TextDecoder();

  write(chunk: Uint8Array): void {
    this.text += this.#decoder.decode(chunk, { stream: true });
  }
}

async function leptons(con: dbapi.Connection): Promise<dbapi.Cursor<dbapi.Connection>> {
  const cursor = con.cursor();
  await cursor.execute("create temporary table lepton (id serial, name text)");
  return cursor;
}

test("dbapi copy: into and out of a table, as text and as bytes", async () => {
  await withDbapi(async (con) => {
    const cursor = await leptons(con);
    await cursor.execute("COPY lepton FROM STDIN", [], { stream: LEPTONS });
    assert.deepEqual([cursor.rowcount, cursor.description], [3, null]);
    const bytes = new TextEncoder().encode(LEPTONS);
    await cursor.execute("copy lepton from stdin", [], { stream: bytes });
    const stream = new TextSink();
    await cursor.execute("copy lepton to stdout", [], { stream });
    assert.equal(stream.text, LEPTONS + LEPTONS);
    assert.equal(cursor.rowcount, 6);
    await assert.rejects(cursor.fetchall(), /no result set/);
    const csv = new TextSink();
    const text = "copy (select name from lepton where id = 2) to stdout with (format csv, header)";
    await cursor.execute(text, {}, { stream: csv });
    assert.equal(csv.text, "name\nmuon\nmuon\n");
    assert.equal(cursor.rowcount, 2, "the header is no row");
  });
});

test("dbapi copy: native's run takes the stream among its options", async () => {
  await withNative(async (con) => {
    await con.run("create temporary table lepton (id serial, name text)");
    const csv = (function* (): Generator<string> {
      for (const [id, name] of [[1, "electron"], [2, "muon"]]) yield `${id},${name}\n`;
    })();
    const sql = "COPY lepton FROM STDIN WITH (FORMAT CSV)";
    assert.equal(await con.run(sql, {}, { stream: csv }), null);
    assert.deepEqual([con.rowCount, con.columns], [2, null]);
    assert.deepEqual(await con.run("select name from lepton"), [["electron"], ["muon"]]);
  });
});

test("dbapi copy: iterables, asynchronous ones and web streams are sources", async () => {
  const lines = ["1\ta\n", new TextEncoder().encode("2\tb\n"), "", "3\tc\n"];
  const sources: (() => CopySource)[] = [
    () => lines,
    () => new Set(lines),
    async function* () {
      yield* lines;
    },
    () => new Blob(lines as BlobPart[]).stream(),
  ];
  await withDbapi(async (con) => {
    const cursor = await leptons(con);
    for (const source of sources) {
      await cursor.execute("copy lepton from stdin", [], { stream: source() });
      assert.equal(cursor.rowcount, 3);
    }
  });
});

test("dbapi copy: web streams and Node's streams are sinks, which are awaited and left open", async () => {
  const many = "copy (select generate_series(1, 200000)) to stdout";
  await withDbapi(async (con) => {
    const cursor = con.cursor();
    let size = 0;
    let chunks = 0;
    const writable = new WritableStream<Uint8Array>({
      async write(chunk) {
        await new Promise((resolve) => setTimeout(resolve, 0));
        size += chunk.length;
      },
    });
    await cursor.execute(many, [], { stream: writable });
    assert.equal(size, 1288895);
    await writable.getWriter().close();
    let nodes = 0;
    const node = new Writable({
      highWaterMark: 1000,
      write(chunk: Uint8Array, _encoding, done) {
        nodes += chunk.length;
        chunks++;
        setTimeout(done, 0);
      },
    });
    await cursor.execute(many, [], { stream: node });
    assert.ok(chunks > 3);
    assert.equal(node.writableEnded, false);
    await new Promise<void>((resolve) => node.end(resolve));
    assert.equal(nodes, 1288895);
    assert.deepEqual([node.listenerCount("drain"), node.listenerCount("close")], [0, 0]);
  });
});

test("dbapi copy: rejects with the sink's error, and the connection is usable", async () => {
  const many = "copy (select generate_series(1, 200000)) to stdout";
  const full = new Error("disk full");
  await withDbapi(async (con) => {
    const cursor = con.cursor();
    const stream = {
      write(): never {
        throw full;
      },
    };
    await assert.rejects(cursor.execute(many, [], { stream }), (error) => error === full);
    const node = new Writable({
      highWaterMark: 1,
      write(_chunk, _encoding, done) {
        done(full);
      },
    });
    await assert.rejects(cursor.execute(many, [], { stream: node }), (error) => error === full);
    await cursor.execute("select 1");
    assert.deepEqual(await cursor.fetchone(), [1]);
  });
});

test("dbapi copy: rejects with the source's error, and the connection is usable", async () => {
  await withDbapi(async (con) => {
    const cursor = await leptons(con);
    await con.commit();
    const broken = new Error("the source broke");
    const stream = (function* (): Generator<string> {
      yield "1\ta\n";
      throw broken;
    })();
    await assert.rejects(
      cursor.execute("copy lepton from stdin", [], { stream }),
      (error) => error === broken,
    );
    await con.rollback();
    await cursor.execute("select count(*)::int from lepton");
    assert.deepEqual(await cursor.fetchone(), [0]);
  });
});

test("dbapi copy: rejects with the server's error, with all fields", async () => {
  await withDbapi(async (con) => {
    const cursor = await leptons(con);
    const refused = cursor.execute("copy lepton from stdin", [], { stream: "one\ta\n" });
    await assert.rejects(refused, (error: dbapi.DatabaseError) => {
      assert.deepEqual([error.code, error.name], ["22P02", "DataError"]);
      assert.match(error.where ?? "", /^COPY lepton, line 1, column id/);
      assert.deepEqual(Object.keys(error.fields), ["S", "V", "C", "M", "W", "F", "L", "R"]);
      return true;
    });
    await con.rollback();
    await cursor.execute("select 1");
  });
});

test("dbapi copy: is refused without a stream, and the connection is usable", async () => {
  await withDbapi(async (con) => {
    const cursor = await leptons(con);
    for (const text of ["copy lepton to stdout", "copy lepton from stdin"]) {
      await assert.rejects(cursor.execute(text), { name: "InterfaceError" });
      await assert.rejects(con.run(text), { name: "InterfaceError" });
    }
    await cursor.execute("select 1");
    assert.deepEqual(await cursor.fetchone(), [1]);
  });
});

test("dbapi copy: refuses other values as a stream, and the connection is usable", async () => {
  await withDbapi(async (con) => {
    const cursor = await leptons(con);
    const run = (text: string, stream: unknown, args: dbapi.Arguments = []): Promise<unknown> =>
      cursor.execute(text, args, { stream: stream as dbapi.CopySource });
    const refused = { name: "InterfaceError", message: /stream|arguments/ };
    await assert.rejects(run("copy lepton from stdin", new TextSink()), refused);
    await assert.rejects(run("copy lepton from stdin", 5), refused);
    await assert.rejects(run("copy lepton to stdout", LEPTONS), refused);
    await assert.rejects(run("copy lepton to stdout", null), refused);
    await assert.rejects(run("copy lepton to stdout", new TextSink(), [1]), refused);
    await assert.rejects(run("select 1", new TextSink()), refused);
    await assert.rejects(run("copy lepton from '/dev/null'", LEPTONS), refused);
    await cursor.execute("select 1");
    assert.deepEqual(await cursor.fetchone(), [1]);
  });
});

test("dbapi copy: it begins a transaction, and the driver's own cursor does not", async () => {
  await withDbapi(async (con) => {
    await con.run("create temporary table lepton (id serial, name text)");
    await con.commit();
    await con.run("copy lepton from stdin", {}, { stream: LEPTONS });
    await con.rollback();
    assert.deepEqual(await con.run("select * from lepton"), []);
  });
  const db = await connect(await serverOptions());
  try {
    const cursor = db.cursor();
    await cursor.execute("create temporary table lepton (id serial, name text)");
    await cursor.execute("copy lepton from stdin", [], { stream: LEPTONS });
    assert.equal(db.transactionStatus, "idle");
    const stream = new TextSink();
    await cursor.execute("copy lepton to stdout", [], { stream });
    assert.equal(stream.text, LEPTONS);
  } finally {
    await db.close();
  }
});
