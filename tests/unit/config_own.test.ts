import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConnectOptions } from "../../src/config/options.ts";
import { PARAMETERS } from "../../src/config/parameters.ts";
import type { Settings } from "../../src/config/settings.ts";
import { passwordsOf, resolve } from "./config_runtime.ts";

/** Values that would change where a connection goes to, who logs in or how it is protected. */
const HOSTILE: Record<string, unknown> = {
  sslMode: "disable",
  sslContext: false,
  host: "evil.test",
  hostaddr: "192.0.2.1",
  port: 6666,
  unixSock: "/tmp/evil",
  sock: {},
  options: "-c search_path=evil",
  user: "evil",
  database: "evil",
  password: "evil",
  service: "evil",
  sourceAddress: { host: "192.0.2.2" },
  startupParams: { role: "evil" },
  timeout: 1e-9,
  runtime: {},
  ca: "evil",
  rejectUnauthorized: false,
  servername: "evil.test",
  checkServerIdentity: () => undefined,
  cert: "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
  idle: 1,
  role: "evil",
  PGSSLMODE: "disable",
  ...Object.fromEntries(PARAMETERS.map(({ keyword }) => [keyword, "evil"])),
};

async function polluted<T>(work: () => Promise<T>): Promise<T> {
  const prototype = Object.prototype as Record<string, unknown>;
  for (const [name, value] of Object.entries(HOSTILE)) prototype[name] = value;
  try {
    return await work();
  } finally {
    for (const name of Object.keys(HOSTILE)) delete prototype[name];
  }
}

const FILES = { "/svc": "[own]\nhost=service.test\n" };
const CASES: [string, string | ConnectOptions, ConnectOptions?][] = [
  ["no options", {}],
  ["options", { host: "db.test", user: "me", sslMode: "require" }],
  ["a DSN", "postgres://me@db.test/app?sslmode=require"],
  ["keyword=value pairs", "host=db.test sslmode=require"],
  ["a service", "service=own servicefile=/svc"],
  ["a DSN with options", "postgres://db.test/app", { sslMode: "require" }],
  ["nested options", {
    host: "db.test",
    sslContext: { rejectUnauthorized: false },
    tcpKeepalive: { interval: 5 },
    sourceAddress: { host: "127.0.0.1" },
    startupParams: { geqo: "off" },
  }],
];

function dataOf({ runtime: _, targets, ...others }: Settings): object {
  return { ...others, targets: targets.map(({ passwordFile: _, ...target }) => target) };
}

for (const [name, given, options] of CASES) {
  test(`config: ${name}: what Object.prototype holds is not an option`, async () => {
    const machine = { files: FILES };
    const known = await resolve(given, machine, options);
    const read = await polluted(() => resolve(given, machine, options));
    assert.deepEqual(dataOf(read), dataOf(known));
    assert.deepEqual(await polluted(() => passwordsOf(read)), await passwordsOf(known));
    assert.equal(await polluted(() => Promise.resolve(read.targets[0]!.tls?.cert)), undefined);
  });
}
