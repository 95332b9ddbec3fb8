/** targetSessionAttrs against a real primary and its standby. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ConnectOptions, OperationalError } from "../../mod.ts";
import { type Cluster, startCluster } from "../_kit/cluster.ts";
import { majors } from "../_kit/servers.ts";
import { refusal, session } from "./connecting.ts";

type Attrs = NonNullable<ConnectOptions["targetSessionAttrs"]>;
type Name = "primary" | "standby";

/** Which server of a list is taken; `none`: an error. */
const CHOICES: readonly (readonly [Attrs, order: readonly Name[], taken: Name | "none"])[] = [
  ["any", ["standby", "primary"], "standby"],
  ["any", ["primary", "standby"], "primary"],
  ["read-write", ["standby", "primary"], "primary"],
  ["read-only", ["primary", "standby"], "standby"],
  ["primary", ["standby", "primary"], "primary"],
  ["standby", ["primary", "standby"], "standby"],
  ["prefer-standby", ["primary", "standby"], "standby"],
  ["prefer-standby", ["primary"], "primary"],
  ["read-write", ["standby"], "none"],
  ["primary", ["standby"], "none"],
  ["standby", ["primary"], "none"],
  ["read-only", ["primary"], "none"],
];

async function taken(
  clusters: Readonly<Record<Name, Cluster>>,
  targetSessionAttrs: Attrs,
  order: readonly Name[],
): Promise<string> {
  const options: ConnectOptions = {
    host: order.map((name) => clusters[name].host),
    port: order.map((name) => clusters[name].port),
    user: "postgres",
    targetSessionAttrs,
  };
  if (
    targetSessionAttrs !== "any" && order.length === 1 && targetSessionAttrs !== "prefer-standby"
  ) {
    const error = await refusal(options);
    assert.ok(error instanceof OperationalError);
    assert.ok(error.message.endsWith(`targetSessionAttrs is "${targetSessionAttrs}"`));
    return "none";
  }
  return await session(options, async (db) => {
    const [row] = await db.query<{ standby: boolean }>("select pg_is_in_recovery() as standby");
    return row!.standby ? "standby" : "primary";
  });
}

for (const major of majors()) {
  test(`roles ${major}: a real primary and its standby, by targetSessionAttrs`, async () => {
    const primary = await startCluster({ major });
    try {
      const standby = await primary.standby();
      try {
        for (const [attrs, order, expected] of CHOICES) {
          const found = await taken({ primary, standby }, attrs, order);
          assert.equal(found, expected, `${attrs} of ${order}`);
        }
        await primary.query("alter system set default_transaction_read_only = on");
        await primary.query("select pg_reload_conf()");
        await standby.halt();
        const readOnly = await untilReadOnly({ primary, standby });
        assert.equal(readOnly, "primary");
      } finally {
        await standby.stop();
      }
    } finally {
      await primary.stop();
    }
  });
}

/** A reload takes effect on new sessions soon, not at once. */
async function untilReadOnly(clusters: Readonly<Record<Name, Cluster>>): Promise<string> {
  for (;;) {
    const { host, port } = clusters.primary;
    const settled = await session(
      { host, port, user: "postgres" },
      (db) => Promise.resolve(db.parameterStatuses.get("default_transaction_read_only") === "on"),
    );
    if (settled) break;
  }
  return await taken(clusters, "read-only", ["standby", "primary"]);
}
