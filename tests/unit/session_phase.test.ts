/** The phases of a request: every transition of the table is possible, and no other is. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Exchange } from "../../src/session/exchange.ts";
import { type Phase, TRANSITIONS } from "../../src/session/phase.ts";

const PHASES = Object.keys(TRANSITIONS) as Phase[];

/** The shortest way from the first phase to each. */
function paths(): Map<Phase, Phase[]> {
  const found = new Map<Phase, Phase[]>([["waiting", []]]);
  for (const [phase, path] of found) {
    for (const next of TRANSITIONS[phase]) {
      if (!found.has(next)) found.set(next, [...path, next]);
    }
  }
  return found;
}

function inPhase(path: readonly Phase[]): Exchange {
  const exchange = new Exchange<unknown>({ write() {}, *talk() {} }, () => {}, () => {});
  for (const phase of path) exchange.become(phase);
  return exchange;
}

test("phases: each can be reached, and each ends in settled", () => {
  const reached = paths();
  assert.deepEqual([...reached.keys()].sort(), [...PHASES].sort());
  for (const phase of PHASES) {
    assert.ok(phase === "settled" || TRANSITIONS[phase].includes("settled"), phase);
  }
  assert.deepEqual(TRANSITIONS.settled, []);
});

for (const [phase, path] of paths()) {
  test(`phases: from ${phase} only the transitions of the table`, () => {
    for (const next of PHASES) {
      const exchange = inPhase(path);
      if (next === phase || TRANSITIONS[phase].includes(next)) {
        exchange.become(next);
        assert.equal(exchange.phase, next);
      } else {
        assert.throws(
          () => exchange.become(next),
          new RegExp(`a ${phase} request cannot become ${next}`),
        );
      }
    }
  });
}

test("phases: ARCHITECTURE.md has the same table", () => {
  const text = readFileSync(new URL("../../ARCHITECTURE.md", import.meta.url), "utf8");
  const rows = [...text.matchAll(/^\| `(\w+)`\s*\|[^|]*\|([^|]*)\|$/gm)];
  const found = rows.map(([, phase, next]) => [phase, next!.match(/\w+/g) ?? []] as const);
  const table = found.filter(([phase]) => PHASES.includes(phase as Phase));
  assert.deepEqual(Object.fromEntries(table), TRANSITIONS);
});
