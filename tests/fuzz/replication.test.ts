/**
 * Random transactions of several sessions, with their walsender killed at random: the stream, applied to
 * a second database, gives the same tables under each protocol of pgoutput, in text and binary.
 * `CORNAC_CHANGES=2000` is the number of transactions per protocol and format; `CORNAC_SEED` makes the
 * same ones again.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { connect, type Connection } from "../../mod.ts";
import { pgoutput, replicate, type StreamState } from "../../src/replication/replication.ts";
import { behind, shared } from "../_kit/databases.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { pause } from "../_kit/waiting.ts";
import { Random, seedOfToday } from "../wire/model.ts";
import { contentOf, Copy } from "./replication_copy.ts";
import { SCHEMA, Session, TABLES } from "./replication_workload.ts";

const TRANSACTIONS = Number(process.env.CORNAC_CHANGES ?? 40);
const SEED = seedOfToday(process.env.CORNAC_SEED);
const SESSIONS = 3;

interface Way {
  readonly protocol: 1 | 2 | 3 | 4;
  readonly binary: boolean;
}

const ALL: readonly Way[] = ([1, 2, 3, 4] as const).flatMap((protocol) => [
  { protocol, binary: true },
  { protocol, binary: false },
]);
/** Each protocol once, each format twice, unless the run is long. */
const WAYS = TRANSACTIONS > 40
  ? ALL
  : ALL.filter((_, i) => i === 0 || i === 3 || i === 5 || i === 6);

for (const [i, way] of WAYS.entries()) {
  const { protocol, binary } = way;
  const title = `fuzz (seed ${SEED}): ${TRANSACTIONS} transactions by protocol ${protocol}, ` +
    `${binary ? "binary" : "text"}, make a second database equal`;
  test(title, { timeout: 3_600_000 }, () => withoutUnhandled(() => run(way, SEED * 10 + i)));
}

async function run(way: Way, seed: number): Promise<void> {
  const names = ["source", "target"].map((name) =>
    `repl_${name}_${crypto.randomUUID().slice(0, 8)}`
  );
  const [source, target] = names as [string, string];
  const open: Connection[] = [];
  let killer: Killer | undefined;
  let left = TRANSACTIONS;
  const connected = async (database: string): Promise<Connection> => {
    const db = await connect(await shared({ database }));
    open.push(db);
    return db;
  };
  for (const name of names) await behind(`create database ${name}`);
  try {
    const admin = await connected(source);
    const copy = await connected(target);
    for (const db of [admin, copy]) await db.query(SCHEMA).simple();
    const twoPhase = way.protocol >= 3;
    await admin.query("create publication p for all tables").simple();
    await admin.query(
      `select pg_create_logical_replication_slot('${source}', 'pgoutput', false, ${twoPhase})`,
    );
    const sessions = await Promise.all(
      Array.from(
        { length: SESSIONS },
        async (_, number) =>
          new Session(await connected(source), seed * 10 + number, number, twoPhase),
      ),
    );
    // The first connection is not killed: a stream that was never established ends with any error.
    const onState = ({ state }: StreamState): void => {
      if (state === "streaming") killer ??= new Killer(admin, source, new Random(seed));
    };
    const applying = follow(way, source, new Copy(copy), onState);
    const working = Promise.all(sessions.map(async (session) => {
      while (left-- > 0) await session.transaction();
    }));
    working.catch(() => {}); // awaited below, unless the stream fails first
    const tooEarly = applying.then(() => left > 0 && assert.fail("the stream has ended"));
    await Promise.race([working, tooEarly]);
    await working;
    // A row of each table tells of its latest columns.
    for (const table of TABLES) await admin.query(`insert into ${table} (id) values (-1)`);
    await admin.query("insert into marker values (1)");
    const { applied } = await applying;
    assert.ok(applied > TRANSACTIONS / 4, `${applied} transactions were applied`);
    for (const table of TABLES) {
      assert.deepEqual(await contentOf(copy, table), await contentOf(admin, table), table);
    }
  } finally {
    left = 0;
    await killer?.stop();
    for (const db of open) db.destroy();
    for (const name of names) await dropDatabase(name);
  }
}

/** Applies what a stream yields, up to the marker. */
async function follow(
  way: Way,
  database: string,
  copy: Copy,
  onState: (state: StreamState) => void,
): Promise<Copy> {
  const { protocol, binary } = way;
  let streaming: "parallel" | "on" | false = protocol === 4 ? "parallel" : protocol > 1 && "on";
  for (;;) {
    const stream = replicate({
      ...await shared({ database, startupParams: { logical_decoding_work_mem: "64kB" } }),
      ...{ slot: { name: database, twoPhase: protocol >= 3 }, publication: "p", binary },
      plugin: pgoutput({ protocol }),
      streaming,
      reconnect: { maxDelay: 0.2 },
      onState,
    });
    try {
      for await (const transaction of stream.transactions()) {
        if (await copy.apply(transaction)) break;
      }
      return copy;
    } catch (error) {
      if (streaming === false || !FILENUMBER.test((error as Error).message)) throw error;
      streaming = false;
      copy.startAgain();
    }
  }
}

/**
 * The error with which PostgreSQL 18 sometimes fails, again and again, to stream transactions beside
 * TRUNCATE or changes of the schema by others. It decodes the same changes without streaming.
 */
const FILENUMBER = /^could not map filenumber ".*" to relation OID$/;

/** Kills the walsender of a slot again and again. */
class Killer {
  #isStopped = false;
  readonly #running: Promise<void>;

  constructor(admin: Connection, slot: string, random: Random) {
    this.#running = this.#run(admin, slot, random);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running.catch(() => {}); // a connection that was lost has failed the test elsewhere
  }

  async #run(admin: Connection, slot: string, random: Random): Promise<void> {
    while (!this.#isStopped) {
      await pause((50 + random.below(400)) / 1000);
      await admin.query(
        "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1",
        [slot],
      );
      // From here a new walsender can begin; otherwise it decodes everything again.
      await admin.query("select pg_log_standby_snapshot()");
    }
  }
}

/** A slot that was in use a moment ago keeps its database. */
async function dropDatabase(name: string): Promise<void> {
  for (let attempt = 0;; attempt++) {
    try {
      await behind(`drop database ${name} with (force)`);
      return;
    } catch (error) {
      if (attempt > 50) throw error;
      await pause(0.1);
    }
  }
}
