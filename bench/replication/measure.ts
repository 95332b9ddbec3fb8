/**
 * Replication: a transaction of 1,000,000 rows through `replicate()`, beside `pg_recvlogical` and a naive
 * reader, each with a copy of the same slot; and the memory with a slow handler, the time that the
 * server takes to stop, and that of `close()`.
 *
 *     deno task bench --workload replication [--rounds 3]
 *
 * `CORNAC_ROWS` is another number of rows, `CORNAC_RECVLOGICAL` another `pg_recvlogical` than that of PATH.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { type Cluster, startCluster } from "../../tests/_kit/cluster.ts";
import type { Runtime } from "../runtimes.ts";
import type { Job, Outcome, Place } from "./job.ts";

const ROWS = Number(process.env.CORNAC_ROWS ?? 1_000_000);
/** The rows of the slow handler, which takes ten times the server's time for them. */
const SLOW_ROWS = Math.min(ROWS, 200_000);

const SETUP =
  `create table bench (id int4, name text, at timestamptz, amount numeric(12,2), flag bool,
  n8 int8); create publication bench for table bench`;
const FILL = `insert into bench select i, 'name of row ' || i, now() + i * interval '1 ms',
  (i % 100000) / 7.0, i % 2 = 0, i * 1000003::int8 from generate_series(1, ${ROWS}) i`;

/** Measures on each runtime and prints the report. */
export async function measureReplication(
  runtimes: readonly Runtime[],
  rounds: number,
): Promise<void> {
  const cluster = await startCluster({
    settings: { shared_buffers: "128MB", max_replication_slots: "100", max_wal_size: "4GB" },
  });
  try {
    const bench = await Bench.prepare(cluster);
    process.stdout.write(`\nreplication: one transaction of ${ROWS} rows\n`);
    const base = await bench.compare(runtimes, rounds);
    if (base === undefined) process.stdout.write("pg_recvlogical is not installed\n");
    for (const runtime of runtimes) await bench.others(runtime);
    for (const runtime of runtimes) {
      const seconds = await bench.stopTime(runtime);
      line(runtime.title, "the server stops in", `${seconds.toFixed(2)} s (target 1 s)`);
    }
  } finally {
    await cluster.stop();
  }
}

class Bench {
  readonly #cluster: Cluster;
  readonly #place: Place;
  readonly #end: string;
  #slots = 0;

  private constructor(cluster: Cluster, end: string) {
    const { host, port } = cluster;
    this.#cluster = cluster;
    this.#end = end;
    this.#place = { host, port, user: "postgres", database: "postgres" };
  }

  /** Makes a slot, and then the transaction. */
  static async prepare(cluster: Cluster): Promise<Bench> {
    await cluster.query(SETUP);
    await cluster.query("select pg_create_logical_replication_slot('bench', 'pgoutput')");
    await cluster.query(FILL);
    await cluster.query("checkpoint");
    const [[end] = []] = await cluster.query("select pg_current_wal_lsn()");
    return new Bench(cluster, String(end));
  }

  /** Measures the readers in turns, so that a slow moment of the machine meets all of them. */
  async compare(runtimes: readonly Runtime[], rounds: number): Promise<number | undefined> {
    const found = new Map<string, Outcome[]>();
    const add = (name: string, outcome: Outcome): void =>
      void found.set(name, [...found.get(name) ?? [], outcome]);
    const reference = process.env.CORNAC_RECVLOGICAL ?? "pg_recvlogical";
    const hasReference = spawnSync(reference, ["--version"]).status === 0;
    for (let round = 0; round < rounds; round++) {
      if (hasReference) add("pg_recvlogical, binary", await this.#recvlogical(reference));
      for (const runtime of runtimes) {
        add(`${runtime.title}, replicate()`, await this.#worker(runtime, "stream", ROWS));
        add(`${runtime.title}, naive, text`, await this.#worker(runtime, "naive", ROWS));
      }
    }
    const [reader] = found.keys();
    const base = hasReference ? median(found.get(reader!)!, "seconds") : undefined;
    line("reader", "wall", "ratio", "first row", "CPU", "rows/s");
    for (const [name, outcomes] of found) {
      const seconds = median(outcomes, "seconds");
      const ratio = base === undefined ? "" : (seconds / base).toFixed(2);
      const [first, cpu] = [median(outcomes, "first"), median(outcomes, "cpu")];
      const rate = Math.round(ROWS / seconds).toLocaleString("en");
      line(
        name,
        `${seconds.toFixed(2)} s`,
        ratio,
        `${first.toFixed(2)} s`,
        `${cpu.toFixed(2)} s`,
        rate,
      );
    }
    return base;
  }

  /** Measures a slow handler and `close()`. */
  async others(runtime: Runtime): Promise<void> {
    const slow = await this.#worker(runtime, "slow", SLOW_ROWS);
    const memory = `${(slow.memory / 2 ** 20).toFixed(0)} MB over idle (target 64 MB)`;
    line(runtime.title, "a handler ten times slower", memory);
    const { seconds } = await this.#worker(runtime, "close", ROWS);
    line(runtime.title, "close() amid the transaction", `${seconds.toFixed(2)} s (target 1 s)`);
  }

  /** Returns the time of a fast shutdown with an idle consumer. */
  async stopTime(runtime: Runtime): Promise<number> {
    const slot = `idle_${this.#slots++}`;
    await this.#cluster.query(`select pg_create_logical_replication_slot('${slot}', 'pgoutput')`);
    const child = this.#spawn(runtime, { kind: "idle", place: this.#place, slot, rows: ROWS });
    await new Promise<void>((resolve, reject) => {
      child.stdout!.on("data", (text) => /streaming/.test(String(text)) && resolve());
      child.once("exit", () => reject(new Error("the idle consumer has ended")));
    });
    const began = performance.now();
    await this.#cluster.halt("fast");
    const seconds = (performance.now() - began) / 1000;
    child.kill("SIGKILL");
    await this.#cluster.restart("fast");
    return seconds;
  }

  async #slot(): Promise<string> {
    const slot = `copy_${this.#slots++}`;
    await this.#cluster.query(`select pg_copy_logical_replication_slot('bench', '${slot}')`);
    return slot;
  }

  async #worker(runtime: Runtime, kind: Job["kind"], rows: number): Promise<Outcome> {
    const slot = await this.#slot();
    const child = this.#spawn(runtime, { kind, place: this.#place, slot, rows });
    let text = "";
    child.stdout!.on("data", (chunk) => text += chunk);
    await ended(child);
    return JSON.parse(text);
  }

  #spawn({ command: [program = "", ...flags] }: Runtime, job: Job): ChildProcess {
    const script = join(import.meta.dirname ?? ".", "worker.ts");
    return spawn(program, [...flags, script, JSON.stringify(job)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
  }

  async #recvlogical(program: string): Promise<Outcome> {
    const { host, port, user, database } = this.#place;
    const options = ["proto_version=1", "publication_names=bench", "binary=true"];
    const began = performance.now();
    const child = spawn(program, [
      ...["-h", host, "-p", String(port), "-U", user, "-d", database, "--start", "--no-loop"],
      ...["--slot", await this.#slot(), "--endpos", this.#end, "-f", "-"],
      ...options.flatMap((option) => ["-o", option]),
    ], { stdio: ["ignore", "pipe", "inherit"] });
    let [first, cpu] = [0, 0];
    child.stdout!.on("data", () => first ||= performance.now() - began);
    const clock = setInterval(() => cpu = cpuOf(child.pid!) ?? cpu, 20);
    await ended(child);
    clearInterval(clock);
    const seconds = (performance.now() - began) / 1000;
    return { seconds, first: first / 1000, cpu, memory: 0 };
  }
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once(
      "exit",
      (code) => code === 0 ? resolve() : reject(new Error(`a reader: exit ${code}`)),
    );
  });
}

/** The processor's time of a process on Linux, in seconds; `undefined` when it has ended. */
function cpuOf(pid: number): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return undefined;
  }
}

function median(outcomes: readonly Outcome[], figure: keyof Outcome): number {
  const sorted = outcomes.map((outcome) => outcome[figure]).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

function line(name: string, ...cells: readonly string[]): void {
  process.stdout.write(`${name.padEnd(30)} ${cells.map((cell) => cell.padStart(12)).join(" ")}\n`);
}
