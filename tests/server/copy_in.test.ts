import assert from "node:assert/strict";
import { test } from "node:test";
import { type Connection, InterfaceError } from "../../mod.ts";
import { withDatabase } from "../_kit/databases.ts";
import { assertUsable, failure } from "../_kit/outcomes.ts";
import { until } from "../_kit/waiting.ts";
import { terminate } from "../_kit/servers.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";

const COPY = "copy t from stdin";

async function withTable(
  body: (db: Connection) => Promise<void>,
  columns = "id int primary key, name text",
): Promise<void> {
  await withoutUnhandled(() =>
    withDatabase(async (db) => {
      await db.query(`create temp table t (${columns})`);
      await body(db);
    })
  );
}

async function rowsOf(db: Connection): Promise<unknown[]> {
  return [...await db.query("select * from t order by 1", [], { rows: "array" })];
}

/** A source that notes what happens to it. */
function observed<T>(chunks: (i: number) => T | Promise<T>) {
  const seen = { taken: 0, returned: 0 };
  const iterator = {
    next: async () => ({ done: false, value: await chunks(seen.taken++) }),
    return: () => {
      seen.returned++;
      return Promise.resolve({ done: true, value: undefined });
    },
  };
  return { seen, source: { [Symbol.asyncIterator]: () => iterator } as AsyncIterable<T> };
}

test("copy in: text, bytes, arrays, generators, async generators and web streams are sources", async () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const sources: Record<string, () => unknown> = {
    text: () => "1\ta\n2\tb\n",
    bytes: () => bytes("1\ta\n2\tb\n"),
    "an array": () => ["1\t", bytes("a\n2"), "\tb\n"],
    "a generator": function* () {
      yield "1\ta\n";
      yield bytes("2\tb\n");
    },
    "an async generator": async function* () {
      yield "1\ta\n2";
      await new Promise((resolve) => setTimeout(resolve, 1));
      yield "\tb\n";
    },
    "a web stream": () => new Blob(["1\ta\n2\tb\n"]).stream(),
  };
  await withTable(async (db) => {
    for (const [name, source] of Object.entries(sources)) {
      await db.query("truncate t");
      assert.equal(await db.copyFrom(COPY, source() as string), 2, name);
      assert.deepEqual(await rowsOf(db), [[1, "a"], [2, "b"]], name);
    }
    await assertUsable(db);
  });
});

test("copy in: an empty source copies nothing", async () => {
  await withTable(async (db) => {
    assert.equal(await db.copyFrom(COPY, []), 0);
    assert.equal(await db.copyFrom(COPY, ""), 0);
    assert.deepEqual(await rowsOf(db), []);
  });
});

test("copy in: the statement chooses the format, and CSV with a header counts no header", async () => {
  await withTable(async (db) => {
    const csv = 'id,name\n1,"a ""quoted""\nline"\n2,\n';
    assert.equal(await db.copyFrom("copy t from stdin (format csv, header)", csv), 2);
    assert.deepEqual(await rowsOf(db), [[1, 'a "quoted"\nline'], [2, null]]);
  });
});

test("copy in: a character cut between two strings arrives whole", async () => {
  await withTable(async (db) => {
    const [high, low] = "😀".split("");
    await db.copyFrom(COPY, [`1\t${high}`, `${low}\n`]);
    assert.deepEqual(await rowsOf(db), [[1, "😀"]]);
  });
});

test("copy in: chunks far larger and far smaller than a message arrive as they are", async () => {
  await withTable(async (db) => {
    const wide = "é".repeat(150_000);
    assert.equal(await db.copyFrom(COPY, [`1\t${wide}\n`]), 1);
    assert.equal(await db.query("select name = $1 from t", [wide]).scalar(), true);
    await db.query("truncate t");
    const letters = Array.from({ length: 20_000 }, (_, i) => `${i}\tx\n`).join("");
    assert.equal(await db.copyFrom(COPY, letters.split("")), 20_000);
    assert.equal(await db.query("select count(*)::int from t where name = 'x'").scalar(), 20_000);
  });
});

test("copy in: a query made before is answered first, and one made meanwhile is refused", async () => {
  await withTable(async (db) => {
    const before = db.query("select count(*)::int as n from t").execute();
    const copy = db.copyFrom(COPY, slowly("1\ta\n", "2\tb\n"));
    assert.match((await failure(db.query("select 1"))).message, /^a COPY is in progress/);
    assert.deepEqual([...await before], [{ n: 0 }]);
    assert.equal(await copy, 2);
    assert.equal(await db.query("select count(*)::int from t").scalar(), 2);
  });
});

async function* slowly(...chunks: string[]): AsyncGenerator<string> {
  for (const chunk of chunks) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    yield chunk;
  }
}

test("copy in: progress reports bytes and rows", async () => {
  await withTable(async (db) => {
    const seen: { bytes: number; rows: number }[] = [];
    const progress = (p: { bytes: number; rows: number }) => void seen.push({ ...p });
    const lines = Array.from({ length: 30_000 }, (_, i) => `${i}\tname ${i}\n`);
    const total = lines.join("").length;
    await db.copyFrom(COPY, lines, { progress });
    assert.ok(seen.length > 3);
    assert.deepEqual(seen.at(-1), { bytes: total, rows: 30_000 });
    assert.ok(
      seen.every(({ bytes }, i) => i === 0 || bytes > seen[i - 1]!.bytes || bytes === total),
    );

    seen.length = 0;
    await db.query("truncate t");
    await db.copyFrom("copy t from stdin csv", '1,"a\nb"\n2,c\n', { progress });
    assert.deepEqual(seen, [{ bytes: 12, rows: 2 }]);
  });
});

test("copy in: rejects with the source's error, and copies nothing", async () => {
  class Mine extends Error {}
  const sources = {
    sync: function* () {
      yield "1\ta\n";
      throw new Mine("sync");
    },
    async: async function* () {
      yield "1\ta\n";
      await Promise.resolve();
      throw new Mine("async");
    },
    stream: () =>
      new ReadableStream<string>({
        start: (controller) => {
          controller.enqueue("1\ta\n");
        },
        pull: (controller) => controller.error(new Mine("stream")),
      }),
  };
  await withTable(async (db) => {
    for (const [name, source] of Object.entries(sources)) {
      const error = await failure(db.copyFrom(COPY, source()));
      assert.ok(error instanceof Mine, name);
      assert.equal(error.message, name);
      assert.deepEqual(await rowsOf(db), []);
      await assertUsable(db);
    }
  });
});

test("copy in: rejects with any value that the source throws", async () => {
  await withTable(async (db) => {
    // deno-lint-ignore require-yield
    const source = function* (): Generator<string> {
      throw undefined;
    };
    const [settled] = await Promise.allSettled([db.copyFrom(COPY, source())]);
    assert.deepEqual(settled, { status: "rejected", reason: undefined });
    await assertUsable(db);
  });
});

test("copy in: a source that yields something else, and a progress that throws, undo the copy", async () => {
  await withTable(async (db) => {
    const { seen, source } = observed(() => 7 as unknown as string);
    const error = await failure(db.copyFrom(COPY, source));
    assert.match(error.message, /^copyFrom\(\): the source must yield strings or Uint8Arrays$/);
    assert.equal(seen.returned, 1);
    const mine = new Error("mine");
    const progress = () => {
      throw mine;
    };
    assert.equal(await failure(db.copyFrom(COPY, "1\ta\n", { progress })), mine);
    assert.deepEqual(await rowsOf(db), []);
    await assertUsable(db);
  });
});

test("copy in: a row that the server refuses closes the source and rejects with the server's error", async () => {
  await withTable(async (db) => {
    const big = "x".repeat(40_000);
    const { seen, source } = observed((i) => i === 0 ? "bad\tx\n" : `${i}\t${big}\n`);
    const error = await failure(db.copyFrom(COPY, source));
    assert.equal(error.code, "22P02");
    assert.equal(seen.returned, 1);
    const taken = seen.taken;
    await assertUsable(db);
    assert.equal(seen.taken, taken);
  });
});

test("copy in: an error while the source is silent rejects at once", async () => {
  await withTable(async (db) => {
    let returned = 0;
    const iterator = {
      count: 0,
      next() {
        if (this.count++ === 0) {
          return Promise.resolve({ done: false, value: "bad\tx\n" + "1\tx\n".repeat(20_000) });
        }
        return new Promise<never>(() => {});
      },
      return() {
        returned++;
        return new Promise<never>(() => {});
      },
    };
    const source = { [Symbol.asyncIterator]: () => iterator } as AsyncIterable<string>;
    assert.equal((await failure(db.copyFrom(COPY, source))).code, "22P02");
    assert.equal(returned, 1);
    await assertUsable(db);
  });
});

test("copy in: a row with too few columns, and a duplicate key, fail with the server's error", async () => {
  await withTable(async (db) => {
    assert.equal((await failure(db.copyFrom(COPY, "1\n"))).code, "22P04");
    assert.equal((await failure(db.copyFrom(COPY, "1\ta\n1\tb\n"))).code, "23505");
    await assertUsable(db);
  });
});

test("copy in: an error fails the transaction, and a rollback makes the connection usable", async () => {
  await withTable(async (db) => {
    const error = await failure(db.transaction(async (tx) => {
      await tx.copyFrom(COPY, "1\ta\n");
      const bad = await failure(tx.copyFrom(COPY, "x\ta\n"));
      assert.equal(bad.code, "22P02");
      assert.equal(db.transactionStatus, "failed");
      throw bad;
    }));
    assert.equal(error.code, "22P02");
    assert.deepEqual(await rowsOf(db), []);
    await db.transaction(async (tx) => assert.equal(await tx.copyFrom(COPY, "1\ta\n"), 1));
    assert.deepEqual(await rowsOf(db), [[1, "a"]]);
    await assertUsable(db);
  });
});

test("copy in: is refused on the connection while a transaction is open", async () => {
  await withTable(async (db) => {
    await db.transaction(async (tx) => {
      const error = await failure(db.copyFrom(COPY, "1\ta\n"));
      assert.ok(error instanceof InterfaceError);
      assert.match(error.message, /a transaction is open/);
      assert.equal(await tx.query("select 1 as n").scalar(), 1);
    });
    await assertUsable(db);
  });
});

test("copy in: an abort while the source is silent undoes the copy with the signal's reason", async () => {
  await withTable(async (db) => {
    const controller = new AbortController();
    const { seen, source } = observed((i) => i === 0 ? "1\ta\n" : new Promise<never>(() => {}));
    const copy = failure(db.copyFrom(COPY, source, { signal: controller.signal }));
    await until(() => seen.taken === 2);
    const reason = new Error("enough");
    controller.abort(reason);
    assert.equal(await copy, reason);
    assert.equal(seen.returned, 1);
    assert.deepEqual(await rowsOf(db), []);
    await assertUsable(db);
  });
});

test("copy in: an abort while data flows undoes the copy", async () => {
  await withTable(async (db) => {
    const controller = new AbortController();
    const { seen, source } = observed((i) => `${i}\t${"x".repeat(10_000)}\n`);
    const copy = failure(db.copyFrom(COPY, source, { signal: controller.signal }));
    await until(() => seen.taken > 200);
    controller.abort(new Error("enough"));
    assert.equal((await copy).message, "enough");
    assert.deepEqual(await rowsOf(db), []);
    await assertUsable(db);
  });
});

test("copy in: an abort before it is sent keeps it from being sent, and closes the source", async () => {
  await withTable(async (db) => {
    let cancelled: unknown;
    const stream = () =>
      new ReadableStream<string>({ cancel: (reason) => void (cancelled = reason) });
    const reason = new Error("too late");
    const copied = failure(db.copyFrom(COPY, stream(), { signal: AbortSignal.abort(reason) }));
    assert.equal(await copied, reason);
    assert.equal(cancelled, reason);
    await assertUsable(db);
  });
});

test("copy in: a timeout and cancel() end a copy whose source is silent", async () => {
  await withTable(async (db) => {
    const silent = () => observed((i) => i === 0 ? "1\ta\n" : new Promise<never>(() => {}));
    const late = await failure(db.copyFrom(COPY, silent().source, { timeout: 0.1 }));
    assert.match(late.message, /^query timed out after 0\.1 s/);
    await assertUsable(db);
    const { seen, source } = silent();
    const copy = failure(db.copyFrom(COPY, source));
    await until(() => seen.taken === 2);
    db.cancel();
    assert.equal((await copy).code, "57014");
    assert.deepEqual(await rowsOf(db), []);
    await assertUsable(db);
  });
});

test("copy in: an abort ends a copy that the server is busy with", async () => {
  await withTable(async (db) => {
    await db.query(
      "create function pg_temp.slow() returns int language plpgsql volatile as $$" +
        "begin perform pg_sleep(60); return 1; end$$",
    );
    await db.query("alter table t alter name set default pg_temp.slow()::text");
    const signal = AbortSignal.timeout(100);
    const error = await failure(db.copyFrom("copy t (id) from stdin", "1\n", { signal }));
    assert.equal(error.name, "TimeoutError");
    await assertUsable(db);
  });
});

test("copy in: refuses other statements, and the connection is usable", async () => {
  await withTable(async (db) => {
    for (
      const text of [
        "select 1",
        "select * from generate_series(1, 1000)",
        "copy t to stdout",
        "insert into t values (7)",
        "",
      ]
    ) {
      const { source } = observed(() => "1\ta\n");
      const error = await failure(db.copyFrom(text, source));
      assert.ok(error instanceof InterfaceError, text);
      assert.match(error.message, /^the statement is not a COPY … FROM STDIN$/);
    }
    assert.equal((await failure(db.copyFrom("copy nothing from stdin", "x"))).code, "42P01");
    assert.equal((await failure(db.copyFrom(`${COPY}; ${COPY}`, "x"))).code, "42601");
    const notSources = [null, undefined, 7, {}] as unknown as string[];
    for (const source of notSources) {
      assert.match((await failure(db.copyFrom(COPY, source))).message, /^copyFrom\(\): the source/);
    }
    const locked = new ReadableStream<string>();
    locked.getReader();
    assert.match((await failure(db.copyFrom(COPY, locked))).message, /locked/);
    await assertUsable(db);
  });
});

test("copy in: a backend that is terminated ends the copy, the source and the connection", async () => {
  await withoutUnhandled(() =>
    withDatabase(async (db) => {
      await db.query("create temp table t (id int, name text)");
      const { seen, source } = observed((i) => i < 10 ? "1\ta\n" : new Promise<never>(() => {}));
      const copy = failure(db.copyFrom(COPY, source));
      await until(() => seen.taken > 10);
      await terminate(db);
      assert.match((await copy).message, /^connection lost|^terminating connection/);
      assert.equal(seen.returned, 1);
      await db.closed;
      assert.match((await failure(db.copyFrom(COPY, "1\ta\n"))).message, /^connection is closed$/);
    })
  );
});

test("copy in: the caller's line is in the stack of the server's error", async () => {
  await withTable(async (db) => {
    assert.match((await failure(db.copyFrom(COPY, "x\n"))).stack ?? "", /copy_in\.test/);
  });
});
