import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import process from "node:process";
import { test } from "node:test";
import type { Client, ClientConfig } from "../../src/compat/pg/pg.ts";
import { behind } from "../_kit/databases.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { pause, until } from "../_kit/waiting.ts";
import { alike, login, ours, outcome, peer, type PgModule, shown } from "./compat_pg_pair.ts";

type Log = string[];
type Scenario = (client: Client, log: Log, pg: PgModule) => Promise<void>;

/** After an error `pg` emits `drain` at once or not at all, as ReadyForQuery arrives. */
const EVENTS = ["connect", "end", "error", "notice", "notification"] as const;

/** Runs a scenario on a client of its own; returns what it and the client's listeners have observed. */
async function observed(pg: PgModule, options: ClientConfig, scenario: Scenario): Promise<Log> {
  const log: Log = [];
  const client = new pg.Client(await login(options));
  for (const event of EVENTS) {
    client.on(event, (value: unknown) => {
      const text = value === undefined ? "" : alike(shown(value));
      log.push(`${event} ${text.replace(/processId: \d+/, "processId: n")}`);
    });
  }
  await scenario(client, log, pg);
  await client.end();
  await pause(0.03); // for events that come behind the end
  log.push(`${client._ending} ${client._ended} ${client._queryable}`);
  return log;
}

const kill = async (client: Client): Promise<void> => {
  await behind(`select pg_terminate_backend(${client.processID})`);
};

const SCENARIOS: readonly (readonly [fact: string, options: ClientConfig, Scenario])[] = [
  ["connect and end", {}, async (client, log) => {
    log.push(`${client._connected} ${client.processID} ${client.getTransactionStatus()}`);
    log.push(`same ${await client.connect() === client}`);
    log.push(`${client._connected} ${typeof client.processID} ${typeof client.secretKey}`);
    log.push(`${client.getTransactionStatus()} ${client._queryable} ${client._ending}`);
    log.push(await outcome(client.connect()));
    const ended = await outcome(client.end());
    await pause(0.02); // runtimes differ in the order of the event and the promise
    log.push(ended, await outcome(client.end()));
    log.push(await outcome(client.query("select 1")));
  }],
  ["connect by callback", {}, async (client, log) => {
    await new Promise<void>((resolve) => {
      const returned: unknown = client.connect((error, connected) => {
        log.push(`callback ${error} ${connected === client}`);
        resolve();
      });
      log.push(`returned ${returned}`);
    });
    await new Promise<void>((resolve) => {
      client.end((error) => {
        log.push(`ended ${error}`);
        resolve();
      });
    });
  }],
  ["end before connect", {}, async (client, log) => {
    log.push(await outcome(client.end()));
  }],
  ["queries made before connect are run after it", {}, async (client, log) => {
    const queries = [client.query("select 1 as a"), client.query("select 2 as a")];
    queries.map((query, i) => query.then(() => log.push(`query ${i}`)));
    await client.connect();
    log.push("connected");
    await Promise.all(queries);
  }],
  ["drain comes when no query is left", {}, async (client, log) => {
    client.on("drain", () => log.push("drain"));
    await client.connect();
    await client.query("select 1");
    log.push("one");
    await Promise.all([client.query("select 1"), client.query("select 2")]);
    log.push("two");
    client.query("select 3", () => {
      log.push("callback");
      client.query("select 4", () => log.push("inner callback"));
    });
    await client.query("select 5");
    await pause(0.02);
  }],
  ["callbacks", {}, async (client, log) => {
    await client.connect();
    const call = (...parameters: unknown[]): Promise<void> =>
      new Promise((resolve) => {
        const query = client.query as (...parameters: unknown[]) => unknown;
        const returned = query.call(client, ...parameters, (...given: unknown[]) => {
          log.push(`${given.length} arguments: ${alike(given.map((one) => shown(one)).join())}`);
          resolve();
        });
        log.push(`returned ${returned}`);
      });
    await call("select 1 as x");
    await call("select $1::int as x", [1]);
    await call({ text: "select 2 as x" });
    await call({ text: "select $1::int as x" }, [3]);
    await call("select 1; select 2");
    await call("select 1/0");
    await call("select $1::int", ["x"]);
    await call({ text: "select 1" }, undefined);
    await call("select 1", null);
  }],
  ["bad arguments", {}, async (client, log) => {
    await client.connect();
    for (const bad of [null, undefined]) {
      try {
        client.query(bad as unknown as string);
      } catch (error) {
        log.push(shown(error));
      }
    }
    try {
      client.query("select 1", [], 5 as unknown as () => void);
    } catch (error) {
      log.push(shown(error));
    }
    log.push(await outcome(client.query({ text: undefined } as never)));
    log.push(await outcome(client.query("select 1", {} as never)));
  }],
  ["a Query emits row and end", {}, async (client, log, pg) => {
    await client.connect();
    const run = (query: InstanceType<PgModule["Query"]>): Promise<void> =>
      new Promise((resolve) => {
        query.on("row", (row: unknown, result: unknown) => {
          log.push(`row ${shown(row)} ${(result as { rows: unknown[] }).rows.length}`);
        });
        query.on("end", (result: unknown) => {
          log.push(`query end ${alike(shown(result))}`);
          resolve();
        });
        query.on("error", (error: Error) => {
          log.push(`query error ${alike(shown(error))}`);
          resolve();
        });
        log.push(`same ${client.query(query as never) === query as unknown}`);
      });
    await run(new pg.Query("select generate_series(1, 3) as n"));
    await run(new pg.Query("select $1::int as n", [4]));
    await run(new pg.Query({ text: "select 5 as n", rowMode: "array" }));
    await run(new pg.Query("select 6 as n; select 7 as m"));
    await run(new pg.Query("select 1/0"));
    await run(new pg.Query("select 1 / (2 - n) as q from generate_series(1, 3) n"));
    await run(
      new pg.Query("select 8 as n", (error: unknown, result: unknown) => {
        log.push(`callback ${error} ${alike(shown(result))}`);
      }),
    );
    await pause(0.02);
  }],
  ["notices and notifications", {}, async (client, log) => {
    await client.connect();
    await client.query("do $$ begin raise notice 'hi %', 1 using detail = 'd', hint = 'h'; end $$");
    await client.query("do $$ begin raise warning 'careful'; end $$");
    await client.query('listen "Ch"; notify "Ch", \'pay\'; notify "Ch"');
    log.push("listening");
  }],
  ["the state of the transaction", {}, async (client, log) => {
    await client.connect();
    for (const text of ["begin", "select 1", "select 1/0", "rollback", "begin", "commit"]) {
      await client.query(text).catch(() => {});
      await pause(0.01);
      log.push(`${text} ${client.getTransactionStatus()}`);
    }
  }],
  ["end while a query runs", {}, async (client, log) => {
    await client.connect();
    const running = outcome(client.query("select pg_sleep(60)"));
    const waiting = outcome(client.query("select 1"));
    await client.end();
    log.push(await running, await waiting);
  }],
  ["the backend is killed while a query runs", {}, async (client, log) => {
    await client.connect();
    const running = client.query("select pg_sleep(60)").catch((error) => {
      log.push(`rejects ${alike(shown(error))}`);
    });
    const second = client.query("select 2").catch((error) => {
      log.push(`second rejects ${alike(shown(error))}`);
    });
    const like = `pid = ${client.processID} and state = 'active' and query like '%60%'`;
    await until(async () =>
      (await behind(`select 1 from pg_stat_activity where ${like}`)).length > 0
    );
    await kill(client);
    await running;
    await second;
    await pause(0.03);
    log.push(await outcome(client.query("select 1")));
    log.push(await outcome(client.end()));
  }],
  ["the backend is killed while nothing runs", {}, async (client, log) => {
    await client.connect();
    await client.query("select 1");
    await kill(client);
    await until(() => client._ended);
    await pause(0.03);
    log.push(await outcome(client.query("select 1")));
  }],
  ["a wrong database", { database: "nonsense" }, async (client, log) => {
    const early = outcome(client.query("select 1"));
    const connected = await outcome(client.connect());
    await pause(0.03);
    log.push(connected, await early);
  }],
  ["a wrong role", { user: "nonsense", password: "x" }, async (client, log) => {
    const connected = await outcome(client.connect());
    await pause(0.03);
    log.push(connected);
  }],
  ["no server", { host: "127.0.0.1", port: 1 }, async (client, log) => {
    const connected = await outcome(client.connect());
    await pause(0.03);
    log.push(connected);
    log.push(await outcome(client.connect()));
  }],
  ["a certificate that is not trusted", { ssl: true }, async (client, log) => {
    const connected = await outcome(client.connect());
    await pause(0.03);
    log.push(connected);
  }],
  ["query_timeout", { query_timeout: 30 }, async (client, log) => {
    await client.connect();
    log.push(await outcome(client.query("select pg_sleep(0.2)")));
    log.push(await outcome(client.query({ text: "select 1 as x", query_timeout: 1000 } as never)));
  }],
  ["statement_timeout and application_name", {
    ...{ statement_timeout: 30, application_name: "mine", lock_timeout: 12 },
    ...{ idle_in_transaction_session_timeout: 34, options: "-c work_mem=123kB" },
  }, async (client, log) => {
    await client.connect();
    log.push(await outcome(client.query("select pg_sleep(60)")));
    for (const name of ["application_name", "lock_timeout", "work_mem"]) {
      log.push(await outcome(client.query(`show ${name}`)));
    }
  }],
  ["types of the client and of a query", {
    types: { getTypeParser: (oid, format) => (text) => `${oid} ${format} ${text}` },
  }, async (client, log, pg) => {
    await client.connect();
    const own = { getTypeParser: () => () => "own" };
    const text = "select 1 as i, 'a'::text as t, null as n, $1::int as p";
    for (let i = 0; i < 3; i++) {
      log.push(await outcome(client.query(text, [i])));
      log.push(await outcome(client.query({ text, values: [i], types: own })));
    }
    client.setTypeParser(23, (value) => `client ${value}`);
    log.push(await outcome(client.query(text, [1])));
    const overrides = new pg.TypeOverrides();
    overrides.setTypeParser(25, "text", (value) => `override ${value}`);
    log.push(await outcome(client.query({ text, values: [2], types: overrides })));
    const failing = {
      getTypeParser: () => () => {
        throw new RangeError("boom");
      },
    };
    log.push(await outcome(client.query({ text, values: [2], types: failing })));
    log.push(await outcome(client.query("select 1 as still")));
  }],
  ["global parsers and defaults.parseInt8", {}, async (client, log, pg) => {
    await client.connect();
    const text = "select 5::int8 as a, array[6::int8] as b, 'x'::xml as c";
    const xml = pg.types.getTypeParser(142);
    for (let i = 0; i < 2; i++) {
      log.push(await outcome(client.query(text)));
      pg.defaults.parseInt8 = true;
      pg.types.setTypeParser(142, (value) => `<${value}>`);
      log.push(await outcome(client.query(text)));
      pg.defaults.parseInt8 = false;
      pg.types.setTypeParser(142, xml);
    }
    log.push(String(Object.getOwnPropertyDescriptor(pg.defaults, "parseInt8")?.set !== undefined));
  }],
  ["password functions", { password: () => Promise.resolve("any") }, async (client, log) => {
    log.push(await outcome(client.connect().then(() => client.query("select 1 as x"))));
  }],
];

for (const [fact, options, scenario] of SCENARIOS) {
  test(`compat/pg client: ${fact}: events, results and errors are as with pg`, () =>
    withoutUnhandled(async () => {
      const theirs = await observed(peer, options, scenario);
      assert.deepEqual(await observed(ours, options, scenario), theirs);
    }));
}

test("compat/pg: a reset connection reports what pg reports on Node", () =>
  withoutUnhandled(async () => {
    assert.deepEqual(await reset(ours), [
      "error read ECONNRESET ECONNRESET",
      "query read ECONNRESET ECONNRESET",
      "query read ECONNRESET ECONNRESET",
      "error Connection terminated unexpectedly undefined",
      "end undefined undefined",
    ]);
  }));

/** Resets the connection of a client behind two queries; returns what it has observed. */
async function reset(pg: PgModule): Promise<Log> {
  const { host, port, ...options } = await login();
  const log: Log = [];
  let socket: Socket | undefined;
  const server = createServer((peer) => {
    socket = peer;
    const upstream = connect(Number(port), String(host));
    for (const one of [peer, upstream]) one.on("error", () => {});
    peer.on("close", () => upstream.destroy());
    peer.pipe(upstream).pipe(peer);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = new pg.Client({
    ...{ ...options, host: "127.0.0.1", port: (server.address() as AddressInfo).port },
  });
  const note = (what: string) => (error?: Error): void => {
    log.push(`${what} ${error?.message} ${(error as { code?: string })?.code}`);
  };
  client.on("error", note("error")).on("end", note("end"));
  await client.connect();
  const queries = [client.query("select pg_sleep(60)"), client.query("select 1")];
  const failed = Promise.all(queries.map((query) => query.then(() => {}, note("query"))));
  await pause(0.02);
  socket!.resetAndDestroy();
  await failed;
  await until(() => log.at(-1)!.startsWith("end"));
  server.close();
  return log;
}

/** Variables of libpq: those that `pg` reads, with values that only `pg` knows, and some that it ignores. */
const VARIABLES: Readonly<Record<string, string>> = {
  ...{ PGAPPNAME: "from the environment", PGOPTIONS: "-c work_mem=1001", PGSSLMODE: "" },
  ...{ PGTARGETSESSIONATTRS: "standby", PGSERVICE: "missing", PGHOSTADDR: "127.0.0.9" },
  ...{ PGCHANNELBINDING: "require", PGGSSENCMODE: "require", PGREQUIREAUTH: "scram-sha-256" },
  ...{ PGDATESTYLE: "German", PGTZ: "Asia/Tokyo" },
};

for (const [name, value] of [...Object.entries(VARIABLES), ["PGSSLMODE", "no-verify"] as const]) {
  test(`compat/pg: the environment variable ${name}=${value} is read or ignored as by pg`, () =>
    withoutUnhandled(async () => {
      const before = process.env[name];
      process.env[name] = value;
      try {
        const [theirs, mine] = [await settings(peer), await settings(ours)];
        assert.equal(mine, theirs);
      } finally {
        if (before === undefined) delete process.env[name];
        else process.env[name] = before;
      }
    }));
}

/** Returns what a session of a module has got from its environment. */
async function settings(pg: PgModule): Promise<string> {
  const { ssl: _ssl, ...options } = await login();
  const client = new pg.Client(options);
  client.on("error", () => {});
  const text = await outcome(
    client.connect().then(() =>
      client.query(`select current_setting('application_name'), current_setting('work_mem'),
      current_setting('datestyle'), current_setting('timezone'),
      (select ssl from pg_catalog.pg_stat_ssl where pid = pg_backend_pid())`)
    ),
  );
  await client.end();
  return text;
}
