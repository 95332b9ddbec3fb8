/**
 * Operations of all kinds at once on a few connections and a pool, chosen by a seed. Every row carries
 * the nonce of the operation that asked for it, each operation knows what must come of it, and what is
 * written is compared with the table at the end.
 *
 * Two things are not an operation's own doing: to be refused while another has the connection to
 * itself, and to be hit by a cancel that was not meant for it. Both are accepted only while such
 * another one was under way, and counted.
 */
import assert from "node:assert/strict";
import { type Connection, InterfaceError, PgError, type Pool, type Queryable } from "../../mod.ts";
import { Random } from "../wire/model.ts";

/** Where an operation takes place. */
export interface Place {
  readonly db: Connection;
  readonly pool: Pool;
  readonly nonce: number;
  readonly random: Random;
  readonly world: World;
}

/** One kind of operation. */
export interface Operation {
  /** The frequency of the operation, relative to the others. */
  readonly often: number;
  /** On which of the connections it may be run: those that forget statements, those that listen. */
  readonly on?: "forgetful" | "listening";
  /** Holds the connection exclusively: other operations are refused meanwhile. */
  readonly isExclusive?: boolean;
  /** A cancel that was meant for a request before it may hit it, because it cannot be sent again. */
  readonly isExposed?: boolean;
  /** Cancels an operation of its own, or any that runs. */
  readonly cancels?: "own" | "any";
  /** Returns the outcome: `ok`, or a word for another expected outcome. */
  run(place: Place): Promise<string>;
}

/** All kinds by their names. */
export type Operations = Readonly<Record<string, Operation>>;

/** How often each kind had which outcome. */
export type Tally = Map<string, Map<string, number>>;

/** Seconds after which an operation counts as hanging. */
const PATIENCE = 90;

/** One connection, and what may keep others from it. */
class Lane {
  readonly db: Connection;
  readonly names: readonly string[];
  /** Operations that hold the connection exclusively: running, begun so far, and the last one's end. */
  holders = 0;
  held = 0;
  free: Promise<unknown> = Promise.resolve();
  /** Operations that cancel: running, begun so far. */
  cancelling = 0;
  cancels = 0;
  /** How many cancels of whatever runs there were, and how many operations were hit by them. */
  shots = 0;
  hits = 0;

  constructor(db: Connection, names: readonly string[]) {
    this.db = db;
    this.names = names;
  }
}

/** How things stood on a lane when an operation began. */
type Since = Readonly<Pick<Lane, "holders" | "held" | "cancelling" | "cancels">>;

/** The surroundings of one run. */
export interface Setting {
  readonly seed: number;
  readonly dbs: readonly Connection[];
  readonly pool: Pool;
  /** A table (nonce int, i int, pad text) of its own. */
  readonly table: string;
  /** Views (nonce int, i int, pad text) of ten times their number, -1 to -9, rows. */
  readonly view: (number: number) => string;
  /** The most rows that an operation should ask for; and one that is to be stopped on its way. */
  readonly rows: number;
  readonly most: number;
}

/** One run. */
export class World {
  readonly setting: Setting;
  readonly tally: Tally = new Map();
  readonly #operations: Operations;
  readonly #lanes: readonly Lane[];
  readonly #written = new Map<number, readonly number[]>();
  readonly #running = new Map<number, { readonly name: string; readonly since: number }>();
  #made = 0;
  #isOver = false;

  constructor(setting: Setting, operations: Operations) {
    this.setting = setting;
    this.#operations = operations;
    this.#lanes = setting.dbs.map((db, i) => {
      const unfit = i % 2 === 0 ? "listening" : "forgetful";
      const fit = Object.entries(operations).filter(([, { on }]) => on !== unfit);
      return new Lane(db, fit.flatMap(([name, { often }]) => Array<string>(often).fill(name)));
    });
  }

  /** Runs `count` operations, `workers` at a time on each connection; refused ones are not counted. */
  async run(count: number, workers: number): Promise<void> {
    const jobs = this.#lanes.flatMap((lane, i) =>
      Array.from({ length: workers }, (_, j) => {
        const random = new Random(this.setting.seed * 1000 + i * workers + j);
        return this.#work(lane, random, count);
      })
    );
    try {
      await this.#unlessOneHangs(Promise.all(jobs));
    } finally {
      this.#isOver = true;
    }
  }

  /** The operation has written these rows. */
  wrote(nonce: number, rows: readonly number[]): void {
    this.#written.set(nonce, [...this.#written.get(nonce) ?? [], ...rows]);
  }

  /** The table holds what was written, and nothing else. */
  async checkTable(db: Queryable): Promise<void> {
    const found = new Map<number, number[]>();
    const text = `select nonce, array_agg(i order by i) as rows from ${this.setting.table}
      group by nonce order by nonce`;
    for (const { nonce, rows } of await db.query<{ nonce: number; rows: number[] }>(text)) {
      found.set(nonce, rows);
    }
    const written = [...this.#written].filter(([, rows]) => rows.length > 0)
      .map(([nonce, rows]) => [nonce, [...rows].sort((a, b) => a - b)] as const);
    assert.deepEqual(found, new Map(written.sort(([a], [b]) => a - b)));
  }

  async #work(lane: Lane, random: Random, count: number): Promise<void> {
    while (!this.#isOver && this.#made < count) {
      const name = lane.names[random.below(lane.names.length)]!;
      // To be refused is an outcome like any other, but need not be the most frequent one.
      while (lane.holders > 0 && random.below(8) > 0) await lane.free;
      const nonce = ++this.#made;
      const outcome = await this.#one(lane, name, nonce, random);
      const outcomes = this.tally.get(name) ?? new Map<string, number>();
      this.tally.set(name, outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1));
      if (outcome !== "refused") continue;
      this.#made--;
      await lane.free;
    }
  }

  async #one(lane: Lane, name: string, nonce: number, random: Random): Promise<string> {
    const operation = this.#operations[name]!;
    const { holders, held, cancelling, cancels } = lane;
    const since = { holders, held, cancelling, cancels };
    const id = nonce + random.below(1 << 30) / 2 ** 30;
    this.#running.set(id, { name: `${name} (${nonce})`, since: performance.now() });
    try {
      return await this.#counted(lane, operation, nonce, random);
    } catch (error) {
      const excuse = excuseOf(error, operation, lane, since);
      if (excuse !== undefined) return excuse;
      throw new Error(`${name} (${nonce}): ${error}`, { cause: error });
    } finally {
      this.#running.delete(id);
    }
  }

  async #counted(
    lane: Lane,
    operation: Operation,
    nonce: number,
    random: Random,
  ): Promise<string> {
    const { isExclusive, cancels } = operation;
    if (cancels !== undefined) lane.cancelling++, lane.cancels++;
    if (cancels === "any") lane.shots++;
    if (isExclusive) lane.holders++, lane.held++;
    const running = operation.run({
      db: lane.db,
      pool: this.setting.pool,
      nonce,
      random,
      world: this,
    });
    if (isExclusive) lane.free = running.catch(() => {});
    try {
      return await running;
    } finally {
      if (cancels !== undefined) lane.cancelling--;
      if (isExclusive) lane.holders--;
    }
  }

  async #unlessOneHangs(all: Promise<unknown>): Promise<void> {
    let clock: ReturnType<typeof setInterval> | undefined;
    const hanging = new Promise<never>((_, reject) => {
      clock = setInterval(() => {
        const late = performance.now() - PATIENCE * 1000;
        const names = [...this.#running.values()].filter(({ since }) => since < late);
        if (names.length === 0) return;
        reject(new Error(`hanging: ${names.map(({ name }) => name).join(", ")}`));
      }, 1000);
    });
    try {
      await Promise.race([all, hanging]);
    } finally {
      clearInterval(clock);
    }
  }
}

/** A word for a failure that was another operation's doing. */
function excuseOf(
  error: unknown,
  { isExclusive, isExposed }: Operation,
  lane: Lane,
  since: Since,
): string | undefined {
  if (error instanceof InterfaceError && REFUSALS.test(error.message)) {
    return since.holders > 0 || lane.held > since.held ? "refused" : undefined;
  }
  const codes = codesOf(error);
  const cancelled = since.cancelling > 0 || lane.cancels > since.cancels;
  const isHit = codes.includes("57014") || isExclusive && codes.includes("25P02");
  if (!isHit || !cancelled) return undefined;
  if (isExclusive || isExposed) return "hit";
  return ++lane.hits <= lane.shots ? "hit" : undefined;
}

/** Messages of the refusals while another operation holds the connection exclusively. */
const REFUSALS = /is open|is over|has ended|is in progress|cannot be called in a transaction/;

function codesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const code = error instanceof PgError && error.code !== undefined ? [error.code] : [];
  return [...code, ...codesOf(error.cause)];
}

/** Passes when the error has this code; throws the error itself otherwise. */
export function expectCode(error: unknown, code: string): void {
  if (!(error instanceof PgError && error.code === code)) throw error;
}

/** Row `i` of those with the nonce; cheaper than `deepEqual`, there are many. */
export function expectRow(row: Record<string, unknown>, nonce: number, i: number): void {
  if (row.nonce !== nonce || row.i !== i || Object.keys(row).length !== 2) {
    assert.deepEqual(row, { nonce, i });
  }
}

/** `i` from 1 to `n`. */
export function upTo(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i + 1);
}

/** Lets some time pass: none, a turn of the event loop, or a few milliseconds. */
export function aWhile(random: Random): Promise<void> {
  const ms = random.below(6) - 2;
  if (ms < -1) return Promise.resolve();
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
