import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { certificates } from "../_kit/certs.ts";
import { startCluster } from "../_kit/cluster.ts";
import { ROLES } from "../_kit/cluster_files.ts";
import { majors, serverQuery, sharedServer } from "../_kit/servers.ts";

for (const major of majors()) {
  test(`kit: the shared PostgreSQL ${major} has every role and method`, async () => {
    const server = await sharedServer(major);
    const [version] = await serverQuery(server, "show server_version");
    assert.match(version![0]!, new RegExp(`^${major}\\.`));

    const roles = await serverQuery(server, "select rolname from pg_roles order by 1");
    const names = new Set(roles.map(([name]) => name));
    assert.deepEqual(ROLES.filter(({ name }) => !names.has(name)), []);

    const rules = await serverQuery(
      server,
      "select distinct type || ' ' || auth_method from pg_hba_file_rules where error is null",
    );
    const present = new Set(rules.map(([rule]) => rule));
    for (const method of ["trust", "password", "md5", "scram-sha-256", "reject"]) {
      assert.ok(present.has(`host ${method}`), method);
    }
    for (
      const rule of ["hostssl cert", "hostssl scram-sha-256", "hostnossl reject", "local trust"]
    ) {
      assert.ok(present.has(rule), rule);
    }
    const broken = await serverQuery(
      server,
      "select error from pg_hba_file_rules where error is not null",
    );
    assert.deepEqual(broken, []);
  });

  test(`kit: a standby of PostgreSQL ${major} follows, and stop removes everything`, async () => {
    const primary = await startCluster({ major });
    const standby = await primary.standby();
    try {
      await primary.query("create table t as select 42 as n");
      const lsn = (await primary.query("select pg_current_wal_lsn()"))[0]![0];
      for (let behind = "f"; behind !== "t";) {
        const sql = `select pg_last_wal_replay_lsn() >= '${lsn}'`;
        behind = (await standby.query(sql))[0]![0]!;
      }
      assert.deepEqual(await standby.query("select n, pg_is_in_recovery() from t"), [["42", "t"]]);
    } finally {
      await standby.stop();
      await primary.stop();
    }
    assert.equal(existsSync(primary.socketDirectory), false);
    assert.equal(existsSync(standby.socketDirectory), false);
  });
}

test("kit: settings and certificate are the cluster's own, and a restart keeps data and port", async () => {
  const { expired } = await certificates();
  const cluster = await startCluster({ settings: { max_connections: "7" }, certificate: expired });
  try {
    const { port } = cluster;
    assert.deepEqual(await cluster.query("show max_connections"), [["7"]]);
    assert.deepEqual(await cluster.query("show ssl"), [["on"]]);
    await cluster.query("create table kept (n int)");
    await cluster.restart("immediate");
    assert.equal(cluster.port, port);
    assert.deepEqual(await cluster.query("select count(*) from kept"), [["0"]]);
    await assert.rejects(cluster.query("select 1/0"), /division by zero/);
  } finally {
    await cluster.stop();
  }
});
