/** Random transactions on the tables of a database, from one of several sessions. */
import type { Connection } from "../../mod.ts";
import { Random } from "../wire/model.ts";

/** The tables of both databases. Large values of `big` are stored out of line. */
export const TABLES = ["t0", "t1", "t2"] as const;

export const SCHEMA: string = `create type mood as enum ('sad', 'happy');
  ${
  TABLES.map((table) =>
    `create table ${table} (id int primary key, n int8, big text, m mood, list int[], at timestamptz);
     alter table ${table} alter big set storage external;`
  ).join("\n")
}
  alter table t1 replica identity full;
  create table marker (id int primary key)`;

/** Random numbers for choices. */
class Dice extends Random {
  /** Reports true with this probability. */
  chance(probability: number): boolean {
    return this.below(1000) < probability * 1000;
  }

  /** Returns one of a list. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

/** Makes random transactions in one session. */
export class Session {
  readonly #db: Connection;
  readonly #random: Dice;
  /** Distinct sessions use distinct ids, so that they do not wait for one another. */
  readonly #number: number;
  readonly #twoPhase: boolean;
  #prepared = 0;
  #columns = 0;

  constructor(db: Connection, seed: number, number: number, twoPhase: boolean) {
    this.#db = db;
    this.#random = new Dice(seed);
    this.#number = number;
    this.#twoPhase = twoPhase;
  }

  /** Makes one transaction. A statement that waits too long for a lock fails it. */
  async transaction(): Promise<void> {
    const steps = this.#anySteps();
    const texts = ["begin", "set local lock_timeout = '300ms'", ...steps, ...this.#end(steps)];
    try {
      for (const text of texts) await this.#db.query(text).simple();
    } catch (error) {
      if (!/^(55P03|40P01|42701|42703)$/.test((error as { code?: string }).code ?? "")) throw error;
      await this.#db.query("rollback").simple();
    }
  }

  #anySteps(): string[] {
    const random = this.#random;
    if (random.chance(0.15)) return this.#changeOfSchema();
    // Last, in transactions that commit: otherwise FILENUMBER (replication.test.ts) is frequent.
    if (random.chance(0.05)) return [this.#change(false), `truncate ${random.pick(TABLES)}`];
    return this.#steps(random.chance(0.15));
  }

  #end(steps: readonly string[]): string[] {
    const random = this.#random;
    if (steps.some((text) => text.startsWith("truncate"))) return ["commit"];
    const altersSchema = steps.some((text) => text.startsWith("alter"));
    if (this.#twoPhase && !altersSchema && random.chance(0.3)) {
      const gid = `'s${this.#number}_${this.#prepared++}_${crypto.randomUUID()}'`;
      return [
        `prepare transaction ${gid}`,
        random.chance(0.7) ? `commit prepared ${gid}` : `rollback prepared ${gid}`,
      ];
    }
    return [random.chance(0.9) ? "commit" : "rollback"];
  }

  /** Some changes, with savepoints; a large transaction is streamed before its end. */
  #steps(isLarge: boolean): string[] {
    const random = this.#random;
    const steps: string[] = [];
    const count = 1 + random.below(8);
    for (let i = 0; i < count; i++) {
      if (random.chance(0.25)) {
        const name = `sp${i}`;
        const inner = [this.#change(isLarge), this.#change(false)];
        const undo = random.chance(0.5) ? [`rollback to ${name}`] : [];
        steps.push(`savepoint ${name}`, ...inner, ...undo, this.#change(false));
      } else steps.push(this.#change(isLarge));
    }
    return steps;
  }

  #change(isLarge: boolean): string {
    const random = this.#random;
    const table = random.pick(TABLES);
    const mine = `id % 4 = ${this.#number}`;
    const id = random.below(50) * 4 + this.#number;
    const kind = random.below(20);
    if (kind < 8) {
      const rows = isLarge ? 400 : 1 + random.below(3);
      const big = random.chance(0.3) ? LARGE : "'small'";
      return `insert into ${table} (id, n, big, m, list, at)
        select ${id} + 4 * i, ${random.below(1000)}, ${big}, 'happy', array[i, null], now()
        from generate_series(1, ${rows}) i on conflict do nothing`;
    }
    if (kind < 12) {
      return `update ${table} set n = n + 1 where ${mine} and id between ${id} and ${id + 40}`;
    }
    if (kind < 14) return `update ${table} set big = ${LARGE} where id = ${id}`;
    if (kind < 16) {
      // The key moves to a row of this session that does not exist.
      return `update ${table} t set id = ${id + 100_000} where id = ${id}
        and not exists (select from ${table} where id = ${id + 100_000})`;
    }
    if (kind < 19) return `delete from ${table} where ${mine} and id between ${id} and ${id + 60}`;
    return `delete from ${table} where ${mine}`;
  }

  /** Columns come and go between rows; a new one is null in the rows that exist. */
  #changeOfSchema(): string[] {
    const table = this.#random.pick(TABLES);
    const column = `c${this.#number}_${this.#columns++}`;
    const rows = (set: string): string =>
      `update ${table} set ${set} where id % 4 = ${this.#number} and id < 60`;
    return [
      this.#change(false),
      `alter table ${table} add ${column} ${this.#random.pick(["int", "text", "mood", "numeric"])}`,
      rows(`${column} = null, n = n + 1`),
      this.#change(false),
      ...(this.#random.chance(0.6)
        ? [`alter table ${table} drop ${column}`, this.#change(false)]
        : []),
    ];
  }
}

/** A text of 6 kB. */
const LARGE = "(select string_agg(md5(random()::text), '') from generate_series(1, 190))";
