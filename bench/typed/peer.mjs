// The peers of bench/typed/main.ts, in a process of their own: reads { server, database, texts } and
// prints, for each peer and text, which columns it takes for nullable; null for a text that it refuses.
import { readFileSync } from "node:fs";
import process from "node:process";

/** The packages are beside this file's copy in .cache/, and not known to this repository. */
const load = (name) => import(name);
const { createGenerator } = await load("@ts-safeql/generate");
const { getTypes, startup } = await load("@pgtyped/query");
const { AsyncQueue } = await load("@pgtyped/wire");
const { default: postgres } = await load("postgres");

const { host, port, database, texts } = JSON.parse(readFileSync(0, "utf8"));

async function pgtyped() {
  const queue = new AsyncQueue();
  await startup({ host, port, user: "postgres", password: "", dbName: database }, queue);
  const answers = [];
  for (const [i, text] of texts.entries()) {
    const found = await getTypes({ query: text, mapping: [], bindings: [] }, queue, `q${i}`)
      .catch(() => ({ errorCode: "thrown" }));
    answers.push(
      "errorCode" in found ? null : found.returnTypes.map(({ nullable }) => nullable !== false),
    );
  }
  return answers;
}

async function safeql() {
  const sql = postgres({ host, port, user: "postgres", database, max: 1, onnotice: () => {} });
  const { generate } = createGenerator();
  const answers = [];
  for (const text of texts) {
    const query = { text, sourcemaps: [] };
    const found = await generate({ sql, query, cacheKey: "bench", fieldTransform: undefined })
      .catch(() => ({ _tag: "Left" }));
    const columns = found._tag === "Right" ? found.right.output?.value : undefined;
    answers.push(columns?.map(([, type]) => hasNull(type)) ?? null);
  }
  await sql.end();
  return answers;
}

function hasNull(type) {
  return type.kind === "union" ? type.value.some(hasNull) : /^(null|any|unknown)$/.test(type.value);
}

async function timed(work) {
  const start = performance.now();
  const answers = await work().catch((error) => (process.stderr.write(`${error}\n`), []));
  return { answers, milliseconds: performance.now() - start };
}

const result = { pgtyped: await timed(pgtyped), safeql: await timed(safeql) };
process.stdout.write(JSON.stringify(result), () => process.exit());
