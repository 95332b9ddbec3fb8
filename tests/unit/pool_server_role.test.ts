/** When a pool's connection is given up because its server is not what it was. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConnectionCore, Watcher } from "../../src/connection_core.ts";
import { listeningRole, type Role, ServerRole } from "../../src/pool/server_role.ts";

/** An event: the report of a parameter, or the code of an error. */
type Happening = readonly [name: "standby" | "read-only", value: string] | readonly [code: string];

const NAMES = { standby: "in_hot_standby", "read-only": "default_transaction_read_only" } as const;

function misplaced(role: Role, happens: readonly Happening[], isOwnDoing = false): boolean {
  const parameterStatuses = new Map(Object.values(NAMES).map((name) => [name as string, "off"]));
  const watchers = new Set<Watcher>();
  const core = { session: { parameterStatuses }, watchers } as unknown as ConnectionCore;
  const serverRole = new ServerRole(core, role, () => isOwnDoing);
  for (const [what, value] of happens) {
    if (value !== undefined) parameterStatuses.set(NAMES[what as keyof typeof NAMES], value);
    for (const watcher of watchers) {
      value === undefined ? watcher.refused(what) : watcher.reported();
    }
  }
  return serverRole.misplaced;
}

const READ_ONLY: Happening = ["read-only", "on"];
const CASES: readonly (readonly [Role, readonly Happening[], misplaced: boolean])[] = [
  ["any", [], false],
  ["any", [["standby", "on"]], true],
  ["any", [["standby", "on"], ["standby", "off"]], false],
  ["any", [READ_ONLY], false],
  ["any", [READ_ONLY, ["25006"]], true],
  ["any", [["25006"]], false],
  ["read-write", [READ_ONLY], true],
  ["read-write", [READ_ONLY, ["read-only", "off"]], false],
  ["read-only", [READ_ONLY], true],
  ["primary", [READ_ONLY], false],
  ["standby", [["25006"]], false],
  ["prefer-standby", [READ_ONLY, ["25006"]], false],
  ["read-write", [["23505"]], false],
  ...["57P01", "57P02", "57P03"].map((code) => ["any", [[code]], true] as const),
];

test("pool serverRole: a connection is misplaced by what its server reports and refuses, as far as the role minds", () => {
  for (const [role, happens, expected] of CASES) {
    assert.equal(misplaced(role, happens), expected, `${role}: ${JSON.stringify(happens)}`);
  }
});

test("pool serverRole: a refusal that its user has asked for is no reason", () => {
  assert.equal(misplaced("any", [READ_ONLY, ["25006"]], true), false);
});

test("pool serverRole: what listens goes to a primary, one that takes writes where that is asked for", () => {
  const roles: Role[] = ["any", "primary", "standby", "prefer-standby", "read-only"];
  for (const role of roles) assert.equal(listeningRole(role), "primary");
  assert.equal(listeningRole("read-write"), "read-write");
});
