import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { connect, type ConnectOptions } from "../../mod.ts";
import { type Delivery, expectClose, handshake, withServer } from "../_kit/scripted_server.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { echo } from "./echo_server.ts";
import { reach } from "./hostile.ts";
import { type Kind, type Mix, runModel, seedOfToday } from "./model.ts";

const MIX: Mix = {
  cached: 30,
  new: 10,
  rows: 8,
  unprepared: 5,
  "failing parse": 8,
  "failing execute": 5,
  unencodable: 5,
  undefined: 3,
  "wrong count": 3,
  aborted: 5,
  array: 8,
  null: 5,
  simple: 4,
  "failing simple": 3,
};
const seed = seedOfToday(process.env.MODEL_SEED);

interface Run {
  readonly delivery: Delivery;
  readonly count: number;
  readonly mix?: Mix;
  readonly options?: ConnectOptions;
}

const RUNS: readonly Run[] = [
  { delivery: "whole", count: 2000 },
  { delivery: "coalesced", count: 1000 },
  { delivery: "coalesced", count: 1000, options: { statementCacheSize: 3, maxPipelined: 10 } },
  { delivery: "whole", count: 500, options: { statementCacheSize: 1, maxPipelined: 2 } },
  { delivery: "whole", count: 500, options: { statementCacheSize: 0 } },
  { delivery: "whole", count: 60, mix: { large: 2, cached: 4, "failing execute": 2 } },
  { delivery: "bytes", count: 150 },
];

for (const { delivery, count, mix = MIX, options } of RUNS) {
  const how = JSON.stringify(options ?? {});
  const kinds = Object.keys(mix).length;
  test(`model (seed ${seed}): ${count} requests of ${kinds} kinds, ${delivery}, ${how}`, () =>
    withoutUnhandled(() =>
      withServer([handshake(), echo(), expectClose()], async (server) => {
        const db = await connect(reach(server, options));
        const seen = await runModel(db, seed, { count, burst: 100, mix });
        await db.close();
        const missing = frequent(mix, count).filter((kind) => !seen.has(kind as Kind));
        assert.deepEqual(missing, [], "kinds that never came");
        assert.equal([...seen.values()].reduce((sum, n) => sum + n, 0), count);
        const asked = server.received.filter(({ tag }) => tag === "S" || tag === "Q").length;
        assert.ok(asked > count / 2, `the server was asked ${asked} times`);
      }, { delivery })
    ));
}

/** The kinds that chance leaves out less than once in a million runs; at least the most frequent. */
function frequent(mix: Mix, count: number): string[] {
  const total = Object.values(mix).reduce((sum, weight) => sum + weight, 0);
  const kinds = Object.entries(mix).filter(([, weight]) => count * weight / total > 14);
  assert.ok(kinds.length > 0);
  return kinds.map(([kind]) => kind);
}
