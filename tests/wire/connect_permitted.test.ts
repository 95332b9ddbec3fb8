/** Deno's permissions: a source that is not permitted is absent, and there is no prompt. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { ConnectOptions } from "../../mod.ts";
import { certificates } from "../_kit/certs.ts";
import { authenticationCleartextPassword } from "../_kit/server_messages.ts";
import {
  answerSsl,
  expect,
  expectClose,
  handshake,
  type Script,
  send,
  startTls,
  withServer,
} from "../_kit/scripted_server.ts";

const skip = !("Deno" in globalThis) && "about Deno's permissions";
const PROGRAM = fileURLToPath(new URL("./connect_permitted.ts", import.meta.url));
const { server: tls, ca } = await certificates();

/** Returns the program's output with these permissions alone; its environment would mislead it. */
function run(options: ConnectOptions, ...granted: readonly string[]): Promise<string> {
  const [program, ...rest] = command(options, ...granted);
  return output(program!, rest);
}

function command(options: ConnectOptions, ...granted: readonly string[]): string[] {
  const flags = ["run", "--no-check", "--no-prompt", ...granted];
  return [process.execPath, ...flags, PROGRAM, JSON.stringify(options)];
}

async function output(program: string, parameters: readonly string[]): Promise<string> {
  const env = { ...process.env, PGUSER: "misled", PGHOST: "192.0.2.1", PGSSLMODE: "nonsense" };
  const child = spawn(program, parameters, { env });
  let output = "";
  child.stdout.on("data", (bytes) => output += bytes);
  child.stderr.on("data", (bytes) => output += bytes);
  await new Promise((resolve) => child.once("close", resolve));
  return output.trim();
}

// deno-fmt-ignore
const login = (user: string): Script => [
  handshake({ check: ({ parameters }) => assert.equal(parameters?.user, user) }),
  expect("X"), expectClose(),
];

test("permissions: --allow-net is enough, for plain text and for TLS", { skip }, async () => {
  const scripts: readonly (readonly [Script, ConnectOptions])[] = [
    [login("u"), { sslMode: "disable" }],
    [[answerSsl("S"), startTls(tls), ...login("u")], { sslMode: "require" }],
    [[answerSsl("S"), startTls(tls), ...login("u")], { sslContext: { ca: ca.cert } }],
  ];
  for (const [script, options] of scripts) {
    await withServer(script, async ({ host, port }) => {
      const found = await run({ user: "u", host, port, ...options }, `--allow-net=${host}:${port}`);
      assert.equal(found, "connected");
    });
  }
});

test(
  "permissions: a name whose address is not granted is dialled by the name",
  { skip },
  () =>
    withServer(login("u"), async ({ port }) => {
      const options = { user: "u", host: "localhost", port, sslMode: "disable" } as const;
      assert.equal(await run(options, `--allow-net=localhost:${port}`), "connected");
    }),
);

test("permissions: a name that is granted is enough for TLS", { skip }, async () => {
  const scripts: readonly (readonly [Script, ConnectOptions])[] = [
    [[answerSsl("N"), ...login("u")], { sslMode: "prefer" }],
    [[answerSsl("S"), startTls(tls), ...login("u")], { sslMode: "prefer" }],
    [[answerSsl("S"), startTls(tls), ...login("u")], { sslContext: { ca: ca.cert } }],
  ];
  for (const [script, options] of scripts) {
    await withServer(script, async ({ port }) => {
      const found = await run(
        { user: "u", host: "localhost", port, ...options },
        `--allow-net=localhost:${port}`,
      );
      assert.equal(found, "connected");
    });
  }
});

const HOSTS = "127.0.0.2 two.test\n127.0.0.1 two.test\n";
/** Runs the rest of its arguments with a file of hosts in place of the system's. */
const UNSHARE = ["-Urm", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"'];
const noHosts = skip ||
  spawnSync("unshare", [...UNSHARE, "/etc/hosts", "true"]).status !== 0 &&
    "unshare(1) cannot give a program its own /etc/hosts here";

test(
  "permissions: every address of a name that is granted is tried",
  { skip: noHosts },
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "cornac-hosts-"));
    const hosts = join(directory, "hosts");
    writeFileSync(hosts, HOSTS);
    try {
      for (const sslMode of ["disable", "require"] as const) {
        const begins = sslMode === "disable" ? [] : [answerSsl("S"), startTls(tls)];
        await withServer([...begins, ...login("u")], async ({ port }) => {
          const options = { user: "u", host: "two.test", port, sslMode, connectTimeout: 5 };
          const granted = `--allow-net=two.test:${port}`;
          const found = await output("unshare", [...UNSHARE, hosts, ...command(options, granted)]);
          assert.equal(found, "connected");
        });
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);

test("permissions: a source that is not permitted is absent; a named one is an error", {
  skip,
}, async () => {
  const net = "--allow-net";
  assert.equal(
    await run({ host: "127.0.0.1" }, net),
    "InterfaceError: user is not given, and neither PGUSER nor the system names one; " +
      "Deno may not look there without --allow-env=PGUSER --allow-sys=uid,gid,username",
  );
  assert.equal(
    await run({ user: "u", service: "s" }, net),
    'InterfaceError: definition of service "s" not found; ' +
      "Deno may not look there without --allow-sys=homedir",
  );
  assert.equal(
    await run({ user: "u", sslMode: "verify-ca", sslRootCert: ca.certPath }, net),
    `InterfaceError: sslRootCert: file "${ca.certPath}" does not exist or cannot be read; ` +
      `Deno may not look there without --allow-read=${ca.certPath}`,
  );
  assert.equal(
    await run({ user: "u", service: "s", servicefile: "/svc" }, net),
    'InterfaceError: service file "/svc" does not exist or cannot be read; ' +
      "Deno may not look there without --allow-read=/svc",
  );
  assert.match(
    await run({ user: "u", sslMode: "verify-ca" }, net),
    /^InterfaceError: sslMode "verify-ca" needs a root certificate, and there is no home directory; Deno may not look there without --allow-sys=homedir;/,
  );
  const home = homedir();
  assert.match(
    await run({ user: "u", sslMode: "verify-ca" }, net, "--allow-sys=homedir"),
    new RegExp(
      `"${home}/.postgresql/root.crt" is not there; Deno may not look there without ` +
        `--allow-read=${home}/.postgresql/root.crt;`,
    ),
  );
});

test("permissions: a default host that cannot be reached names PGHOST's flag", {
  skip,
}, async () => {
  assert.match(
    await run({ user: "u", port: 1, sslMode: "disable" }, "--allow-net"),
    /the host is the default one; Deno may not look there without --allow-env=PGHOST$/,
  );
});

test("permissions: a missing password names the flags that permit its sources", {
  skip,
}, async () => {
  const script = [expect("startup"), send(authenticationCleartextPassword()), expectClose()];
  const home = homedir();
  const cases: readonly (readonly [ConnectOptions, readonly string[], string])[] = [
    [{}, [], "--allow-env=PGPASSWORD --allow-sys=homedir"],
    [{}, ["--allow-env"], "--allow-sys=homedir"],
    [{}, ["--allow-env", "--allow-sys"], `--allow-read=${home}/.pgpass`],
    [{ passfile: "/pass" }, ["--allow-env=PGPASSWORD"], "--allow-read=/pass"],
  ];
  for (const [options, granted, flags] of cases) {
    await withServer(script, async ({ host, port }) => {
      const login = { user: "u", database: "d", host, port, sslMode: "disable" } as const;
      const found = await run({ ...login, ...options }, "--allow-net", ...granted);
      assert.ok(
        found.endsWith(
          `not in PGPASSWORD or the password file; Deno may not look there without ${flags}`,
        ),
        found,
      );
    });
  }
});

test(
  "permissions: without --allow-net the refusal is an error of the driver",
  { skip },
  async () => {
    // A Deno that is spawned by a Deno without flags has all permissions.
    const options = { user: "u", host: "127.0.0.1", port: 1, sslMode: "disable" } as const;
    const found = await run(options, "--allow-sys=hostname");
    assert.match(found, /^OperationalError: cannot connect to 127\.0\.0\.1 port 1: .*--allow-net/);
  },
);
