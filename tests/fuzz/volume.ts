/**
 * Moves many rows one way and watches the process's memory; run by volume.test.ts in a process of its
 * own, so that nothing else's garbage counts.
 */
import process from "node:process";
import { connect, type Connection, type ConnectOptions, type Query } from "../../mod.ts";

/** The data to move, and the way. */
export interface Volume {
  /** One of {@linkcode WAYS}. */
  readonly way: string;
  readonly rows: number;
  readonly options: ConnectOptions;
  /** A view (i int, t text, at timestamptz, u xid8) of that many rows, and a table (i int, t text). */
  readonly view: string;
  readonly table: string;
}

/** The outcome: bytes of resident memory before and at most, and the data seen. */
export interface Measured {
  readonly before: number;
  readonly most: number;
  readonly rows: number;
  readonly seconds: number;
}

/** Prints the {@linkcode Measured} as a line of JSON. */
export async function measure({ way, rows, options, view, table }: Volume): Promise<void> {
  const db = await connect(options);
  const watch = new Watch();
  const start = performance.now();
  await WAYS[way]!(db, { rows, view, table, watch });
  const seconds = (performance.now() - start) / 1000;
  await db.close();
  const { before, most } = watch;
  process.stdout.write(JSON.stringify({ before, most, rows: watch.rows, seconds }) + "\n");
}

/** Counts rows, and looks at the memory now and then. */
class Watch {
  rows = 0;
  readonly before: number = process.memoryUsage().rss;
  most: number = this.before;

  passed(rows: number): void {
    const before = this.rows;
    this.rows += rows;
    if (before >> 14 !== this.rows >> 14) this.look();
  }

  look(): void {
    this.most = Math.max(this.most, process.memoryUsage().rss);
  }
}

interface Task extends Pick<Volume, "rows" | "view" | "table"> {
  readonly watch: Watch;
}

type Way = (db: Connection, task: Task) => Promise<void>;

/** `xid8` goes as text only, and with it the row's other columns as they would. */
const SELECT = "select i, t, at";

/**
 * Made once: V8 remembers the texts of the last 16,384 numbers that a program has made text. Those 384
 * KiB would outlive every collection, and V8 doubles its young generation whenever as much as it holds
 * has: any program that makes ten million of them ends at the most, 70 to 100 MiB, driver or not.
 */
const TEXTS: readonly string[] = Array.from({ length: 1000 }, (_, i) => `the row number ${i}`);
const LINES: readonly string[] = TEXTS.map((text, i) => `${i}\t${text}\n`);

/** Each way that rows move. */
export const WAYS: Readonly<Record<string, Way>> = {
  "for await": (db, task) => each(db.query(`${SELECT} from ${task.view}`), task),
  "for await, as text": (db, task) => each(db.query(`${SELECT}, u from ${task.view}`), task),
  "for await, in a transaction": (db, task) =>
    db.transaction((tx) => each(tx.query(`${SELECT} from ${task.view}`), task)),
  "batches(100)": (db, task) => batches(db, 100, task),
  "batches(1000)": (db, task) => batches(db, 1000, task),
  copyTo: async (db, { view, watch }) => {
    const text = `copy (${SELECT} from ${view}) to stdout`;
    let rows = 0;
    for await (const chunk of db.copyTo(text, { complete: (n) => rows = n })) {
      if (chunk.length > 0) watch.look();
    }
    watch.passed(rows);
  },
  copyRowsTo: async (db, { view, watch }) => {
    for await (const row of db.copyRowsTo(view, ["i", "t", "at"])) if (row) watch.passed(1);
  },
  copyFrom: async (db, { rows, table, watch }) => {
    function* lines(): Generator<string> {
      for (let i = 0; i < rows; i++) {
        watch.passed(1);
        yield LINES[i % LINES.length]!;
      }
    }
    await db.copyFrom(`copy ${table} from stdin`, lines());
  },
  copyRowsFrom: async (db, { rows, table, watch }) => {
    function* arrays(): Generator<unknown[]> {
      for (let i = 0; i < rows; i++) {
        watch.passed(1);
        yield [i, TEXTS[i % TEXTS.length]];
      }
    }
    await db.copyRowsFrom(table, ["i", "t"], arrays());
  },
};

async function each(query: Query, { watch }: Task): Promise<void> {
  for await (const row of query) if (row) watch.passed(1);
}

async function batches(db: Connection, size: number, { view, watch }: Task): Promise<void> {
  for await (const rows of db.query(`${SELECT} from ${view}`).batches(size)) {
    watch.passed(rows.length);
  }
}
