/**
 * Random changes of objects and settings between random queries, by every way of running them: with
 * kept statements all outcomes are those without. `CORNAC_FUZZ=100000` makes it longer; `CORNAC_SEED`
 * makes the same steps again.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { inspect } from "node:util";
import { test } from "node:test";
import { connect, type Connection, type Queryable } from "../../mod.ts";
import { behind, shared } from "../_kit/databases.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { Random, seedOfToday } from "../wire/model.ts";
import { outcomeOf, type Side, type Step, stepOf } from "./statements.ts";

const OPERATIONS = Number(process.env.CORNAC_FUZZ ?? 20_000);
const SEED = seedOfToday(process.env.CORNAC_SEED);
/** Steps before both databases are made again. */
const ROUND = 400;
/** Milliseconds after which a group of steps counts as hanging. */
const PATIENCE = 20_000;

const SETUP = `create schema s1; create schema s2; grant all on schema s1, s2 to public;
  create type s1.mood as enum ('ok', 'sad');
  create table s1.t (a date); create table s2.t (a timestamptz);
  create function s1.f(anyelement) returns text language sql as 'select ''s1 any''';
  create schema s0; grant all on schema s0 to public; create procedure s0.change() language plpgsql
    as 'begin alter table t alter a type text using null; end';
  set search_path to s1, s2`;

/** Undone before each round; what it leaves is as new. */
const RESET = [
  "rollback",
  "discard all",
  `drop schema if exists s0, s1, s2 cascade; ${SETUP}`,
];

test(
  `fuzz (seed ${SEED}): ${OPERATIONS} steps with kept statements come to what they come to without`,
  { timeout: 3_600_000 },
  () => withoutUnhandled(compare),
);

async function compare(): Promise<void> {
  const names = ["with", "without"].map((name) => `statements_${name}_${process.pid}`);
  for (const role of ["fuzz_a", "fuzz_b"]) {
    await behind(`do $$begin create role ${role}; exception when others then null; end$$`);
  }
  for (const name of names) await behind(`create database ${name}`);
  const sides: Side[] = [];
  try {
    const [kept, plain] = await Promise.all([
      connect(await shared({ database: names[0]! })),
      connect(await shared({ database: names[1]!, statementCacheSize: 0 })),
    ]);
    sides.push({ db: kept, prepared: new Map() }, { db: plain, prepared: undefined });
    for (let done = 0, round = 0; done < OPERATIONS; round++) {
      done += await runRound(new Random(SEED * 1000 + round), sides, round);
    }
  } finally {
    for (const { db } of sides) db.destroy();
    for (const name of names) await behind(`drop database ${name} with (force)`);
  }
}

/** One round of groups of steps. Returns how many steps there were. */
async function runRound(random: Random, sides: readonly Side[], round: number): Promise<number> {
  for (const { db, prepared } of sides) {
    for (const text of RESET) await db.query(text).simple();
    for (const statement of prepared?.values() ?? []) await statement.close();
    prepared?.clear();
  }
  const story: string[] = [];
  let count = 0;
  while (count < ROUND) {
    const isPipelined = random.below(2) === 0;
    const isBlock = sides[0]!.db.transactionStatus === "idle" && random.below(4) === 0;
    const steps = Array.from(
      { length: 1 + random.below(8) },
      () => stepOf(random, isPipelined, !isBlock),
    );
    const group = { steps, isPipelined, isBlock, rollsBack: random.below(3) === 0 };
    const names = steps.map(({ name }) => name).join("\n    ");
    story.push(
      `${isBlock ? "transaction" : "group"}${isPipelined ? ", pipelined" : ""}:\n    ${names}`,
    );
    const outcomes = [];
    for (const side of sides) {
      const told = `hanging (CORNAC_SEED=${SEED}, round ${round}):\n  ${
        story.slice(-6).join("\n  ")
      }`;
      outcomes.push(await inTime(runGroup(side, group), told));
    }
    const states = sides.map(({ db }) => db.transactionStatus);
    try {
      assert.deepEqual([excused(outcomes[0], outcomes[1]), states[0]], [outcomes[1], states[1]]);
    } catch (error) {
      const told = `${story.slice(-6).join("\n  ")}\n${inspect(outcomes, { depth: 9 })}`;
      throw new Error(`round ${round} (CORNAC_SEED=${SEED}), the last groups:\n  ${told}`, {
        cause: error,
      });
    }
    count += steps.length;
  }
  return count;
}

interface Group {
  readonly steps: readonly Step[];
  readonly isPipelined: boolean;
  readonly isBlock: boolean;
  readonly rollsBack: boolean;
}

async function runGroup(side: Side, group: Group): Promise<unknown> {
  const { db } = side;
  if (!group.isBlock) return await runSteps(side, db, group);
  let outcomes: unknown;
  const ended = await outcomeOf(db.transaction(async (tx) => {
    outcomes = await runSteps(side, tx, group);
    if (group.rollsBack) throw new Error("undo");
  }));
  return [outcomes, ended];
}

async function runSteps(
  side: Side,
  on: Connection | Queryable,
  { steps, isPipelined }: Group,
): Promise<unknown[]> {
  if (isPipelined) return await Promise.all(steps.map((step) => outcomeOf(step.run(side, on))));
  const outcomes: unknown[] = [];
  for (const step of steps) outcomes.push(await outcomeOf(step.run(side, on)));
  return outcomes;
}

/** Fails when `running` takes longer than any group should. */
async function inTime<T>(running: Promise<T>, message: string): Promise<T> {
  let clock: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    clock = setTimeout(() => reject(new Error(message)), PATIENCE);
  });
  return await Promise.race([running, late]).finally(() => clearTimeout(clock));
}

/**
 * In a failed transaction a query that relied on another's Parse may fail with that one's error, and the
 * catalogue cannot be asked about a type that only one side knows already.
 */
function excused(outcome: unknown, wanted: unknown): unknown {
  if (outcome === FAILED || wanted === FAILED) return wanted;
  if (!Array.isArray(outcome) || !Array.isArray(wanted)) return outcome;
  return outcome.map((one, i) => excused(one, wanted[i]));
}

const FAILED = "error 25P02";
