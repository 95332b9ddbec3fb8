import assert from "node:assert/strict";
import { test } from "node:test";
import { isIpAddress } from "../../src/config/places.ts";
import type { ConnectOptions } from "../../src/config/options.ts";
import type { Target } from "../../src/config/target.ts";
import { refused, resolve } from "./config_runtime.ts";

/** `host|address|port`, the address as `host:port` or a path, `-` for an open connection. */
function show({ host, address, port }: Target): string {
  const where = address === undefined
    ? "-"
    : address.kind === "unix"
    ? address.path
    : `${address.host}:${address.port}`;
  return `${host}|${where}|${port}`;
}

const sock = {};

const PLACES: [string | ConnectOptions, string[]][] = [
  ["", ["localhost|localhost:5432|5432"]],
  ["host=a", ["a|a:5432|5432"]],
  ["port=1", ["localhost|localhost:1|1"]],
  ["port=' +1 '", ["localhost|localhost:1|1"]],
  ["host=a,b,c", ["a|a:5432|5432", "b|b:5432|5432", "c|c:5432|5432"]],
  ["host=a,b port=1", ["a|a:1|1", "b|b:1|1"]],
  ["host=a,b port=1,2", ["a|a:1|1", "b|b:2|2"]],
  ["host=a,b port=,2", ["a|a:5432|5432", "b|b:2|2"]],
  ["host=a,,b", ["a|a:5432|5432", "localhost|localhost:5432|5432", "b|b:5432|5432"]],
  ["host=/tmp", ["/tmp|/tmp/.s.PGSQL.5432|5432"]],
  ["host=/tmp,a port=1,2", ["/tmp|/tmp/.s.PGSQL.1|1", "a|a:2|2"]],
  ["host=@abstract", ["@abstract|@abstract/.s.PGSQL.5432|5432"]],
  ["hostaddr=192.0.2.1", ["192.0.2.1|192.0.2.1:5432|5432"]],
  ["host=a hostaddr=192.0.2.1", ["a|192.0.2.1:5432|5432"]],
  ["host=a,b hostaddr=192.0.2.1,::1", ["a|192.0.2.1:5432|5432", "b|::1:5432|5432"]],
  ["host=a,b hostaddr=192.0.2.1,", ["a|192.0.2.1:5432|5432", "b|b:5432|5432"]],
  ["host=,b hostaddr=,::1", ["localhost|localhost:5432|5432", "b|::1:5432|5432"]],
  ["hostaddr=fe80::1%eth0,::ffff:192.0.2.1", [
    "fe80::1%eth0|fe80::1%eth0:5432|5432",
    "::ffff:192.0.2.1|::ffff:192.0.2.1:5432|5432",
  ]],
  ["host=/tmp hostaddr=::1", ["/tmp|::1:5432|5432"]],
  ["postgres://[::1]:2,a/", ["::1|::1:2|2", "a|a:5432|5432"]],
  ["postgres:///d?host=/var/run/postgresql&port=3", [
    "/var/run/postgresql|/var/run/postgresql/.s.PGSQL.3|3",
  ]],
  ["postgres://%2Fvar%2Frun:3/d", ["/var/run|/var/run/.s.PGSQL.3|3"]],
  [{ host: ["a", "b"], port: [1, 2] }, ["a|a:1|1", "b|b:2|2"]],
  [{ host: "a,b", port: 1 }, ["a|a:1|1", "b|b:1|1"]],
  [{ host: ["/tmp", "a"] }, ["/tmp|/tmp/.s.PGSQL.5432|5432", "a|a:5432|5432"]],
  [{ unixSock: "/tmp/.s.PGSQL.7" }, ["/tmp|/tmp/.s.PGSQL.7|7"]],
  [{ unixSock: "/tmp/.s.PGSQL.7", port: 8 }, ["/tmp|/tmp/.s.PGSQL.7|7"]],
  [{ unixSock: "/run/pg.sock", port: 8 }, ["/run/pg.sock|/run/pg.sock|8"]],
  [{ unixSock: "/run/pg.sock", host: "db" }, ["db|/run/pg.sock|5432"]],
  [{ sock }, ["localhost|-|5432"]],
  [{ sock, host: "db", port: 7 }, ["db|-|7"]],
];

for (const [given, places] of PLACES) {
  test(`places of ${JSON.stringify(given)}`, async () => {
    const settings = await resolve(given);
    assert.deepEqual(settings.targets.map(show), places);
    assert.equal(settings.sock, typeof given === "string" ? undefined : given.sock);
  });
}

const BROKEN: [string, RegExp][] = [
  ["port=x", /^"port" in the connection string must be a whole number from 1 to 65535$/],
  ["port=0", /from 1 to 65535$/],
  ["port=65536", /from 1 to 65535$/],
  ["port=1,x", /could not match 2 ports to 1 hosts/],
  ["port=5432x", /from 1 to 65535$/],
  ["port=99999999999999999999", /from 1 to 65535$/],
  ["host=a,b port=1,2,3", /^could not match 3 ports to 2 hosts$/],
  ["host=a,b,c port=1,2", /^could not match 2 ports to 3 hosts$/],
  ["host=a,b hostaddr=::1", /^could not match 2 hosts to 1 hostaddr values$/],
  ["host=a hostaddr=::1,::2", /^could not match 1 hosts to 2 hostaddr values$/],
  ["hostaddr=example.com", /^"hostaddr" in the connection string must be an IP address$/],
  ["hostaddr=256.0.0.1", /must be an IP address$/],
  ["postgres://u:p@ss@h/d", /^"host" in the connection string must be a name, .* %40 and %2F$/],
];

for (const [dsn, message] of BROKEN) {
  test(`no places: ${dsn}`, async () => assert.match(await refused(dsn), message));
}

test("unixSock goes before a host of the string or the environment", async () => {
  const settings = await resolve("host=a", { env: { PGHOSTADDR: "::1" } }, { unixSock: "/s" });
  assert.deepEqual(settings.targets.map(show), ["/s|/s|5432"]);
});

test("targetSessionAttrs and loadBalanceHosts are carried", async () => {
  const settings = await resolve("target_session_attrs=any load_balance_hosts=disable");
  assert.equal(settings.targetSessionAttrs, "any");
  assert.equal(settings.loadBalanceHosts, "disable");
});

test("addresses are distinguished from names", () => {
  for (const yes of ["192.0.2.1", "::1", "::", "fe80::1%eth0", "2001:DB8::1", "::ffff:1.2.3.4"]) {
    assert.ok(isIpAddress(yes), yes);
  }
  for (const no of ["a", "1.2.3", "1.2.3.4.5", "1.2.3.256", "a.b.c.d", "a:b", "", "1.2.3.4a"]) {
    assert.ok(!isIpAddress(no), no);
  }
});
