// Transactions of the fuzz: some of everything within, savepoints, and each way to end.
import assert from "node:assert/strict";
import { InternalError, PgError, type Transaction } from "../../mod.ts";
import { failure } from "../_kit/outcomes.ts";
import { copySome, copySomeOut } from "./operations_copy.ts";
import { aWhile, expectCode, expectRow, type Operations, type Place, upTo } from "./operations.ts";
import { ROWS } from "./operations_queries.ts";

/** One transaction: what it does, and which rows are there if it is committed. */
class Script {
  readonly mine: Error = new Error("mine");
  readonly #place: Place;
  #last = 0;

  constructor(place: Place) {
    this.#place = place;
  }

  /** Some steps, one after the other or, where they do not wait, at once. */
  async steps(tx: Transaction, depth: number = 0): Promise<number[]> {
    const { random } = this.#place;
    const kept: number[] = [];
    for (let left = random.below(4); left > 0; left--) {
      if (random.below(3) === 0) {
        const several = upTo(1 + random.below(3)).map(() => this.#insert(tx));
        kept.push(...(await Promise.all(several)).flat());
      } else kept.push(...await this.#step(tx, depth));
    }
    return kept;
  }

  async #step(tx: Transaction, depth: number): Promise<number[]> {
    const place = { ...this.#place, db: tx };
    const { nonce, random, world } = place;
    switch (random.below(depth < 2 ? 9 : 5)) {
      case 0:
        return await this.#insert(tx);
      case 1: {
        const rows = await tx.query(ROWS, [nonce, random.below(9)]);
        assert.ok(rows.every((row, i) => row.nonce === nonce && row.i === i + 1));
        return [];
      }
      case 2:
        return await this.#stream(tx);
      case 3: {
        const insert = `insert into ${world.setting.table} values ($1, $2, '')`;
        const rows = [this.#next(), this.#next()];
        await tx.executeMany(insert, rows.map((i) => [nonce, i]));
        return rows;
      }
      case 4:
        await copySomeOut(place);
        return [];
      case 5:
        return await this.#savepoint(tx, depth);
      case 6:
        await tx.savepoint(async (inner) => {
          await copySome({ ...place, db: inner });
          throw this.mine;
        }).catch((error) => this.#onlyMine(error));
        return [];
      case 7: {
        const error = await failure(tx.savepoint((inner) => inner.query("select 1 / 0").then()));
        expectCode(error, "22012");
        return [];
      }
      default:
        return await this.#cancelled(tx);
    }
  }

  async #insert(tx: Transaction): Promise<number[]> {
    const i = this.#next();
    const text = `insert into ${this.#place.world.setting.table} values ($1, $2, '') returning i`;
    assert.equal(await tx.query(text, [this.#place.nonce, i]).scalar(), i);
    return [i];
  }

  /** With others on the same connection in its loop. */
  async #stream(tx: Transaction): Promise<number[]> {
    const { nonce, random, world } = this.#place;
    const count = random.below(3 * world.setting.rows);
    const kept: number[] = [];
    let seen = 0;
    for await (const row of tx.query(ROWS, [nonce, count])) {
      expectRow(row, nonce, ++seen);
      if (random.below(40) === 0) kept.push(...await this.#insert(tx));
      if (random.below(100) === 0) return kept;
    }
    assert.equal(seen, count);
    return kept;
  }

  async #savepoint(tx: Transaction, depth: number): Promise<number[]> {
    const fails = this.#place.random.below(2) === 0;
    try {
      return await tx.savepoint(async (inner) => {
        const kept = await this.steps(inner, depth + 1);
        if (fails) throw this.mine;
        return kept;
      });
    } catch (error) {
      this.#onlyMine(error);
      assert.ok(fails);
      return [];
    }
  }

  /** A query that is cancelled in a savepoint. */
  async #cancelled(tx: Transaction): Promise<number[]> {
    const { random } = this.#place;
    const error = await failure(tx.savepoint(async (inner) => {
      const query = inner.query("select pg_sleep(60)").execute();
      await aWhile(random);
      query.cancel();
      await query;
    }));
    expectCode(error, "57014");
    return [];
  }

  #next(): number {
    return ++this.#last;
  }

  #onlyMine(error: unknown): void {
    if (error !== this.mine) throw error;
  }
}

export const TRANSACTIONS: Operations = {
  "transaction": {
    often: 6,
    isExclusive: true,
    cancels: "own",
    async run(place) {
      const { db, nonce, random, world } = place;
      const how = ["ok", "ok", "ok", "rolled back", "failed"][random.below(5)]!;
      let script: Script | undefined;
      const done = db.transaction(async (tx) => {
        const { mine } = script = new Script(place);
        const kept = await script.steps(tx);
        if (how === "rolled back") throw mine;
        if (how === "failed") expectCode(await failure(tx.query("select 1 / 0")), "22012");
        return kept;
      }, { retries: 20, isolation: random.below(2) === 0 ? "repeatable read" : undefined });
      if (how === "ok") world.wrote(nonce, await done);
      else await endsAs(how, done, () => script?.mine);
      return how;
    },
  },
  "transaction by hand": {
    often: 2,
    isExclusive: true,
    cancels: "own",
    async run(place) {
      const { db, nonce, random, world } = place;
      const tx = await db.begin();
      try {
        const kept = await new Script(place).steps(tx);
        if (random.below(3) === 0) return "rolled back";
        await tx.commit();
        world.wrote(nonce, kept);
        return "ok";
      } catch (error) {
        // Statements that were forgotten before it; transaction() tries again.
        if (error instanceof PgError && error.name === "StaleStatementError") return "stale";
        throw error;
      } finally {
        await tx[Symbol.asyncDispose]();
      }
    },
  },
};

async function endsAs(how: string, done: Promise<unknown>, mine: () => unknown): Promise<void> {
  const error = await failure(done);
  if (how === "rolled back") {
    if (error !== mine() || error === undefined) throw error;
    return;
  }
  if (!(error instanceof InternalError)) throw error;
  expectCode(error.cause, "22012");
}
