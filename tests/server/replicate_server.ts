/** A server of one test file, with an empty database for each test, and change streams over it. */
import process from "node:process";
import { connect, type Connection, type ConnectOptions } from "../../mod.ts";
import { type ChangeStream, replicate } from "../../src/replication/replication.ts";
import type { ReplicateOptions, Transaction } from "../../src/replication/replication.ts";
import { type Cluster, type ClusterOptions, startCluster } from "../_kit/cluster.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { until } from "../_kit/waiting.ts";

/** One test's database, which has a table `t (id, name)` and a publication `p` of it. */
export interface Place {
  readonly cluster: Cluster;
  readonly db: Connection;
  readonly login: ConnectOptions;
  /** Returns a stream over the slot `s` of the database, closed at the end of the test. */
  stream(options?: Partial<ReplicateOptions>): ChangeStream;
  /** The position that the server has for the slot, as a number; 0 without one. */
  confirmed(): Promise<bigint>;
  /** The slots of the database: name, and whether they are active. */
  slots(): Promise<string[]>;
  /** Inserts a row for each number, each in a transaction of its own. */
  insert(...ids: number[]): Promise<void>;
}

const clusters = new Map<string, Promise<Cluster>>();

/** Databases that a test has left, emptied: to create one takes longer than most tests. */
const free = new Map<Cluster, string[]>();

/** Returns the file's server with these properties; it ends with the process. */
export function ownCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const key = JSON.stringify(options);
  let starting = clusters.get(key);
  if (starting === undefined) {
    starting = startCluster(options).then((cluster) => {
      cluster.unref();
      process.once("exit", () => cluster.abandon());
      return cluster;
    });
    clusters.set(key, starting);
  }
  return starting;
}

/** Runs a test in a database of its own; empties it in the end, and drops it if the test has failed. */
export function withPlace(
  work: (place: Place) => Promise<void>,
  options: ClusterOptions = {},
): Promise<void> {
  return withoutUnhandled(async () => {
    const cluster = await ownCluster(options);
    const database = free.get(cluster)?.pop() ?? await newDatabase(cluster);
    const login: ConnectOptions = {
      ...{ host: cluster.host, port: cluster.port, user: "postgres", database },
      sslMode: "disable",
    };
    const streams: ChangeStream[] = [];
    const db = await connect(login);
    let isPassed = false;
    try {
      await db.query(`create table t (id int primary key, name text);
        create publication p for table t`).simple().all();
      await work(placeOf(cluster, db, login, streams));
      isPassed = true;
    } finally {
      await Promise.all(streams.map((stream) => stream.close()));
      db.destroy();
      await dropSlots(cluster, database);
      if (isPassed) await empty(cluster, database);
      else await cluster.query(`drop database ${database} with (force)`);
    }
  });
}

function placeOf(
  cluster: Cluster,
  db: Connection,
  login: ConnectOptions,
  streams: ChangeStream[],
): Place {
  const slot = `s_${login.database!.slice(2)}`;
  return {
    cluster,
    db,
    login,
    stream(options = {}) {
      const stream = replicate({ ...login, slot, publication: "p", ...options });
      streams.push(stream);
      return stream;
    },
    async confirmed() {
      const sql = `select confirmed_flush_lsn - '0/0' from pg_replication_slots
        where slot_name = '${slot}'`;
      return BigInt((await cluster.query(sql))[0]?.[0] ?? 0);
    },
    async slots() {
      const sql = `select slot_name || case when active then '*' else '' end
        from pg_replication_slots where database = '${login.database}' order by 1`;
      return (await cluster.query(sql)).map(([text]) => text!.replace(slot, "s"));
    },
    async insert(...ids) {
      for (const id of ids) {
        await db.query("insert into t values ($1::int, 'n' || $1::int)", [id]).execute();
      }
    },
  };
}

async function newDatabase(cluster: Cluster): Promise<string> {
  const database = `r_${crypto.randomUUID().replaceAll("-", "").slice(0, 12)}`;
  await cluster.query(`create database ${database}`);
  return database;
}

async function dropSlots(cluster: Cluster, database: string): Promise<void> {
  const slots = `pg_replication_slots where database = '${database}'`;
  await cluster.query(`select pg_terminate_backend(active_pid) from ${slots} and active`);
  await until(async () => (await cluster.query(`select from ${slots} and active`)).length === 0);
  await cluster.query(`select pg_drop_replication_slot(slot_name) from ${slots}`);
}

/** Ends what still uses a database, empties it, and keeps it for the next test. */
async function empty(cluster: Cluster, database: string): Promise<void> {
  const others = `pg_stat_activity where datname = '${database}' and pid <> pg_backend_pid()`;
  await cluster.query(`select pg_terminate_backend(pid) from ${others}`);
  await until(async () => (await cluster.query(`select from ${others}`)).length === 0);
  const prepared = `select gid from pg_prepared_xacts where database = '${database}'`;
  for (const [gid] of await cluster.query(prepared)) {
    await cluster.query(`rollback prepared '${gid}'`, database);
  }
  await cluster.query(
    `do $$
    declare one record;
    begin
      for one in select pubname as name from pg_publication loop
        execute format('drop publication %I', one.name);
      end loop;
      for one in select nspname as name from pg_namespace
        where nspname !~ '^pg_' and nspname <> 'information_schema' loop
        execute format('drop schema %I cascade', one.name);
      end loop;
      create schema public;
      grant usage on schema public to public;
    end $$`,
    database,
  );
  free.set(cluster, [...free.get(cluster) ?? [], database]);
}

/** Creates the slot of a place at the current position, as a first stream would. */
export async function makeSlot(place: Place): Promise<void> {
  const stream = place.stream();
  const reading = stream.transactions().next();
  await until(() => stream.state?.state === "streaming" || stream.state?.state === "closed");
  await stream.close();
  await reading;
  await until(async () => (await place.slots()).join() === "s");
}

/** The `id`s of the rows that a transaction inserts. */
export async function idsOf(transaction: Transaction): Promise<number[]> {
  const ids: number[] = [];
  for await (const change of transaction) {
    if (change.kind === "insert" || change.kind === "snapshot") ids.push(change.new.id as number);
  }
  return ids;
}
