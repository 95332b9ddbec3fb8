import assert from "node:assert/strict";
import { test } from "node:test";
import { PARAMETERS } from "../../src/config/parameters.ts";
import { type PassfileKey, passfilePassword } from "../../src/config/passfile.ts";
import { resolveSettings } from "../../src/config/settings.ts";
import { parseServiceFile } from "../../src/config/service_file.ts";
import { gather } from "../../src/config/sources.ts";
import { InterfaceError } from "../../src/errors/errors.ts";
import {
  fakeRuntime,
  type Machine,
  passwordsOf,
  refused,
  resolve,
  unsupported,
} from "./config_runtime.ts";

const SERVICES = `# a comment
[first]
  host=s1
port=5433
port=9
user= spaced out\t
application_name=a=b

[second]
dbname=d2
[nested]
service=first
[ldap]
ldap://ldap.example/dc=x
[typo]
hots=x
[bare]
host
`;

test("precedence: option, then string, then service, then environment, then default", async () => {
  const machine: Machine = {
    env: { PGAPPNAME: "environment", PGSERVICE: "s" },
    files: { "/home/me/.pg_service.conf": "[s]\napplication_name=service\n" },
  };
  const name = async (...given: Parameters<typeof resolve>) =>
    (await resolve(...given)).parameters.application_name;
  const option = { applicationName: "option" };
  assert.equal(await name("application_name=string", machine, option), "option");
  assert.equal(await name("application_name=string", machine), "string");
  assert.equal(await name({}, machine), "service");
  assert.equal(await name({}, { ...machine, env: { PGAPPNAME: "environment" } }), "environment");
  assert.equal(await name({}), undefined);
});

test("an empty value in a string asks for the default and hides the environment", async () => {
  const env = { PGHOST: "h", PGAPPNAME: "a", PGPORT: "1" };
  const settings = await resolve("host='' application_name='' port=''", { env });
  assert.deepEqual(settings.parameters, { client_encoding: "UTF8" });
  assert.equal(settings.targets[0]!.host, "localhost");
  assert.equal(settings.targets[0]!.port, 5432);
});

test("every environment variable of the table is read, and is the one its messages name", async () => {
  for (const { keyword, env, harmless } of PARAMETERS) {
    // A service would be looked for; the last group is refused whatever it says, tested elsewhere.
    if (env === undefined || keyword.startsWith("service") || harmless?.length === 0) continue;
    const value = SAMPLES[keyword] ?? "";
    assert.notEqual(value, "", `no sample for ${keyword}`);
    const values = await gather(undefined, {}, fakeRuntime({ env: { [env]: value } }));
    assert.deepEqual(values.get(keyword), { text: value, name: env, source: "environment" });
  }
  assert.match(await refused({}, { env: { PGSSLMODE: "x" } }), /^PGSSLMODE must be one of/);
  assert.match(await refused({}, { env: { PGPORT: "x" } }), /^PGPORT must be a whole number/);
});

/** Values that ask for something the driver does, or for nothing. */
const SAMPLES: Record<string, string> = {
  user: "u",
  password: "p",
  passfile: "/p",
  channel_binding: "disable",
  connect_timeout: "5",
  dbname: "d",
  host: "h",
  hostaddr: "::1",
  port: "5433",
  client_encoding: "UTF8",
  options: "-c geqo=off",
  application_name: "a",
  sslmode: "allow",
  require_auth: "!none",
  sslnegotiation: "postgres",
  sslcompression: "0",
  sslcert: "/c",
  sslkey: "/k",
  sslcertmode: "disable",
  sslrootcert: "/r",
  sslcrl: "/l",
  sslsni: "0",
  ssl_min_protocol_version: "TLSv1.3",
  ssl_max_protocol_version: "TLSv1.3",
  gssencmode: "disable",
  krbsrvname: "postgres",
  gsslib: "gssapi",
  gssdelegation: "0",
  target_session_attrs: "any",
  load_balance_hosts: "disable",
  min_protocol_version: "3.0",
  max_protocol_version: "latest",
};

test("PGREQUIRESSL=1 is sslmode=require, unless something gives sslmode", async () => {
  const mode = async (env: Record<string, string>, dsn = "") =>
    (await resolve(dsn, { env })).targets[0]!.sslMode;
  assert.equal(await mode({ PGREQUIRESSL: "1" }), "require");
  assert.equal(await mode({ PGREQUIRESSL: "0" }), "prefer");
  assert.equal(await mode({ PGREQUIRESSL: "1", PGSSLMODE: "allow" }), "allow");
  assert.equal(await mode({ PGREQUIRESSL: "1" }, "sslmode=disable"), "disable");
});

test("a URL object is a connection string", async () => {
  const settings = await resolve(new URL("postgres://u:p%40@h:1/d?application_name=a%20b"));
  const [target] = settings.targets;
  assert.deepEqual(
    [settings.user, target!.host, target!.port, target!.password, settings.database],
    [
      "u",
      "h",
      1,
      "p@",
      "d",
    ],
  );
  assert.equal(settings.parameters.application_name, "a b");
});

test("a connection string that is neither text nor a URL is refused", async () => {
  const attempt = resolveSettings(5 as unknown as string, {}, fakeRuntime({ user: "me" }));
  await assert.rejects(
    attempt,
    /^InterfaceError: the connection string must be a string or a URL$/,
  );
});

test("allowedDsnKeys: any other key in the string is refused, options are free", async () => {
  const allowedDsnKeys = ["host", "port", "user", "password", "dbname"];
  const dsn = "postgres://u:p@h:1/d";
  const settings = await resolve(dsn, {}, { allowedDsnKeys, sslMode: "require" });
  assert.equal(settings.targets[0]!.sslMode, "require");
  for (const key of ["sslmode=disable", "passfile=/etc/shadow", "service=s", "sslkey=/k"]) {
    const message = await refused(`${dsn}?${key}`, {}, { allowedDsnKeys });
    assert.match(message, new RegExp(`sets "${key.split("=")[0]}", which allowedDsnKeys`));
  }
  assert.match(await refused("ssl=true", {}, { allowedDsnKeys }), /unknown key/);
  assert.match(await refused("postgres://h?ssl=true", {}, { allowedDsnKeys }), /sets "sslmode"/);
});

test("service file: sections, comments, blanks, first of a repeated key", () => {
  assert.deepEqual([...parseServiceFile(SERVICES, "first", "f")!], [
    ["host", "s1"],
    ["port", "5433"],
    ["user", " spaced out"],
    ["application_name", "a=b"],
  ]);
  assert.deepEqual([...parseServiceFile(SERVICES, "second", "f")!], [["dbname", "d2"]]);
  assert.equal(parseServiceFile(SERVICES, "secon", "f"), undefined);
  assert.deepEqual(parseServiceFile("[a]\r\nhost=h\r\n", "a", "f")!.get("host"), "h");
});

test("service file: errors name the file and the line", async () => {
  const machine = { files: { "/f": SERVICES } };
  const service = (name: string) => ({ service: name, servicefile: "/f" });
  assert.match(
    await refused(service("nested"), machine),
    /^line 12 of service file "\/f" names another/,
  );
  assert.match(
    await refused(service("typo"), machine),
    /^line 16 .* key "hots"; did you mean "host"/,
  );
  assert.match(await refused(service("bare"), machine), /^line 18 .* lacks "="$/);
  assert.match(await unsupported(service("ldap"), machine), /^line 14 .* LDAP/);
  assert.match(await refused(service("none"), machine), /^definition of service "none" not found$/);
});

test("service file: where it is looked for", async () => {
  const file = (host: string) => `[s]\nhost=${host}\n`;
  const files = {
    "/home/me/.pg_service.conf": file("home"),
    "/named": file("named"),
    "/option": file("option"),
    "/sys/pg_service.conf": file("system"),
  };
  const host = async (given: Parameters<typeof resolve>[0], env: Record<string, string>) =>
    (await resolve(given, { env, files })).targets[0]!.host;
  assert.equal(await host({ service: "s" }, {}), "home");
  assert.equal(await host("service=s", { PGSERVICE: "other" }), "home");
  assert.equal(await host({}, { PGSERVICE: "s", PGSERVICEFILE: "/named" }), "named");
  assert.equal(
    await host({ servicefile: "/option" }, { PGSERVICE: "s", PGSERVICEFILE: "/named" }),
    "option",
  );
  const away = { env: { PGSYSCONFDIR: "/sys" }, files, home: undefined };
  assert.equal((await resolve({ service: "s" }, away)).targets[0]!.host, "system");
  const missing = { env: { PGSERVICEFILE: "/gone" } };
  assert.match(await refused({ service: "s" }, missing), /^service file "\/gone" does not exist/);
  assert.match(await refused({ service: "s" }), /^definition of service "s" not found$/);
});

test("service file: a wrong value is named by its service", async () => {
  const files = { "/f": "[s]\nsslmode=maybe\n" };
  assert.match(
    await refused({ service: "s", servicefile: "/f" }, { files }),
    /^"sslmode" of service "s" must be one of/,
  );
});

test("service file: a NUL byte is refused", async () => {
  const files = { "/f": "[s]\nuser=a\0b\n" };
  const message = await refused({ service: "s", servicefile: "/f" }, { files });
  assert.equal(message, '"user" of service "s" contains a NUL byte');
});

const KEY: PassfileKey = { host: "h", port: 5432, database: "d", user: "u" };

const PASSFILES: [string, Partial<PassfileKey>, string | undefined][] = [
  ["h:5432:d:u:secret", {}, "secret"],
  ["*:*:*:*:secret", {}, "secret"],
  ["h:5432:d:u:secret\r\n", {}, "secret"],
  ["x:5432:d:u:one\nh:5432:d:u:two\nh:5432:d:u:three", {}, "two"],
  ["h:5433:d:u:secret", {}, undefined],
  ["h:5432:x:u:secret", {}, undefined],
  ["h:5432:d:x:secret", {}, undefined],
  ["h*:5432:d:u:secret", {}, undefined],
  ["#h:5432:d:u:secret", {}, undefined],
  ["# comment\n\nh:5432:d:u:secret", {}, "secret"],
  ["h:5432:d:u", {}, undefined],
  ["h:5432:d:u:", {}, ""],
  ["h:5432:d:u:a\\:b\\\\c\\d", {}, "a:b\\cd"],
  ["h:5432:d:u:a:later", {}, "a"],
  ["h:5432:d:u:a\\", {}, "a\\"],
  ["\\:\\:1:5432:d:u:secret", { host: "::1" }, "secret"],
  ["h:5432:a\\\\b:u:secret", { database: "a\\b" }, "secret"],
  ["\\*:5432:d:u:secret", {}, undefined],
  ["\\*:5432:d:u:secret", { host: "*" }, "secret"],
  ["localhost:5432:d:u:secret", { host: "/tmp" }, "secret"],
  ["localhost:5432:d:u:secret", { host: "/var/run/postgresql" }, "secret"],
  ["localhost:5432:d:u:secret", { host: "/srv" }, undefined],
  ["/srv:5432:d:u:secret", { host: "/srv" }, "secret"],
  ["h:5432:d:u: secret ", {}, " secret "],
];

for (const [text, key, password] of PASSFILES) {
  test(`password file ${JSON.stringify(text)} for ${JSON.stringify(key)}`, () => {
    assert.equal(passfilePassword(text, { ...KEY, ...key }), password);
  });
}

test("password file: each host has its own line, an address stands in for a missing name", async () => {
  const files = { "/home/me/.pgpass": "a:1:*:*:pa\nb:2:*:*:pb\n192.0.2.1:5432:*:*:pc\n" };
  const passwords = async (dsn: string) => await passwordsOf(await resolve(dsn, { files }));
  assert.deepEqual(await passwords("postgres://a:1,b:2,c:3/"), ["pa", "pb", undefined]);
  assert.deepEqual(await passwords("hostaddr=192.0.2.1"), ["pc"]);
  assert.deepEqual(await passwords("host=a hostaddr=192.0.2.1 port=1"), ["pa"]);
  assert.deepEqual(await passwords("host=a port=1 password=given"), ["given"]);
});

test("password file: option, then PGPASSFILE, then home", async () => {
  const files = { "/home/me/.pgpass": "*:*:*:*:home", "/e": "*:*:*:*:env", "/o": "*:*:*:*:option" };
  const password = async (given: Parameters<typeof resolve>[0], env: Record<string, string>) =>
    (await passwordsOf(await resolve(given, { files, env })))[0];
  assert.equal(await password({}, {}), "home");
  assert.equal(await password({}, { PGPASSFILE: "/e" }), "env");
  assert.equal(await password({ passfile: "/o" }, { PGPASSFILE: "/e" }), "option");
  assert.equal(await password("passfile=/gone", {}), undefined);
  assert.equal(await password({}, { PGPASSWORD: "variable" }), "variable");
});

test("password file: ignored when others may read it or it is no plain file", async () => {
  const files = { "/home/me/.pgpass": "*:*:*:*:secret" };
  const modes: [number, string | undefined][] = [
    [0o600, "secret"],
    [0o100600, "secret"],
    [0o400, "secret"],
    [0o640, undefined],
    [0o604, undefined],
    [0o100644, undefined],
    [0o010600, undefined],
  ];
  for (const [mode, password] of modes) {
    const machine = { files, modes: { "/home/me/.pgpass": { mode, uid: 1000 } } };
    assert.deepEqual(await passwordsOf(await resolve({}, machine)), [password], mode.toString(8));
  }
});

test("a machine that tells nothing needs a user and nothing else", async () => {
  const attempt = resolve({}, { user: undefined, home: undefined });
  await assert.rejects(attempt, InterfaceError);
  const settings = await resolve({ user: "u" }, { user: undefined, home: undefined });
  assert.deepEqual(await passwordsOf(settings), [undefined]);
});

/** The parameters whose empty value libpq refuses (`pqConnectOptions2`, `pqParseIntParam`). */
const NEVER_EMPTY: ReadonlySet<string> = new Set([
  ..."service channel_binding connect_timeout keepalives keepalives_idle keepalives_interval".split(
    " ",
  ),
  ..."keepalives_count tcp_user_timeout sslmode sslnegotiation sslcertmode gssencmode".split(" "),
  ..."target_session_attrs load_balance_hosts min_protocol_version max_protocol_version".split(" "),
  ..."scram_client_key scram_server_key".split(" "),
]);

for (const { keyword, env, option } of PARAMETERS) {
  const refuses = NEVER_EMPTY.has(keyword);
  test(`an empty ${keyword} ${refuses ? "is refused" : "asks for the default"}, as in libpq`, async () => {
    const isEmpty = /"?[\w_]+"?( (in the connection string|of service "s"))? is empty/;
    const service = { files: { "/s": `[s]\n${keyword}=\n` } };
    const attempts: [string, () => Promise<unknown>][] = [
      ["a URI", () => resolve(`postgres://u@h/d?${keyword}=`)],
      ["pairs", () => resolve(`user=u ${keyword}=''`)],
    ];
    if (!keyword.startsWith("service")) {
      attempts.push(["a service", () => resolve("service=s servicefile=/s", service)]);
    }
    if (env !== undefined) {
      attempts.push(["the environment", () => resolve({}, { env: { [env]: "" } })]);
    }
    for (const [where, attempt] of attempts) {
      const error = await attempt().then(() => undefined, (error: Error) => error);
      if (refuses) assert.match(error?.message ?? "", isEmpty, where);
      else assert.equal(error, undefined, where);
    }
    if (option === undefined || ["tcpKeepalive", "connectTimeout", "sslSni"].includes(option)) {
      return;
    }
    if (option === "port" || option === "replication") return;
    await resolve({ [option]: "" }, {});
  });
}
