// Cancels of the fuzz: by query, signal, timeout and connection, of everything that takes time.
import assert from "node:assert/strict";
import { type Connection, type ObjectRows, PgError } from "../../mod.ts";
import type { Random } from "../wire/model.ts";
import { aWhile, expectCode, expectRow, type Operations, upTo } from "./operations.ts";
import { ROWS } from "./operations_queries.ts";

/** One way to stop something: options for it, and what stops it after a while. */
interface Stop {
  readonly options: ObjectRows;
  readonly stop: (query: { cancel(): void }) => Promise<void>;
  /** Throws what is not to be expected of it. */
  readonly check: (error: unknown) => void;
}

/** By its own `cancel()`, a signal, or a timeout. */
export function someStop(random: Random): Stop {
  const is57014 = (error: unknown): void => expectCode(error, "57014");
  switch (random.below(3)) {
    case 0: {
      const stop = async (query: { cancel(): void }): Promise<void> => {
        await aWhile(random);
        query.cancel();
      };
      return { options: {}, stop, check: is57014 };
    }
    case 1: {
      const controller = new AbortController();
      const mine = new Error("mine");
      const stop = async (): Promise<void> => {
        await aWhile(random);
        controller.abort(mine);
      };
      const check = (error: unknown): void => {
        if (error !== mine) throw error;
      };
      return { options: { signal: controller.signal }, stop, check };
    }
    default: {
      const options = { timeout: (1 + random.below(5)) / 1000 };
      return { options, stop: () => Promise.resolve(), check: is57014 };
    }
  }
}

/** `stopped`, or `missed` when it was done before. */
export async function outcomeOf(
  work: PromiseLike<unknown>,
  stop: Promise<void>,
  check: Stop["check"],
): Promise<string> {
  let outcome = "missed";
  try {
    await work;
  } catch (error) {
    check(error);
    outcome = "stopped";
  }
  await stop;
  return outcome;
}

async function sleeps(db: Pick<Connection, "query">, nonce: number, random: Random) {
  const { options, stop, check } = someStop(random);
  const ms = random.below(6) === 0 ? 60_000 : random.below(8);
  const text = "select $1::int as nonce, pg_sleep(0.001 * $2::int)::text as slept";
  const query = db.query(text, [nonce, ms], options).execute();
  const done = query.then((rows) => assert.equal(rows[0]!.nonce, nonce));
  return await outcomeOf(done, stop(query), check);
}

export const STOPS: Operations = {
  "stopped query": {
    often: 3,
    cancels: "own",
    run: ({ db, nonce, random }) => sleeps(db, nonce, random),
  },
  "stopped stream": {
    often: 2,
    isExclusive: true,
    cancels: "own",
    async run({ db, nonce, random, world }) {
      const { options, stop, check } = someStop(random);
      const query = db.query(ROWS, [nonce, random.below(world.setting.most)], options);
      const stream = query[Symbol.asyncIterator]();
      const reading = async (): Promise<void> => {
        let seen = 0;
        for await (const row of stream) expectRow(row, nonce, ++seen);
      };
      return await outcomeOf(reading(), stop(query), check);
    },
  },
  "stopped copy in": {
    often: 2,
    isExclusive: true,
    isExposed: true,
    cancels: "own",
    async run({ db, nonce, random, world }) {
      const { options: { signal, timeout }, stop, check } = someStop(random);
      const count = 1 + random.below(world.setting.rows);
      async function* source(): AsyncGenerator<string> {
        for (const i of upTo(count)) {
          yield `${nonce}\t${i}\t\n`;
          if (random.below(10) === 0) await aWhile(random);
        }
      }
      const text = `copy ${world.setting.table} from stdin`;
      const copying = db.copyFrom(text, source(), { signal, timeout })
        .then((rows) => world.wrote(nonce, upTo(rows)));
      return await outcomeOf(copying, stop({ cancel() {} }), check);
    },
  },
  "stopped copy out": {
    often: 2,
    isExclusive: true,
    isExposed: true,
    cancels: "own",
    async run({ db, nonce, random, world }) {
      const { options: { signal, timeout }, stop, check } = someStop(random);
      const count = random.below(world.setting.most);
      const text = `copy (select ${nonce} from generate_series(1, ${count})) to stdout`;
      const reading = async (): Promise<void> => {
        for await (const chunk of db.copyTo(text, { signal, timeout })) {
          assert.ok(new TextDecoder().decode(chunk).startsWith(`${nonce}\n`));
        }
      };
      return await outcomeOf(reading(), stop({ cancel() {} }), check);
    },
  },
  "stopped batch": {
    often: 1,
    isExposed: true,
    cancels: "own",
    async run({ db, nonce, random, world }) {
      const { options, stop, check } = someStop(random);
      const insert = { text: `insert into ${world.setting.table} values ($1, 1, '')` };
      const sleep = { text: "select pg_sleep(0.002)" };
      const batch = db.batch([{ ...insert, parameters: [nonce] }, sleep], options)
        .then(() => world.wrote(nonce, [1]));
      return await outcomeOf(batch, stop({ cancel() {} }), check);
    },
  },
  "aborted before": {
    often: 1,
    async run({ db, nonce }) {
      const reason = new Error("mine");
      const signal = AbortSignal.abort(reason);
      const error = await db.query("select $1::int", [nonce], { signal }).then(String, (e) => e);
      if (error !== reason) throw error;
      return "stopped";
    },
  },
  "whatever runs": {
    often: 1,
    cancels: "any",
    async run({ db, random }) {
      await aWhile(random);
      db.cancel();
      return "ok";
    },
  },
};

/** On the pool, where each has its connection or is sent again: nothing excuses a failure. */
export const POOL_STOPS: Operations = {
  "pool: stopped query": {
    often: 2,
    run: ({ pool, nonce, random }) => sleeps(pool as never, nonce, random),
  },
  "pool: stopped stream": {
    often: 1,
    async run({ pool, nonce, random, world }) {
      const { options, stop, check } = someStop(random);
      const query = pool.query(ROWS, [nonce, random.below(world.setting.most)], options);
      const stream = query[Symbol.asyncIterator]();
      const reading = async (): Promise<void> => {
        let seen = 0;
        for await (const row of stream) expectRow(row, nonce, ++seen);
      };
      return await outcomeOf(reading(), stop(query), check);
    },
  },
  "pool: given up waiting": {
    often: 1,
    async run({ pool, nonce, random }) {
      const reason = new PgError("mine");
      const controller = new AbortController();
      const { signal } = controller;
      const text = "select $1::int, set_config('application_name', $1::text, false)";
      const query = pool.query(text, [nonce], { signal }).execute();
      if (random.below(2) === 0) await aWhile(random);
      controller.abort(reason);
      const error = await query.then(() => "missed", (error: unknown) => error);
      if (error === "missed") return "missed";
      if (error !== reason) throw error;
      return "stopped";
    },
  },
};
