import assert from "node:assert/strict";
import { test } from "node:test";
import {
  connect,
  type ConnectOptions,
  DatabaseError,
  InterfaceError,
  OperationalError,
  ProgrammingError,
} from "../../mod.ts";
import { majors, sharedServer } from "../_kit/servers.ts";
import { over, refusal, rootPath, seen, session } from "./connecting.ts";

/** How a session can reach the server, by name. */
const TRANSPORTS = ["tcp", "tls", "unix"] as const;
type Transport = typeof TRANSPORTS[number];

async function by(
  transport: Transport,
  major: number,
  options: ConnectOptions,
): Promise<ConnectOptions> {
  const server = await sharedServer(major);
  if (transport === "unix") return over(server, { unixSock: server.socketPath, ...options });
  if (transport === "tcp") return over(server, options);
  return over(server, { sslMode: "verify-full", sslRootCert: await rootPath(), ...options });
}

/** Roles that are let in over TCP, with and without TLS. */
const ROLES: readonly (readonly [user: string, password: string | undefined, method: string])[] = [
  ["postgres", undefined, "trust"],
  ["u_trust", undefined, "trust"],
  ["u_password", "p plain", "cleartext password"],
  ["u_md5", "p md5", "MD5"],
  ["u_scram", "p scram", "SCRAM"],
  ["u_scram_md5hba", "p scram", "SCRAM where pg_hba says md5"],
  ["u_utf8", "pässwörd ⅷ", "SCRAM with a password beyond ASCII"],
];

for (const major of majors()) {
  for (const [user, password, method] of ROLES) {
    for (const transport of ["tcp", "tls"] as const) {
      test(`connect ${major}: ${user} by ${method} over ${transport}`, async () => {
        const { ssl, ...rest } = await seen(await by(transport, major, { user, password }));
        assert.equal(ssl, transport === "tls");
        assert.equal(rest.user, user);
        assert.equal(rest.by, "tcp");
      });
    }
  }

  for (const user of ["u_scram", "u_md5"] as const) {
    test(`connect ${major}: ${user} by password over a Unix socket`, async () => {
      const password = user === "u_scram" ? "p scram" : "p md5";
      const found = await seen(await by("unix", major, { user, password }));
      assert.deepEqual([found.user, found.by, found.ssl], [user, "unix", false]);
    });
  }

  test(`connect ${major}: a host that is a directory is a Unix socket's`, async () => {
    const { socketDirectory: host, port } = await sharedServer(major);
    const found = await seen({ host, port, user: "u_trust", database: "postgres" });
    assert.equal(found.by, "unix");
  });

  test(`connect ${major}: SCRAM is bound to the TLS channel when that is required`, async () => {
    const login = { user: "u_scram", password: "p scram", channelBinding: "require" } as const;
    const found = await seen(await by("tls", major, login));
    assert.equal(found.ssl, true);
  });

  for (const [user, password] of ROLES.slice(1, 4)) {
    test(`connect ${major}: required channel binding refuses ${user} before a password is sent`, async () => {
      const login = { user, password, channelBinding: "require" } as const;
      const error = await refusal(await by("tls", major, login));
      assert.ok(error instanceof OperationalError);
      assert.match(error.message, /channel binding is required/);
    });
  }

  test(`connect ${major}: a password is text, bytes, or the result of a function called for each attempt`, async () => {
    let asked = 0;
    const passwords: ConnectOptions["password"][] = [
      "p scram",
      new TextEncoder().encode("p scram"),
      () => (asked++, "p scram"),
      () => (asked++, Promise.resolve("p scram")),
    ];
    for (const password of passwords) {
      const found = await seen(await by("tcp", major, { user: "u_scram", password }));
      assert.equal(found.user, "u_scram");
    }
    assert.equal(asked, 2);
  });

  test(`connect ${major}: the error of a password function is reported`, async () => {
    const cause = new Error("the vault is sealed");
    const password = () => Promise.reject(cause);
    const error = await refusal(await by("tcp", major, { user: "u_scram", password }));
    assert.match(error.message, /the vault is sealed/);
    assert.equal(error.cause, cause);
  });

  /** Refused logins: class, SQLSTATE and, for errors of the server, its message. */
  const REFUSED: readonly [
    name: string,
    options: ConnectOptions,
    error: typeof DatabaseError | typeof InterfaceError,
    code: string,
    words: RegExp,
  ][] = [
    [
      "a wrong password",
      { user: "u_scram", password: "x" },
      OperationalError,
      "28P01",
      /^password authentication failed for user "u_scram"$/,
    ],
    [
      "a wrong MD5 password",
      { user: "u_md5", password: "x" },
      OperationalError,
      "28P01",
      /^password authentication failed/,
    ],
    [
      "a wrong cleartext password",
      { user: "u_password", password: "x" },
      OperationalError,
      "28P01",
      /^password authentication failed/,
    ],
    ["no password", { user: "u_scram" }, InterfaceError, "28P01", /none was provided/],
    [
      "a role without a password",
      { user: "u_empty", password: "x" },
      OperationalError,
      "28P01",
      /^password authentication failed/,
    ],
    ["a role that pg_hba.conf rejects", { user: "u_reject" }, OperationalError, "28000", /pg_hba/],
    [
      "an expired role",
      { user: "u_expired", password: "p expired" },
      OperationalError,
      "28P01",
      /^password authentication failed/,
    ],
    [
      "a role that may not log in",
      { user: "u_nologin", password: "p nologin" },
      OperationalError,
      "28000",
      /not permitted to log in/,
    ],
    [
      "an unknown role",
      { user: "unknown role", password: "x" },
      OperationalError,
      "28P01",
      /^password authentication failed/,
    ],
    [
      "an unknown database",
      { user: "u_trust", database: "no such\u00e9" },
      ProgrammingError,
      "3D000",
      /^database "no such\u00e9" does not exist$/,
    ],
    [
      "a run-time parameter that does not exist",
      { user: "u_trust", startupParams: { no_such: "1" } },
      ProgrammingError,
      "42704",
      /no_such/,
    ],
  ];
  for (const [name, options, Class, code, words] of REFUSED) {
    for (const transport of ["tcp", "tls"] as const) {
      test(`connect ${major}: ${name} is refused over ${transport}, typed and with the server's fields`, async () => {
        const error = await refusal(await by(transport, major, options));
        assert.equal(error.constructor.name, Class.name);
        assert.equal(error.code, code);
        assert.match(error.message, words);
        if (!(error instanceof DatabaseError)) return;
        assert.equal(error.severity, "FATAL");
        assert.equal(error.fields.C, code);
        assert.ok(error.routine!.length > 0 && error.line! > 0);
      });
    }
  }

  test(`connect ${major}: a role's connection limit is an OperationalError, 53300`, async () => {
    const login = { user: "u_limit1", password: "p limit" };
    await session(await by("tcp", major, login), async () => {
      const error = await refusal(await by("tcp", major, login));
      assert.ok(error instanceof OperationalError);
      assert.equal(error.code, "53300");
      assert.equal(error.safeToRetry, true);
    });
  });

  test(`connect ${major}: a port without a server is an OperationalError that names it`, async () => {
    const error = await refusal(over(await sharedServer(major), { port: 1, user: "u" }));
    assert.ok(error instanceof OperationalError);
    assert.equal(error.code, "08001");
    assert.match(
      error.message,
      /^cannot connect to 127\.0\.0\.1 port 1: .*(?:ECONNREFUSED|refused)/i,
    );
    assert.ok(error.cause instanceof Error);
    const unix = await refusal({ unixSock: "/nowhere/.s.PGSQL.5432", user: "u" });
    assert.match(unix.message, /^cannot connect to the Unix socket \/nowhere\/\.s\.PGSQL\.5432: /);
  });
}

test("connect: the errors of connecting have the caller's line in their stack", async () => {
  const server = await sharedServer();
  async function theCaller() {
    await connect(over(server, { user: "u_reject" }));
  }
  await assert.rejects(theCaller(), (error: Error) => /theCaller|connect\.test/.test(error.stack!));
});
