/** The fourteen parameters of pg8000's connect(), each with what the server makes of it. */
import assert from "node:assert/strict";
import { connect as connectSocket, type Socket } from "node:net";
import { test } from "node:test";
import { type ConnectOptions, OperationalError } from "../../mod.ts";
import { blackHole } from "../_kit/fault_proxy.ts";
import { majors, sharedServer } from "../_kit/servers.ts";
import { over, refusal, seen, session } from "./connecting.ts";

/** The server's answer to a query for one value. */
function ask(options: ConnectOptions, sql: string): Promise<unknown> {
  return session(options, async (db) => Object.values((await db.query<object>(sql))[0]!)[0]);
}

for (const major of majors()) {
  const server = () => sharedServer(major);
  const trusted = async (options: ConnectOptions = {}) =>
    over(await server(), { user: "u_trust", ...options });

  test(`parameters ${major}: user, host, database, port and password`, async () => {
    const { host, port } = await server();
    const options = { user: "u_scram", host, port, database: "template1", password: "p scram" };
    const sql = "select concat_ws(' ', current_user, inet_server_port(), current_database())";
    assert.equal(await ask(options, sql), `u_scram ${port} template1`);
  });

  test(`parameters ${major}: without a database it is the user's name that is tried`, async () => {
    const error = await refusal(await trusted({ database: undefined }));
    assert.equal(error.code, "3D000");
    assert.equal(error.message, 'database "u_trust" does not exist');
    const { host, port } = await server();
    assert.equal(
      await ask({ user: "postgres", host, port }, "select current_database()"),
      "postgres",
    );
  });

  test(`parameters ${major}: sourceAddress is the client's address`, async () => {
    const sourceAddress = { host: "127.0.0.3" };
    const found = await ask(await trusted({ sourceAddress }), "select host(inet_client_addr())");
    assert.equal(found, "127.0.0.3");
  });

  test(`parameters ${major}: unixSock is the path of the socket`, async () => {
    const { socketPath: unixSock } = await server();
    const found = await seen({ unixSock, user: "u_trust", database: "postgres" });
    assert.deepEqual([found.by, found.user], ["unix", "u_trust"]);
  });

  test(`parameters ${major}: sslContext true demands TLS`, async () => {
    assert.equal((await seen(await trusted({ sslMode: undefined, sslContext: true }))).ssl, true);
  });

  test(`parameters ${major}: timeout bounds connecting to a host that is silent`, async () => {
    const hole = await blackHole();
    try {
      const { host, port } = hole;
      const error = await refusal({ host, port, user: "u", timeout: 0.2 });
      assert.ok(error instanceof OperationalError);
      assert.match(error.message, /timed out after 0\.2 s/);
    } finally {
      await hole.close();
    }
  });

  test(`parameters ${major}: timeout bounds the wait for a reply`, async () => {
    await session(await trusted({ timeout: 0.3 }), async (db) => {
      await assert.rejects(
        async () => await db.query("select pg_sleep(30)"),
        /nothing came for 0\.3 s \(timeout\)/,
      );
    });
  });

  test(`parameters ${major}: tcpKeepalive on, off and with an idle time`, async () => {
    for (const tcpKeepalive of [true, false, { idle: 30 }]) {
      assert.equal(await ask(await trusted({ tcpKeepalive }), "select 1"), 1);
    }
  });

  test(`parameters ${major}: applicationName is shown`, async () => {
    const sql = "select application_name from pg_stat_activity where pid = pg_backend_pid()";
    assert.equal(await ask(await trusted({ applicationName: "tour" }), sql), "tour");
  });

  test(`parameters ${major}: replication "database" and "physical" open a walsender`, async () => {
    const { host, port } = await server();
    const login = { host, port, user: "u_repl", password: "p repl" };
    const logical = { ...login, user: "postgres", database: "postgres" };
    for (
      const options of [
        { ...logical, replication: "database" },
        { ...login, replication: "physical" },
        { ...login, replication: true },
      ] as ConnectOptions[]
    ) {
      await session(options, async (db) => {
        const [row] = await db.query<{ systemid: string }>("IDENTIFY_SYSTEM").simple();
        assert.match(row!.systemid, /^\d+$/);
      });
    }
  });

  test(`parameters ${major}: startupParams and options are set from the start`, async () => {
    const startupParams = { search_path: 'pg_catalog, "a b"', statement_timeout: "12345" };
    const sql = "select current_setting('search_path') || current_setting('statement_timeout')";
    assert.equal(await ask(await trusted({ startupParams }), sql), 'pg_catalog, "a b"12345ms');
    const options = "-c geqo=off -c work_mem=1234kB";
    const both = "select current_setting('geqo') || current_setting('work_mem')";
    assert.equal(await ask(await trusted({ options }), both), "off1234kB");
  });

  test(`parameters ${major}: sock is an open connection, with and without TLS`, async () => {
    const { host, port } = await server();
    for (const sslMode of ["disable", "require"] as const) {
      const sock = await socketTo(host, port);
      const options = { sock, user: "u_trust", database: "postgres", sslMode };
      assert.equal((await seen(options)).ssl, sslMode === "require");
    }
  });

  test(`parameters ${major}: a sock is tried once, and the server's error is reported`, async () => {
    const { host, port } = await server();
    for (const sslMode of ["allow", "prefer"] as const) {
      const sock = await socketTo(host, port);
      const options = { sock, user: "u_reject", database: "postgres", sslMode } as const;
      const error = await refusal({ ...options, targetSessionAttrs: "prefer-standby" });
      assert.ok(error instanceof OperationalError);
      assert.equal(error.fields.C, "28000");
      assert.match(error.message, sslMode === "allow" ? /no encryption/ : /SSL encryption/);
      assert.equal(sock.destroyed, true);
    }
  });
}

function socketTo(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket({ host, port }, () => resolve(socket));
    socket.once("error", reject);
  });
}
