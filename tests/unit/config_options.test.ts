import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ConnectOptions } from "../../src/config/options.ts";
import { PARAMETERS } from "../../src/config/parameters.ts";
import { resolveSettings } from "../../src/config/settings.ts";
import { PgError } from "../../src/errors/errors.ts";
import { fakeRuntime, refused, resolve, unsupported } from "./config_runtime.ts";

const PEM = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";

/** Options that are refused, whatever their declared types, and what the message must say. */
const REFUSED: [Record<string, unknown>, RegExp][] = [
  [{ port: "x" }, /^port must be a whole number from 1 to 65535$/],
  [{ port: 0 }, /^port must/],
  [{ port: 65536 }, /^port must/],
  [{ port: 1.5 }, /^port must/],
  [{ port: NaN }, /^port must/],
  [{ port: [5432, -1] }, /^port must/],
  [{ port: [] }, /^port must be a list that is not empty$/],
  [{ host: 5 }, /^host must be a string$/],
  [{ host: ["a", 5] }, /^host must be a string$/],
  [{ host: null }, /^host must/],
  [{ host: "a b" }, /^host must be a name/],
  [{ user: 5 }, /^user must be a string$/],
  [{ user: "a\0b" }, /^user contains a NUL byte$/],
  [{ database: "a\0b" }, /^database contains a NUL byte$/],
  [{ database: "postgres://h/db" }, /^database is a connection string/],
  [{ password: 5 }, /^password must be a string, a Uint8Array or a function$/],
  [{ password: "a\0b" }, /^password contains a NUL byte$/],
  [{ password: new Uint8Array([65, 0]) }, /^password contains a NUL byte$/],
  [{ applicationName: 5 }, /^applicationName must be a string$/],
  [{ applicationName: "a\0b" }, /^applicationName contains a NUL byte$/],
  [{ options: "a\0b" }, /^options contains a NUL byte$/],
  [{ unixSock: 5 }, /^unixSock must be a string$/],
  [{ unixSock: "/tmp/s", sock: {} }, /^unixSock and sock exclude each other$/],
  [{ sock: 5 }, /^sock must be an object$/],
  [{ sock: {}, host: "a,b" }, /^sock excludes a list of hosts$/],
  [{ sourceAddress: "::1" }, /^sourceAddress must be an object$/],
  [{ sourceAddress: { port: 5 } }, /^sourceAddress.host must be given$/],
  [{ sourceAddress: { host: "::1", port: -1 } }, /^sourceAddress.port must/],
  [{ sourceAddress: { hots: "::1" } }, /"hots" in sourceAddress; did you mean "host"\?/],
  [{ timeout: -1 }, /^timeout must be a number of seconds/],
  [{ timeout: NaN }, /^timeout must/],
  [{ timeout: Infinity }, /^timeout must/],
  [{ timeout: "5" }, /^timeout must/],
  [{ connectTimeout: -1 }, /^connectTimeout must/],
  [{ queryTimeout: -1 }, /^queryTimeout must/],
  [{ closeTimeout: NaN }, /^closeTimeout must/],
  [{ maxMessageBytes: 1 }, /^maxMessageBytes must/],
  [{ maxPipelined: 0 }, /^maxPipelined must/],
  [{ statementCacheSize: -1 }, /^statementCacheSize must/],
  [{ statementLifetime: -1 }, /^statementLifetime must/],
  [{ rows: "map" }, /^rows must be one of object, array$/],
  [{ onNotice: "f" }, /^onNotice must be a function$/],
  [{ types: "t" }, /^types must be an object$/],
  [{ tcpKeepalive: 1 }, /^tcpKeepalive must be an object$/],
  [{ tcpKeepalive: { idle: 0 } }, /^tcpKeepalive.idle must/],
  [{ tcpKeepalive: { idel: 5 } }, /"idel" in tcpKeepalive; did you mean "idle"\?/],
  [{ replication: "logical" }, /^replication must be one of/],
  [{ startupParams: { user: "x" } }, /^startupParams must not name user; use the option user$/],
  [{ startupParams: { database: "x" } }, /must not name database/],
  [{ startupParams: { Application_Name: "x" } }, /use the option applicationName$/],
  [{ startupParams: { replication: "x" } }, /must not name replication/],
  [{ startupParams: { client_encoding: "x" } }, /must not name client_encoding/],
  [{ startupParams: { options: "x" } }, /must not name options/],
  [{ startupParams: { search_path: 5 } }, /^startupParams.search_path must be a string$/],
  [{ startupParams: { a: "b\0user\0root" } }, /^startupParams.a contains a NUL byte$/],
  [{ startupParams: { "a\0b": "c" } }, /NUL byte$/],
  [{ startupParams: { "": "c" } }, /empty name/],
  [{ startupParams: "a=b" }, /^startupParams must be an object$/],
  [{ clientEncoding: "LATIN1" }, /^clientEncoding must be UTF8$/],
  [{ sslMode: "no-verify" }, /^sslMode must be one of disable, allow, prefer, require, verify-ca/],
  [{ sslMode: true }, /^sslMode must be one of/],
  [{ sslNegotiation: "now" }, /^sslNegotiation must be one of postgres, direct$/],
  [
    { sslNegotiation: "direct" },
    /^sslNegotiation is "direct", which needs sslMode "require" or better, not "prefer"$/,
  ],
  [{ sslContext: "yes" }, /^sslContext must be a boolean or an object$/],
  [{ sslContext: { rejectUnauthorised: false } }, /did you mean "rejectUnauthorized"\?/],
  [{ sslContext: { ca: "/etc/ca.pem" } }, /^sslContext.ca must be PEM text$/],
  [{ sslContext: { key: PEM } }, /^sslContext.cert must be given with sslContext.key$/],
  [{ sslContext: { minVersion: "1.2" } }, /^sslContext.minVersion must be one of TLSv1,/],
  [
    { sslContext: { minVersion: "TLSv1.3", maxVersion: "TLSv1.2" } },
    /^sslContext.minVersion must be at most sslContext.maxVersion$/,
  ],
  [{ sslContext: false, sslMode: "require" }, /^sslContext: false contradicts sslMode: "require"$/],
  [{ sslContext: false, sslMode: "verify-full" }, /contradicts/],
  [{ sslContext: true, sslMode: "disable" }, /forbids$/],
  [{ sslContext: {}, sslMode: "disable" }, /forbids$/],
  [{ sslContext: { rejectUnauthorized: false }, sslMode: "verify-full" }, /contradicts$/],
  [{ sslMinProtocolVersion: "TLSv1.4" }, /^sslMinProtocolVersion must be one of/],
  [{ sslMaxProtocolVersion: "TLSv1.1" }, /^no version of TLS is at least TLSv1.2/],
  [{ sslSni: 1 }, /^sslSni must be a boolean$/],
  [{ channelBinding: "yes" }, /^channelBinding must be one of disable, prefer, require$/],
  [
    { channelBinding: "require", sslMode: "disable" },
    /^channelBinding is "require", but TLS is off/,
  ],
  [{ channelBinding: "require", host: "/tmp" }, /^channelBinding is "require", but TLS is off/],
  [{ targetSessionAttrs: "master" }, /^targetSessionAttrs must be one of any, read-write/],
  [{ loadBalanceHosts: true }, /^loadBalanceHosts must be one of disable, random$/],
  [{ minProtocolVersion: "3.2" }, /^minProtocolVersion is 3.2, above maxProtocolVersion, 3.0$/],
  [{ maxProtocolVersion: "4.0" }, /^maxProtocolVersion must be one of 3.0, 3.2, latest$/],
  [{ hostaddr: "localhost" }, /^hostaddr must be an IP address$/],
  [{ host: ["a", "b"], hostaddr: "::1" }, /^could not match 2 hosts to 1 hostaddr values$/],
  [{ host: ["a", "b"], port: [1, 2, 3] }, /^could not match 3 ports to 2 hosts$/],
  [
    { allowedDsnKeys: ["hots"] },
    /^allowedDsnKeys has an item that is no libpq keyword; did you mean "host"/,
  ],
  [{ allowedDsnKeys: "host" }, /^allowedDsnKeys must be a list of keywords$/],
  [{ servicefile: "/nowhere", service: "s" }, /^service file "\/nowhere" does not exist/],
  [
    { applicaitonName: "x" },
    /^unknown option "applicaitonName"; did you mean "applicationName"\?$/,
  ],
  [{ ssl: true }, /^unknown option "ssl"$/],
  [{ application_name: "x" }, /did you mean "applicationName"\?$/],
  [{ sslmode: "require" }, /did you mean "sslMode"\?$/],
  [{ dbname: "x" }, /^unknown option "dbname"/],
  [{ runtime: "node" }, /^runtime must be an object$/],
  [{ max: 5 }, /^"max" is an option of a pool: createPool\(url, \{ max: … \}\)$/],
  [{ idleTimeout: 5 }, /^"idleTimeout" is an option of a pool/],
  [{ onConnect: () => {} }, /^"onConnect" is an option of a pool/],
];

for (const [options, message] of REFUSED) {
  test(`refused: ${JSON.stringify(options)}`, async () => {
    assert.match(await refused(options as ConnectOptions), message);
  });
}

test("options that are no object are refused", async () => {
  for (const options of [null, [], "postgres://"] as unknown as ConnectOptions[]) {
    const attempt = resolveSettings(undefined, options, fakeRuntime());
    await assert.rejects(attempt, /^InterfaceError: options must be an object$/);
  }
});

test("every parameter with values of its own refuses others, from an option and from a string", async () => {
  for (const row of PARAMETERS.filter((row) => typeof row.kind === "object")) {
    assert.match(await refused(`${row.keyword}=bogus`), /must be one of/);
    if (row.option === undefined) continue;
    assert.match(await refused({ [row.option]: "bogus" }), /must be one of/);
  }
});

test("without anything the defaults are those of the documentation", async () => {
  const settings = await resolve({});
  const { runtime: _, targets, ...rest } = settings;
  assert.deepEqual(targets.map(({ tls: _, passwordFile: __, ...target }) => target), [{
    host: "localhost",
    address: { kind: "tcp", host: "localhost", port: 5432 },
    port: 5432,
    sslMode: "prefer",
    password: undefined,
  }]);
  assert.deepEqual(rest, {
    sock: undefined,
    user: "me",
    database: "me",
    parameters: { client_encoding: "UTF8" },
    sslNegotiation: "postgres",
    channelBinding: "prefer",
    minProtocolVersion: "3.0",
    requireAuth: undefined,
    scramKeys: undefined,
    oauth: undefined,
    gss: { provider: undefined, service: "postgres" },
    maxProtocolVersion: "3.0",
    targetSessionAttrs: "any",
    loadBalanceHosts: "disable",
    keepAlive: { idle: undefined, interval: undefined, count: undefined },
    source: undefined,
    connectTimeout: 30,
    timeout: 0,
    queryTimeout: 0,
    closeTimeout: 5,
    maxMessageBytes: 1073741824,
    maxPipelined: 1000,
    statementCacheSize: 256,
    statementLifetime: 300,
  });
});

test("without a user, a PGUSER and a system's user there is an error", async () => {
  assert.match(await refused({}, { user: undefined }), /^user is not given/);
  assert.equal((await resolve({ user: "x" }, { user: undefined })).user, "x");
  assert.equal((await resolve({}, { user: undefined, env: { PGUSER: "y" } })).user, "y");
});

test("the database is the user's name unless given", async () => {
  assert.equal((await resolve({ user: "x" })).database, "x");
  assert.equal((await resolve({ user: "x", database: "d" })).database, "d");
});

test("an option that is undefined or an empty string counts as not given", async () => {
  const machine = { env: { PGUSER: "u", PGHOST: "h", PGPASSWORD: "p", PGSSLMODE: "require" } };
  const settings = await resolve(
    { user: "", host: undefined, password: "", sslMode: "" as "require", applicationName: "" },
    machine,
  );
  assert.equal(settings.user, "u");
  assert.deepEqual(
    settings.targets.map((target) => [target.host, target.password, target.sslMode]),
    [["h", "p", "require"]],
  );
});

test("durations: the socket's timeout bounds connecting, 0 and negative are no limit", async () => {
  const connect = async (given: string | ConnectOptions) => (await resolve(given)).connectTimeout;
  assert.equal(await connect({ timeout: 5 }), 5);
  assert.equal(await connect({ timeout: 50 }), 30);
  assert.equal(await connect({ timeout: 50, connectTimeout: 0 }), 50);
  assert.equal(await connect({ connectTimeout: 0 }), 0);
  assert.equal(await connect({ connectTimeout: 0.25 }), 0.25);
  assert.equal(await connect({ connectTimeout: 1e-7 }), 1e-7);
  assert.equal(await connect("connect_timeout=7"), 7);
  assert.equal(await connect("connect_timeout=-1"), 0);
  assert.equal(await connect("connect_timeout=0.5"), 0.5);
  assert.equal(await connect("connect_timeout=2147483647"), 2147483);
  assert.match(await refused("connect_timeout=1h"), /^"connect_timeout" in the connection string/);
});

test("the startup packet: application_name, options, replication and run-time parameters", async () => {
  const parameters = async (given: string | ConnectOptions, env: Record<string, string> = {}) =>
    (await resolve(given, { env })).parameters;
  const encoding = { client_encoding: "UTF8" };
  assert.deepEqual(await parameters({ applicationName: "a", options: "-c geqo=off" }), {
    application_name: "a",
    options: "-c geqo=off",
    ...encoding,
  });
  assert.deepEqual(await parameters("fallback_application_name=f"), {
    application_name: "f",
    ...encoding,
  });
  assert.deepEqual(await parameters("fallback_application_name=f application_name=a"), {
    application_name: "a",
    ...encoding,
  });
  for (
    const [given, sent] of [["database", "database"], ["physical", "true"], [true, "true"]] as const
  ) {
    assert.deepEqual(await parameters({ replication: given }), { ...encoding, replication: sent });
  }
  assert.deepEqual(await parameters({ replication: false }), encoding);
  assert.deepEqual(await parameters("replication=on"), { ...encoding, replication: "true" });
  assert.match(await refused("replication=logical"), /must be a boolean or "database"$/);
  assert.deepEqual(await parameters("replication=off"), encoding);
  assert.deepEqual(await parameters({ startupParams: { search_path: "a, b" } }), {
    ...encoding,
    search_path: "a, b",
  });
  assert.deepEqual(await parameters({ clientEncoding: "utf-8" }), encoding);
});

test("PGDATESTYLE, PGTZ and PGGEQO become parameters, unless default or given", async () => {
  const env = { PGDATESTYLE: "ISO, MDY", PGTZ: "UTC", PGGEQO: "Default" };
  assert.deepEqual((await resolve({}, { env })).parameters, {
    client_encoding: "UTF8",
    datestyle: "ISO, MDY",
    timezone: "UTC",
  });
  const given = await resolve({ startupParams: { TimeZone: "Asia/Tokyo" } }, { env });
  assert.deepEqual(given.parameters, {
    client_encoding: "UTF8",
    datestyle: "ISO, MDY",
    TimeZone: "Asia/Tokyo",
  });
});

test("keepalive is off, on, or on with times", async () => {
  const keepAlive = async (given: string | ConnectOptions) => (await resolve(given)).keepAlive;
  const none = { idle: undefined, interval: undefined, count: undefined };
  assert.equal(await keepAlive({ tcpKeepalive: false }), undefined);
  assert.deepEqual(await keepAlive({ tcpKeepalive: true }), none);
  assert.deepEqual(await keepAlive({ tcpKeepalive: { idle: 60, count: 3 } }), {
    ...none,
    idle: 60,
    count: 3,
  });
  assert.equal(await keepAlive("keepalives=0"), undefined);
  assert.deepEqual(await keepAlive("keepalives_idle=60 keepalives_interval=0"), {
    ...none,
    idle: 60,
  });
  assert.match(await refused("keepalives_idle=x"), /whole number/);
});

test("protocol versions: 3.0, 3.2, and latest is 3.2", async () => {
  const settings = await resolve({ minProtocolVersion: "3.2", maxProtocolVersion: "latest" });
  assert.equal(settings.minProtocolVersion, "3.2");
  assert.equal(settings.maxProtocolVersion, "3.2");
});

test("passwords that are functions or bytes arrive as they are", async () => {
  const ask = () => "p";
  const bytes = new Uint8Array([65]);
  assert.equal((await resolve({ password: ask })).targets[0]!.password, ask);
  assert.equal((await resolve({ password: bytes })).targets[0]!.password, bytes);
  const over = await resolve("postgres://u:other@h", {}, { password: ask });
  assert.equal(over.targets[0]!.password, ask);
});

test("requirePeer is no option: no runtime can honour it", async () => {
  const message = await refused({ requirePeer: "postgres" } as ConnectOptions);
  assert.match(message, /^unknown option "requirePeer"/);
});

test("what the driver cannot do is refused by name, what asks for nothing is not", async () => {
  const asks: [string, string, string][] = [
    ["tcp_user_timeout", "0", "5"],
    ["sslcompression", "0", "1"],
    ["sslcertmode", "allow", "require"],
    ["sslcrldir", "", "/etc/crl"],
    ["requirepeer", "", "postgres"],
    ["gssencmode", "prefer", "require"],
    ["gsslib", "gssapi", "sspi"],
    ["gssdelegation", "0", "1"],
    ["sslkeylogfile", "", "/tmp/keys"],
  ];
  for (const [keyword, nothing, something] of asks) {
    await resolve(`${keyword}='${nothing}'`);
    const message = await unsupported(`${keyword}='${something}'`);
    assert.ok(message.includes(`"${keyword}"`) && !message.includes(something), message);
    const { option, env } = PARAMETERS.find((row) => row.keyword === keyword)!;
    if (option !== undefined) assert.match(await unsupported({ [option]: something }), /supported/);
    if (env !== undefined) await unsupported({}, { env: { [env]: something } });
  }
  const rows = PARAMETERS.filter((row) => row.harmless !== undefined);
  assert.deepEqual(rows.map((row) => row.keyword).sort(), asks.map(([keyword]) => keyword).sort());
});

test("anything as an option is resolved or refused with the driver's own error", async () => {
  const names = [
    ...new Set(PARAMETERS.flatMap((row) => row.option ?? [])),
    "timeout",
    "sslContext",
  ];
  const options = fc.dictionary(fc.constantFrom(...names), fc.anything(), {
    noNullPrototype: true,
  });
  await fc.assert(fc.asyncProperty(options, async (given) => {
    try {
      await resolve(given as ConnectOptions);
    } catch (error) {
      assert.ok(error instanceof PgError, String(error));
    }
  }));
});

test("no message shows a secret, whatever else is wrong", async () => {
  const secret = "hunter2";
  const wrong = fc.constantFrom<ConnectOptions>(
    { port: 0 },
    { host: "a b" },
    { sslMode: "verify-full" },
    { sslMode: secret as "require" },
    { service: "none" },
    { requireAuth: secret },
    { clientEncoding: secret },
    { connectTimeout: -1 },
    { oauthIssuer: secret },
    { scramClientKey: secret },
  );
  const dsn = fc.constantFrom(
    undefined,
    `password=${secret} port=x`,
    `postgres://u:${secret}@h:x`,
    `postgres://u:${secret}/x@h`,
    `postgres://u:a@${secret}@h`,
    `postgres://u:a@${secret}/x@h`,
    `sslpassword=${secret} hots=a`,
    `sslpassword=${secret}`,
  );
  await fc.assert(fc.asyncProperty(dsn, wrong, async (text, options) => {
    const all = { password: secret, sslPassword: secret, ...options };
    await assert.rejects(resolveSettings(text, all, fakeRuntime({ user: "me" })), (error) => {
      assert.ok(error instanceof PgError, String(error));
      assert.ok(!`${error.message} ${error.cause}`.includes(secret), error.message);
      return true;
    });
  }));
});

test("the option connectionString of pg is refused, and the place of the string is said", async () => {
  const options = { connectionString: "postgres://u@h/d" } as ConnectOptions;
  await assert.rejects(
    resolveSettings(undefined, options, fakeRuntime({ user: "me" })),
    /unknown option "connectionString": a connection string is the first argument$/,
  );
});
