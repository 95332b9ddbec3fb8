/** Holds this runtime to the table of failure_table.ts, cell by cell, and prints what it has found. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  type CallOptions,
  connect,
  type ConnectOptions,
  InterfaceError,
  PgError,
} from "../../mod.ts";
import { withTables } from "../../scripts/generate_failures.ts";
import { behind, shared } from "../_kit/databases.ts";
import { assertUsable } from "../_kit/outcomes.ts";
import { faultProxy } from "../_kit/fault_proxy.ts";
import { sharedServer } from "../_kit/servers.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { type Operation, OWN, REASON, Scene, TRIALS } from "./failure_operations.ts";
import {
  type FaultName,
  FAULTS,
  type OperationName,
  OPERATIONS,
  outcomeOf,
  short,
} from "./failure_table.ts";

/** Seconds in which each cell must have come to something. */
const BOUND = 30;

/** How a fault strikes; `strike` is called when the server is at the operation. */
interface Blow {
  readonly options?: ConnectOptions;
  readonly strike?: (scene: Scene) => unknown;
  readonly run: (operation: Operation, scene: Scene) => Promise<unknown>;
}

function onTheWay(strike: (scene: Scene) => unknown, how?: CallOptions): Blow {
  return { strike, run: (operation, scene) => operation.lasts(scene, how ?? {}) };
}

/** Inverts the byte at `offset` of what the server says next. */
function corrupted(offset: number): Blow {
  return {
    run: (operation, scene) => {
      const { down } = scene.proxy;
      down.corruptAt = down.bytes + offset;
      return operation.works(scene, {});
    },
  };
}

/** While `work` runs and a little later, nothing is sent. */
async function sendingNothing<T>({ proxy }: Scene, work: () => Promise<T>): Promise<T> {
  const before = [proxy.up.bytes, proxy.accepted];
  try {
    return await work();
  } finally {
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual([proxy.up.bytes, proxy.accepted], before, "something was sent");
  }
}

const BLOWS: Readonly<Record<FaultName, () => Blow>> = {
  refused: () => ({ run: ({ refused }, scene) => refused!(scene) }),
  throws: () => ({ run: ({ throws }, scene) => throws!(scene) }),
  before: () => ({
    run: ({ works }, scene) => {
      return sendingNothing(scene, () => works(scene, { signal: AbortSignal.abort(REASON) }));
    },
  }),
  during: () => {
    const controller = new AbortController();
    return onTheWay(() => controller.abort(REASON), { signal: controller.signal });
  },
  after: () => ({
    run: async ({ works }, scene) => {
      const controller = new AbortController();
      await works(scene, { signal: controller.signal });
      await new Promise((resolve) => setTimeout(resolve, 50)); // for the proxy to count what was sent
      await sendingNothing(scene, () => Promise.resolve(controller.abort(REASON)));
    },
  }),
  late: () => onTheWay(() => {}, { timeout: 0.1 }),
  cancelled: () => onTheWay(({ db }) => db.cancel()),
  terminated: () => onTheWay(({ db }) => behind(`select pg_terminate_backend(${db.processId})`)),
  reset: () => onTheWay(({ proxy }) => proxy.cut("reset")),
  ended: () => onTheWay(({ proxy }) => proxy.cut("end")),
  silence: () => ({
    // Enough for a busy machine to set the scene.
    options: { timeout: 2 },
    run: ({ works }, scene) => {
      scene.proxy.down.stallAt = 0;
      return works(scene, {});
    },
  }),
  garbage: () => corrupted(0),
  broken: () => corrupted(1),
};

/** Runs one cell and says what came of it, in the table's words. */
async function outcome(operation: OperationName, fault: FaultName): Promise<string> {
  const blow = BLOWS[fault]();
  const trial = TRIALS[operation];
  const proxy = await faultProxy(await sharedServer());
  const aside = await connect(await shared());
  const { host, port } = proxy;
  const db = await connect(await shared({ host, port, ...blow.options }));
  const name = `failures ${process.pid} ${operation} ${fault}`;
  const scene: Scene = new Scene(db, aside, proxy, name, (): unknown => blow.strike?.(scene));
  try {
    await db.query("create temp table t (n int check (n >= 0))");
    await trial.prepare?.(scene);
    const [settled] = await Promise.allSettled([blow.run(trial, scene)]);
    scene.isOver = true;
    return `${wordsFor(settled!)}, ${await stateOf(scene, settled!.status === "rejected")}`;
  } finally {
    scene.isOver = true;
    await trial.cleanUp?.(scene);
    db.destroy();
    await aside.close();
    await proxy.close();
  }
}

function wordsFor(settled: PromiseSettledResult<unknown>): string {
  if (settled.status === "fulfilled") return "its result";
  const { reason } = settled;
  if (reason === REASON) return "the reason";
  if (reason === OWN) return "its own";
  return reason instanceof PgError ? `${reason.constructor.name} ${reason.code}` : String(reason);
}

/** The connection is idle, answers and has kept nothing; or it is over and says why. */
async function stateOf({ db, proxy }: Scene, hasFailed: boolean): Promise<string> {
  Object.assign(proxy.down, { stallAt: undefined, corruptAt: undefined });
  const count = db.query<{ n: number }>("select count(*)::int as n from t");
  const [settled] = await Promise.allSettled([count]);
  if (settled!.status === "fulfilled") {
    assert.equal(db.transactionStatus, "idle");
    if (hasFailed) assert.equal(settled!.value[0]!.n, 0, "it has had an effect");
    await assertUsable(db);
    return "usable";
  }
  const { reason } = settled!;
  assert.ok(reason instanceof InterfaceError, String(reason));
  assert.equal(reason.message, "connection is closed");
  assert.ok(reason.cause instanceof PgError, "the refusal has no cause");
  await db.closed;
  return "closed";
}

/** Resolves to the outcome of `work`, or says that it hangs. */
async function bounded(work: Promise<string>): Promise<string> {
  let clock: ReturnType<typeof setTimeout> | undefined;
  const hangs = new Promise<string>((resolve) => {
    clock = setTimeout(() => resolve(`HANGS for ${BOUND} s`), BOUND * 1000);
  });
  return await Promise.race([work, hangs]).finally(() => clearTimeout(clock));
}

const operations = Object.keys(OPERATIONS) as OperationName[];
const faults = Object.keys(FAULTS) as FaultName[];
/** The outcomes found, by operation. */
const rows = new Map<OperationName, Record<string, string>>();
const WORKERS = 12;

/** Runs every cell that exists, a dozen at a time, those first that take longest. */
async function runAll(): Promise<void> {
  const left: [OperationName, FaultName][] = [];
  for (const operation of operations) {
    const found = Object.fromEntries(faults.map((fault) => [fault, outcomeOf(operation, fault)]));
    rows.set(operation, found);
    for (const fault of faults) if (!found[fault]!.startsWith("—")) left.push([operation, fault]);
  }
  left.sort(([, a], [, b]) => Number(b === "silence") - Number(a === "silence"));
  const work = async (): Promise<void> => {
    for (let cell = left.shift(); cell !== undefined; cell = left.shift()) {
      const [operation, fault] = cell;
      rows.get(operation)![fault] = await bounded(outcome(operation, fault))
        .catch((error) => `FAILS: ${error.stack}`);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
}

test("failures: everything comes to something, and nothing is left unhandled", {
  timeout: 240_000,
}, () => withoutUnhandled(runAll));

for (const operation of operations) {
  test(`failures: ${OPERATIONS[operation].title}`, () => {
    const wanted = faults.map((fault) => [fault, outcomeOf(operation, fault)]);
    assert.deepEqual(rows.get(operation), Object.fromEntries(wanted));
  });
}

test("failures: the table, as it was found", () => {
  const cells = [...rows.values()].flatMap(Object.values).filter((cell) => !cell.startsWith("—"));
  assert.ok(cells.length >= 150, String(cells.length));
  const lines = [
    `failures: ${cells.length} cells; ✗: the connection is closed, otherwise it is usable`,
    ["", ...faults],
    ...[...rows].map(([name, found]) => [name, ...faults.map((fault) => short(found[fault]!))]),
  ];
  for (const line of lines) {
    const cell = (text: string, i: number): string => text.padEnd(i === 0 ? 14 : 11);
    const text = typeof line === "string" ? line : `. ${line.map(cell).join("")}`;
    process.stdout.write(`# ${text.trimEnd()}\n`);
  }
});

test("failures: FAILURES.md has the table that is tested", () => {
  const text = readFileSync(fileURLToPath(new URL("../../FAILURES.md", import.meta.url)), "utf8");
  assert.ok(text === withTables(text), "run scripts/generate_failures.ts");
});
