/**
 * Compares how exactly columns are typed: this driver, pgtyped, SafeQL, the method of sqlx, and the
 * tables' own NOT NULL, over the corpus of tests/typed, in one go. Then times `check` over 1,000
 * templates in 100 files. Writes the tables of docs/typed.md between their markers.
 *
 *     deno run -A bench/typed/main.ts
 *
 * The peers come from npm into .cache/, and need Node.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { connect, type Connection } from "../../mod.ts";
import { main as cli } from "../../src/cli/cli.ts";
import { inspect } from "../../src/typed/typed.ts";
import { startCluster } from "../../tests/_kit/cluster.ts";
import { BREAKING, SETUP } from "../../tests/typed/corpus/breaking.ts";
import { FIRST } from "../../tests/typed/corpus/first.ts";
import { type Case, SCHEMA } from "../../tests/typed/corpus/schema.ts";
import { SECOND } from "../../tests/typed/corpus/second.ts";
import { fakeWorkplace } from "../../tests/typed/fake_workplace.ts";
import { byPlan, byTable } from "./plan_method.ts";

const MAJOR = 18;
const ROOT = new URL("../../", import.meta.url).pathname;
const PEERS = {
  "@pgtyped/query": "2.4.2",
  "@pgtyped/wire": "2.4.2",
  "@ts-safeql/generate": "4.1.1",
  "libpg-query": "17.5.5",
  postgres: "3.4.9",
};

/** Nullable columns by text; `null` or `undefined` for a text that was refused. */
type Answers = readonly (readonly boolean[] | null | undefined)[];

interface Method {
  readonly name: string;
  readonly answers: Answers;
  readonly milliseconds: number;
}

async function run(): Promise<void> {
  const cluster = await startCluster({ major: MAJOR });
  const url = `postgres://postgres@${cluster.host}:${cluster.port}/postgres?sslmode=disable`;
  const db = await connect(url);
  try {
    await db.query(SCHEMA + SETUP(MAJOR)).simple();
    const accuracy = [
      ["the corpus", await compared(db, cluster, [...FIRST, ...SECOND])],
      ["the corpus that tries to break it", await compared(db, cluster, BREAKING)],
    ] as const;
    const text = accuracy.map(([name, table]) => `${name}:\n\n${table}`).join("\n");
    writeTables(`${text}\n${await checkTimes(url)}\n`);
  } finally {
    await db.close();
    await cluster.stop();
  }
}

async function compared(
  db: Connection,
  server: { readonly host: string; readonly port: number },
  all: readonly Case[],
): Promise<string> {
  const cases = all.filter((one) => one.since <= MAJOR && MAJOR <= one.until);
  const texts = cases.map((one) => one.text);
  const peers = runPeers({ host: server.host, port: server.port, database: "postgres", texts });
  const methods: Method[] = [
    await timed(
      "this driver",
      async () =>
        (await inspect(db, texts)).map((one) =>
          one.error ? null : one.columns.map((column) => column.nullable)
        ),
    ),
    { name: `SafeQL (\`@ts-safeql/generate\` ${PEERS["@ts-safeql/generate"]})`, ...peers.safeql },
    await timed("tables and plan, as sqlx", () => each(texts, (text) => byPlan(db, text))),
    { name: `pgtyped (\`@pgtyped/query\` ${PEERS["@pgtyped/query"]})`, ...peers.pgtyped },
    await timed("tables alone", () => each(texts, (text) => byTable(db, text))),
  ];
  const head =
    `| ${cases.length} queries | right | unsafe | too careful | refused queries | time |`;
  return [
    head,
    "| --- | --- | --- | --- | --- | --- |",
    ...methods.map((one) => row(one, cases)),
    "",
  ].join("\n");
}

async function each<T>(texts: readonly string[], work: (text: string) => Promise<T>): Promise<T[]> {
  const found: T[] = [];
  for (const text of texts) found.push(await work(text));
  return found;
}

async function timed(name: string, work: () => Promise<Answers>): Promise<Method> {
  const start = performance.now();
  const answers = await work();
  return { name, answers, milliseconds: performance.now() - start };
}

function row({ name, answers, milliseconds }: Method, cases: readonly Case[]): string {
  const count = { right: 0, unsafe: 0, careful: 0, refused: 0, all: 0 };
  cases.forEach(({ truth }, i) => {
    const answer = answers[i];
    if (!answer || answer.length !== truth.length) return void count.refused++;
    answer.forEach((nullable, j) => {
      count.all++;
      if (nullable === (truth[j] !== "!")) count.right++;
      else if (nullable) count.careful++;
      else count.unsafe++;
    });
  });
  const { right, all, unsafe, careful, refused } = count;
  return `| ${name} | ${right} of ${all} | ${unsafe} | ${careful} | ${refused} | ${
    (milliseconds / 1000).toFixed(1)
  } s |`;
}

interface PeerAnswers {
  readonly answers: Answers;
  readonly milliseconds: number;
}

function runPeers(input: object): { pgtyped: PeerAnswers; safeql: PeerAnswers } {
  const folder = join(ROOT, ".cache", "typed-peers");
  if (!existsSync(join(folder, "node_modules"))) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, "package.json"),
      JSON.stringify({ private: true, dependencies: PEERS }),
    );
    execFileSync("npm", ["install", "--no-audit", "--no-fund"], { cwd: folder, stdio: "ignore" });
  }
  copyFileSync(join(ROOT, "bench/typed/peer.mjs"), join(folder, "peer.mjs"));
  const options = {
    cwd: folder,
    input: JSON.stringify(input),
    maxBuffer: 1e8,
    encoding: "utf8",
  } as const;
  return JSON.parse(execFileSync("node", ["peer.mjs"], options));
}

/** Times the whole of `check`, from its start to its verdict, over templates made of the corpus. */
async function checkTimes(url: string): Promise<string> {
  const queries = [...FIRST, ...SECOND].filter((one) => one.parameters.length === 0);
  const files: Record<string, string> = {};
  for (let i = 0; i < 100; i++) {
    const templates = Array.from({ length: 10 }, (_, j) => {
      const { text } = queries[(i * 10 + j) % queries.length]!;
      return `await db.sql\`/* ${i}.${j} */ ${text.replace(/[\\\`]|\${/g, "\\$&")}\`;`;
    });
    files[`src/f${i}.ts`] = templates.join("\n");
  }
  const seconds: number[] = [];
  let last = "";
  for (let turn = 0; turn < 3; turn++) {
    const place = fakeWorkplace(["check"], files, { DATABASE_URL: url });
    const start = performance.now();
    await cli(place);
    seconds.push((performance.now() - start) / 1000);
    last = place.output.trim().split("\n").at(-1)!;
  }
  const median = seconds.sort((a, b) => a - b)[1]!.toFixed(1);
  process.stdout.write(`${last}\n`);
  return `\`check\` over 1,000 different templates in 100 files, from its start to the verdict: ${median} s.`;
}

const BEGIN = "<!-- begin: typed -->";
const END = "<!-- end: typed -->";

function writeTables(tables: string): void {
  const path = join(ROOT, "docs", "typed.md");
  const text = readFileSync(path, "utf8");
  const [before, rest] = text.split(BEGIN) as [string, string];
  writeFileSync(path, `${before}${BEGIN}\n\n${tables}\n${END}${rest.split(END)[1]}`);
  execFileSync(process.execPath, ["fmt", "--quiet", path]);
  process.stdout.write(tables);
}

if (import.meta.main) await run();
