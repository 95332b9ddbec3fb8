import assert from "node:assert/strict";
import { test } from "node:test";
import { type Connection, InterfaceError } from "../../mod.ts";
import { withDatabase } from "../_kit/databases.ts";
import { assertUsable, failure, textOf } from "../_kit/outcomes.ts";
import { until } from "../_kit/waiting.ts";
import { isBackendOf } from "../_kit/pooled.ts";
import { serverQuery, sharedServer, terminate } from "../_kit/servers.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";

const THREE = "copy (select n, 'row ' || n from generate_series(1, 3) n) to stdout";
/** 40 MB: more than sockets hold. */
const LARGE = "copy (select n, repeat('x', 1000) from generate_series(1, 40000) n) to stdout";
/** In the select list a series is not put together before it is sent. */
const ENDLESS = "copy (select repeat('x', 1000), generate_series(1, 1000000000)) to stdout";

function withQuietDb(body: (db: Connection) => Promise<void>): Promise<void> {
  return withoutUnhandled(() => withDatabase(body));
}

/** Reads one chunk and stops. */
async function firstChunk(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  for await (const chunk of chunks) return chunk;
  throw new assert.AssertionError({ message: "there is no chunk" });
}

test("copy out: can be iterated, read as a web stream, and piped", async () => {
  await withQuietDb(async (db) => {
    const expected = "1\trow 1\n2\trow 2\n3\trow 3\n";
    assert.equal(await textOf(db.copyTo(THREE)), expected);
    assert.equal(await new Response(db.copyTo(THREE)).text(), expected);
    let piped = "";
    const decoder = new TextDecoder();
    const writable = new WritableStream<Uint8Array>({
      write: (chunk) => void (piped += decoder.decode(chunk)),
    });
    await db.copyTo(THREE).pipeTo(writable);
    assert.equal(piped, expected);
    await assertUsable(db);
  });
});

test("copy out: CSV and binary come as the statement says, and an empty result is empty", async () => {
  await withQuietDb(async (db) => {
    const csv = "copy (select 1 as a, null::int as b, 'x,y' as c) to stdout (format csv, header)";
    assert.equal(await textOf(db.copyTo(csv)), 'a,b,c\n1,,"x,y"\n');
    const binary = await firstChunk(db.copyTo("copy (select 7::int2) to stdout (format binary)"));
    assert.equal(new TextDecoder().decode(binary.subarray(0, 6)), "PGCOPY");
    assert.equal(await textOf(db.copyTo("copy (select 1 where false) to stdout")), "");
    await assertUsable(db);
  });
});

test("copy out: sends nothing before the first read", async () => {
  await withQuietDb(async (db) => {
    db.copyTo("copy nowhere to stdout");
    await assertUsable(db);
  });
});

test("copy out: large data arrives in chunks of whole rows, with progress", async () => {
  await withQuietDb(async (db) => {
    const seen = { bytes: 0, rows: 0 };
    let bytes = 0, chunks = 0;
    for await (const chunk of db.copyTo(LARGE, { progress: (p) => void Object.assign(seen, p) })) {
      assert.equal(chunk.at(-1), 0x0a);
      bytes += chunk.length;
      chunks++;
    }
    assert.ok(chunks > 100 && chunks < 40_000, `${chunks} chunks`);
    assert.deepEqual(seen, { bytes, rows: 40_000 });
    await assertUsable(db);
  });
});

test("copy out: a reader that pauses stops the server, and queries are refused", async () => {
  await withQuietDb(async (db) => {
    const reader = db.copyTo(LARGE).getReader();
    await reader.read();
    assert.match((await failure(db.query("select 1"))).message, /^a COPY is in progress/);
    const server = await sharedServer();
    const ask = `select wait_event from pg_stat_activity where ${isBackendOf(db)}`;
    await until(async () => (await serverQuery(server, ask))[0]?.[0] === "ClientWrite");
    while (!(await reader.read()).done);
    await assertUsable(db);
  });
});

test("copy out: leaving early, by break, cancel() or a throw, leaves the connection usable", async () => {
  await withQuietDb(async (db) => {
    await firstChunk(db.copyTo(ENDLESS));
    await assertUsable(db);
    const reader = db.copyTo(ENDLESS).getReader();
    await reader.read();
    await reader.cancel("enough");
    await assertUsable(db);
    const mine = new Error("mine");
    const thrown = failure((async () => {
      for await (const _ of db.copyTo(ENDLESS)) throw mine;
    })());
    assert.equal(await thrown, mine);
    await assertUsable(db);
    await db.copyTo(ENDLESS).cancel();
    await assertUsable(db);
  });
});

test("copy out: leaving early within a transaction does not fail the transaction", async () => {
  await withQuietDb(async (db) => {
    await db.transaction(async (tx) => {
      await tx.query("create temp table kept as select 1 as n");
      await firstChunk(tx.copyTo(LARGE));
      assert.equal(db.transactionStatus, "transaction");
    });
    assert.equal(await db.query("select n from kept").scalar(), 1);
    await assertUsable(db);
  });
});

test("copy out: a progress that throws ends the copy with its error", async () => {
  await withQuietDb(async (db) => {
    const mine = new Error("mine");
    const progress = () => {
      throw mine;
    };
    assert.equal(await failure(textOf(db.copyTo(ENDLESS, { progress }))), mine);
    await assertUsable(db);
  });
});

test("copy out: the reader gets an error from before and from within the data", async () => {
  await withQuietDb(async (db) => {
    assert.equal((await failure(textOf(db.copyTo("copy nowhere to stdout")))).code, "42P01");
    await assertUsable(db);
    const failing =
      "copy (select 1 / (200000 - n), repeat('x', 100) from generate_series(1, 300000) n) to stdout";
    let bytes = 0;
    const error = await failure((async () => {
      for await (const chunk of db.copyTo(failing)) bytes += chunk.length;
    })());
    assert.equal(error.code, "22012");
    assert.ok(bytes > 0);
    await assertUsable(db);
  });
});

test("copy out: the reader gets an abort, before, during and between reads", async () => {
  await withQuietDb(async (db) => {
    const reason = new Error("enough");
    const reading = new AbortController();
    let chunks = 0;
    const read = failure((async () => {
      for await (const _ of db.copyTo(ENDLESS, { signal: reading.signal })) {
        if (++chunks === 5) reading.abort(reason);
      }
    })());
    assert.equal(await read, reason);
    await assertUsable(db);

    const holding = new AbortController();
    const reader = db.copyTo(ENDLESS, { signal: holding.signal }).getReader();
    await reader.read();
    await new Promise((resolve) => setTimeout(resolve, 20));
    holding.abort(reason);
    await assertUsable(db);
    assert.equal(await failure(reader.read()), reason);

    const before = db.copyTo(ENDLESS, { signal: AbortSignal.abort(reason) });
    assert.equal(await failure(firstChunk(before)), reason);
    await assertUsable(db);
  });
});

test("copy out: a timeout ends it, whether or not the server waits", async () => {
  await withQuietDb(async (db) => {
    const late = await failure(textOf(db.copyTo(ENDLESS, { timeout: 0.1 })));
    assert.match(late.message, /^query timed out after 0\.1 s/);
    await assertUsable(db);
    const reader = db.copyTo(ENDLESS, { timeout: 0.1 }).getReader();
    await reader.read();
    await new Promise((resolve) => setTimeout(resolve, 150));
    await assertUsable(db);
    assert.match((await failure(reader.read())).message, /^query timed out/);
  });
});

test("copy out: refuses other statements, and the connection is usable", async () => {
  await withQuietDb(async (db) => {
    await db.query("create temp table t (n int)");
    for (const text of ["select 1", "insert into t values (1)", ""]) {
      const error = await failure(textOf(db.copyTo(text)));
      assert.ok(error instanceof InterfaceError, text);
      await assertUsable(db);
    }
    for (const text of ["copy t from stdin", "-- x\ncopy t from stdin"]) {
      assert.throws(() => db.copyTo(text), InterfaceError);
    }
    assert.equal(await textOf(db.copyTo("copy (select 'from stdin') to stdout")), "from stdin\n");
  });
});

test("copy out: the reader gets the end of the backend", async () => {
  await withQuietDb(async (db) => {
    const reader = db.copyTo(ENDLESS).getReader();
    await reader.read();
    await terminate(db);
    const error = await failure((async () => {
      while (!(await reader.read()).done);
    })());
    assert.match(error.message, /^connection lost|^terminating connection/);
    await db.closed;
  });
});

test("copy out: a server that waits longer than `timeout` is not taken for lost", async () => {
  await withoutUnhandled(() =>
    withDatabase(async (db) => {
      const reader = db.copyTo(LARGE).getReader();
      await reader.read();
      await new Promise((resolve) => setTimeout(resolve, 700));
      while (!(await reader.read()).done);
      await assertUsable(db);
    }, { timeout: 0.3, connectTimeout: 10 })
  );
});

test("copy in: a source that is silent longer than `timeout` is not taken for a lost server", async () => {
  await withoutUnhandled(() =>
    withDatabase(async (db) => {
      await db.query("create temp table t (n int)");
      const source = async function* () {
        yield "1\n";
        await new Promise((resolve) => setTimeout(resolve, 700));
        yield "2\n";
      };
      assert.equal(await db.copyFrom("copy t from stdin", source()), 2);
      await assertUsable(db);
    }, { timeout: 0.3, connectTimeout: 10 })
  );
});
