/** `@cornac/pg/otel`: spans and metrics from the driver's channels. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { diag, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { connect, createPool, type Pool } from "../../mod.ts";
import { CornacInstrumentation, type InstrumentationOptions } from "../../src/otel/otel.ts";
import { shared } from "../_kit/databases.ts";
import { failure } from "../_kit/outcomes.ts";
import { type Measured, type Telemetry, telemetry } from "../_kit/telemetry.ts";

/** Runs `work` with an instrumentation of its own. */
async function instrumented(
  options: InstrumentationOptions,
  work: (told: Telemetry) => Promise<void>,
): Promise<Telemetry> {
  const told = telemetry();
  const instrumentation = new CornacInstrumentation(options);
  instrumentation.setTracerProvider(told.tracers);
  instrumentation.setMeterProvider(told.meters);
  instrumentation.enable();
  instrumentation.enable();
  try {
    await work(told);
  } finally {
    instrumentation.disable();
  }
  return told;
}

test("otel: each operation is a span with the names of the semantic conventions", async () => {
  const { host, port, database } = await shared();
  const { spans, names } = await instrumented({}, async () => {
    await using db = await connect(await shared());
    await db.query("select $1::int as n", [7]);
    await db.batch([["select 1"], ["select 2"]].map(([text]) => db.query(text!)));
    await db.query("create temporary table told (n int)");
    await db.copyRowsFrom("told", ["n"], [[1], [2]]);
    for await (const _row of db.query("select n from told")) break;
  });
  assert.deepEqual(names, [
    `CONNECT ${database}`,
    `SELECT ${database}`,
    `BATCH SELECT ${database}`,
    `CREATE TABLE ${database}`,
    `COPY ${database}`,
    `SELECT ${database}`,
  ]);
  assert.ok(spans.every(({ kind }) => kind === SpanKind.CLIENT));
  assert.deepEqual(spans[1]!.attributes, {
    "db.system.name": "postgresql",
    "db.namespace": database,
    "server.address": host,
    "server.port": port,
    "db.query.text": "select $1::int as n",
    "db.operation.name": "SELECT",
    "db.response.returned_rows": 1,
    "cornac.parameter_count": 1,
    "cornac.is_stream": false,
  });
  assert.equal(spans[2]!.attributes["db.operation.batch.size"], 2);
  assert.equal(spans[4]!.attributes["cornac.copy.direction"], "in");
  assert.equal(spans[4]!.attributes["cornac.copy.rows"], 2);
});

test("otel: spans nest: in the caller's, in a transaction's, and the callback's own", async () => {
  const told = await instrumented({ operations: ["query", "transaction"] }, async (told) => {
    await using db = await connect(await shared());
    const tracer = told.tracers.getTracer("application");
    await tracer.startActiveSpan("request", async (request) => {
      await db.transaction(async (tx) => {
        await tx.query("select 1");
        await tx.savepoint((inner) => inner.query("select 2"));
        await tracer.startActiveSpan("work", async (work) => {
          await tx.query("select 3");
          work.end();
        });
      });
      assert.equal(trace.getActiveSpan(), request);
      request.end();
    });
    await db.query("select 4");
  });
  const { database } = await shared();
  assert.deepEqual(told.names.map((name) => name.replaceAll(` ${database}`, "")), [
    "SELECT in TRANSACTION",
    "SELECT in SAVEPOINT",
    "SAVEPOINT in TRANSACTION",
    "SELECT in work",
    "work in TRANSACTION",
    "TRANSACTION in request",
    "request",
    "SELECT",
  ]);
});

test("otel: a failure has a status without the values that the server quotes", async () => {
  for (const errorMessages of [false, true]) {
    const { spans: [, span] } = await instrumented({ errorMessages }, async () => {
      await using db = await connect(await shared());
      await failure(db.query("select 'secret'::int"));
    });
    const text = errorMessages
      ? 'invalid input syntax for type integer: "secret"'
      : "DataError (22P02)";
    assert.deepEqual(span!.status, { code: SpanStatusCode.ERROR, message: text });
    assert.equal(span!.attributes["error.type"], "22P02");
    assert.equal(span!.attributes["db.response.status_code"], "22P02");
    assert.equal(span!.attributes["db.query.text"], "select ?::int");
    assert.equal(span!.name, `SELECT ${span!.attributes["db.namespace"]}`);
    const [event] = span!.events;
    assert.equal(event!.name, "exception");
    assert.equal(event!.attributes!["exception.message"], text);
    assert.equal(event!.attributes!["exception.type"], "DataError");
  }
});

for (
  const [text, values, queryText, shown] of [
    ["select 'a', 1, n -- 7", [], "sanitized", "select ?, ?, n"],
    ["select $1::text, 'kept'", ["x"], "sanitized", "select $1::text, 'kept'"],
    ["select 'a', 1", [], "full", "select 'a', 1"],
    ["select 'a', 1", [], "none", undefined],
    [`select ${"1,".repeat(20_000)}1`, [], "sanitized", 16],
  ] as const
) {
  test(`otel: queryText "${queryText}" of ${text.slice(0, 30)}`, async () => {
    const options: InstrumentationOptions = { queryText, operations: ["query"] };
    const { spans: [span] } = await instrumented(options, async () => {
      await using db = await connect(await shared());
      await db.query(text.replace(", n", ", 2 as n"), [...values]).execute().catch(() => {});
    });
    const found = span!.attributes["db.query.text"];
    if (typeof shown === "number") assert.ok(String(found).length < 17_000);
    else assert.equal(String(found).replace(", ? as n", ", n"), String(shown));
  });
}

test("otel: with requireParentSpan, an operation outside of a span has none", async () => {
  const told = await instrumented({ requireParentSpan: true }, async (told) => {
    await using db = await connect(await shared());
    await told.tracers.getTracer("application").startActiveSpan("request", async (request) => {
      await db.query("select 1");
      request.end();
    });
    await db.query("select 2");
  });
  assert.equal(told.spans.length, 2);
});

test("otel: onStart and onEnd see the span and the message", async () => {
  const options: InstrumentationOptions = {
    operations: ["query"],
    onStart: (span) => span.setAttribute("peer", "theirs"),
    onEnd: (span, message) =>
      span.setAttribute("seconds", message["db.client.operation.duration"]!),
  };
  const { spans: [span] } = await instrumented(options, async () => {
    await using db = await connect(await shared());
    await db.query("select 1");
  });
  assert.equal(span!.attributes.peer, "theirs");
  assert.equal(typeof span!.attributes.seconds, "number");
});

test("otel: what hooks, tracers and meters throw is logged, and changes nothing else", async () => {
  const thrower = (): never => {
    throw new Error("thrown");
  };
  const instrument = { record: thrower, add: thrower };
  const meter = {
    createHistogram: () => instrument,
    createCounter: () => instrument,
    createUpDownCounter: () => instrument,
  };
  const logged = new Set<string>();
  const silent = (): void => {};
  diag.setLogger({
    ...{ warn: silent, info: silent, debug: silent, verbose: silent },
    error: (text, error) => logged.add(`${text}: ${(error as Error).message}`),
  });
  const hooks = { onStart: thrower, onEnd: thrower };
  const { names } = await instrumented(hooks, async () => {
    const broken = new CornacInstrumentation();
    broken.setTracerProvider({ getTracer: () => ({ startSpan: thrower }) } as never);
    broken.setMeterProvider({ getMeter: () => meter } as never);
    broken.enable();
    await using pool = createPool(await shared());
    assert.equal(await pool.transaction((tx) => tx.query("select 1").scalar()), 1);
    await failure(pool.query("selct"));
    broken.disable();
  }).finally(() => diag.disable());
  const database = (await shared()).database;
  assert.deepEqual(names, [
    `CONNECT ${database}`,
    `SELECT ${database} in TRANSACTION ${database}`,
    `TRANSACTION ${database}`,
    `SELCT ${database}`,
  ]);
  assert.deepEqual(
    [...logged].sort(),
    ["onEnd", "onStart", "the meter", "the tracer"].map((what) =>
      `@cornac/pg: ${what} has thrown an error: thrown`
    ),
  );
});

test("otel: options that are wrong are refused by name", () => {
  const refused = (options: unknown, message: string): void =>
    assert.throws(() => new CornacInstrumentation(options as never), {
      name: "InterfaceError",
      message,
    });
  refused({ queryTexts: "full" }, `unknown option "queryTexts" of CornacInstrumentation`);
  refused({ queryText: "all" }, `queryText must be "sanitized", "full" or "none"`);
  refused({ operations: ["queries"] }, /operations must be a list/ as never);
  refused({ onStart: 1 }, "onStart must be a function");
});

/** Returns the values of one metric by one attribute. */
function by(all: readonly Measured[], name: string, attribute: string): Record<string, number> {
  const found = all.filter((one) => one.name === name);
  return Object.fromEntries(found.map(({ attributes, value }) => [attributes[attribute], value]));
}

test("otel: durations and rows of operations are histograms", async () => {
  const told = await instrumented({ operations: [] }, async () => {
    await using db = await connect(await shared());
    await db.query("select 1");
    await db.query("select 2");
    await failure(db.query("select 1/0"));
  });
  assert.deepEqual(told.spans, []);
  const all = await told.measured();
  const named = by(all, "db.client.operation.duration", "error.type");
  assert.equal(named["22012"], 1);
  const rows = all.find(({ name }) => name === "db.client.response.returned_rows")!;
  assert.equal(rows.value, 2);
  assert.equal(rows.attributes["db.operation.name"], "SELECT");
  const duration = all.find(({ name, attributes }) =>
    name === "db.client.operation.duration" && attributes["db.operation.name"] === "CONNECT"
  )!;
  assert.deepEqual([duration.unit, duration.value], ["s", 1]);
});

test("otel: the numbers of two pools with one name are added, and end with them", async () => {
  let open: Measured[] = [];
  const told = await instrumented({}, async (told) => {
    const pools: Pool[] = [];
    for (let i = 0; i < 2; i++) {
      pools.push(createPool(await shared(), { name: "both", max: 3 + i, min: 0 }));
    }
    const held = await pools[0]!.connect();
    await pools[1]!.query("select 1");
    open = await told.measured();
    await held.close();
    for (const pool of pools) await pool.close();
  });
  assert.deepEqual(by(open, "db.client.connection.count", "db.client.connection.state"), {
    idle: 1,
    used: 1,
  });
  assert.equal(by(open, "db.client.connection.max", "db.client.connection.pool.name").both, 7);
  const all = await told.measured();
  assert.deepEqual(by(all, "db.client.connection.count", "db.client.connection.state"), {
    idle: 0,
    used: 0,
  });
  const last = (name: string) => by(all, name, "db.client.connection.pool.name").both;
  assert.equal(last("db.client.connection.max"), 0);
  assert.equal(last("db.client.connection.pending_requests"), 0);
  for (const time of ["create_time", "wait_time", "use_time"]) {
    assert.ok(last(`db.client.connection.${time}`)! >= 2, time);
  }
});

test("otel: after disable() there are no spans, and no cost", async () => {
  const told = await instrumented({}, () => Promise.resolve());
  await using db = await connect(await shared());
  await db.query("select 1");
  assert.deepEqual(told.spans, []);
});
