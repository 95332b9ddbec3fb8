// deno-lint-ignore-file no-console
// OpenTelemetry's instrumentation of pg, on the package that is installed under the name pg: prints
// the spans of a connect, a query, a pool and a failure.
import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
const { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = require(
  "@opentelemetry/sdk-trace-base",
);
const { PgInstrumentation } = require("@opentelemetry/instrumentation-pg");

const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const instrumentation = new PgInstrumentation();
instrumentation.setTracerProvider(provider);

const pg = require("pg");
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 1 });
await pool.query("select 1");
await new Promise((resolve, reject) =>
  pool.query("select 2", (error) => error ? reject(error) : resolve())
);
const client = new pg.Client(process.env.DATABASE_URL);
await client.connect();
await client.query("select $1::int", [3]);
await client.query("select 1/0").catch(() => {});
await client.end();
await pool.end();
for (const { name, status, attributes } of exporter.getFinishedSpans()) {
  const database = attributes["db.namespace"];
  console.log(
    name,
    status.code === 2 ? "ERROR" : "ok",
    database,
    attributes["db.query.text"] ?? "",
  );
}
