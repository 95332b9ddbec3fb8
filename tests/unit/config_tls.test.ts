import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConnectOptions } from "../../src/config/options.ts";
import { resolveSettings } from "../../src/config/settings.ts";
import type { SslMode, Target } from "../../src/config/target.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import { fakeRuntime, type Machine, refused, resolve } from "./config_runtime.ts";

const HOME = "/home/me/.postgresql";
const ROOT = "-----BEGIN CERTIFICATE-----\nROOT\n-----END CERTIFICATE-----";
const OTHER = "-----BEGIN CERTIFICATE-----\nOTHER\n-----END CERTIFICATE-----";
const CERT = "-----BEGIN CERTIFICATE-----\nCLIENT\n-----END CERTIFICATE-----";
const KEY = "-----BEGIN PRIVATE KEY-----\nKEY\n-----END PRIVATE KEY-----";
const CRL = "-----BEGIN X509 CRL-----\nCRL\n-----END X509 CRL-----";

const NONE: Machine = {};
const ROOTED: Machine = { files: { [`${HOME}/root.crt`]: `subject=x\n${ROOT}\n${OTHER}\n` } };

async function one(given: string | ConnectOptions, machine = NONE): Promise<Target> {
  const { targets } = await resolve(given, machine);
  assert.equal(targets.length, 1);
  return targets[0]!;
}

/** Returns the mode, the check and the number of roots; `off` for no TLS. */
async function summary(given: string | ConnectOptions, machine = NONE): Promise<string> {
  const { sslMode, tls } = await one(given, machine);
  if (tls === undefined) return sslMode === "disable" ? "off" : "contradictory";
  return `${sslMode} ${tls.verify} ${tls.ca?.length ?? "platform"}`;
}

const files: Machine = { files: { "/ca": ROOT } };

/** The options, the machine, and the resulting check. */
const MODES: [string | ConnectOptions, Machine, string][] = [
  ["", NONE, "prefer none platform"],
  ["sslmode=disable", NONE, "off"],
  ["sslmode=allow", NONE, "allow none platform"],
  ["sslmode=prefer", NONE, "prefer none platform"],
  ["sslmode=require", NONE, "require none platform"],
  // With roots libpq checks the chain in every mode.
  ["sslmode=disable", ROOTED, "off"],
  ["sslmode=prefer", ROOTED, "prefer ca 2"],
  ["sslmode=require", ROOTED, "require ca 2"],
  ["sslmode=verify-ca", ROOTED, "verify-ca ca 2"],
  ["sslmode=verify-full", ROOTED, "verify-full full 2"],
  ["sslmode=require sslrootcert=/ca", files, "require ca 1"],
  ["sslmode=verify-ca sslrootcert=/ca", files, "verify-ca ca 1"],
  [{ sslMode: "verify-full", sslRootCert: ROOT }, NONE, "verify-full full 1"],
  [{ sslMode: "require", sslRootCert: ROOT + OTHER }, NONE, "require ca 2"],
  // "system" makes the default verify-full.
  ["sslrootcert=system", NONE, "verify-full full platform"],
  ["sslrootcert=system", ROOTED, "verify-full full platform"],
  ["sslrootcert=system sslmode=verify-full", NONE, "verify-full full platform"],
  // sslContext
  [{ sslContext: false }, ROOTED, "off"],
  [{ sslContext: true }, NONE, "require none platform"],
  [{ sslContext: true }, ROOTED, "require none platform"],
  [{ sslContext: true, sslRootCert: ROOT }, NONE, "require ca 1"],
  [{ sslContext: true, sslMode: "verify-full" }, ROOTED, "verify-full full 2"],
  [{ sslContext: true, sslRootCert: "system" }, NONE, "verify-full full platform"],
  [{ sslContext: {} }, NONE, "verify-full full platform"],
  [{ sslContext: {} }, ROOTED, "verify-full full platform"],
  [{ sslContext: { ca: ROOT } }, NONE, "verify-full full 1"],
  [{ sslContext: { ca: [ROOT, OTHER] } }, NONE, "verify-full full 2"],
  [{ sslContext: { ca: new TextEncoder().encode(ROOT + OTHER) } }, NONE, "verify-full full 2"],
  [{ sslContext: {}, sslRootCert: ROOT }, NONE, "verify-full full 1"],
  [{ sslContext: { ca: ROOT }, sslMode: "require" }, NONE, "verify-full full 1"],
  [{ sslContext: { ca: ROOT }, sslMode: "verify-ca" }, NONE, "verify-ca ca 1"],
  [{ sslContext: { rejectUnauthorized: false } }, ROOTED, "require none platform"],
  [{ sslContext: { rejectUnauthorized: false, ca: ROOT } }, NONE, "require none platform"],
  // Unix sockets
  ["host=/tmp sslmode=verify-full", NONE, "off"],
  [{ unixSock: "/s", sslMode: "require" }, NONE, "off"],
  [{ unixSock: "/s", sslContext: true }, NONE, "require none platform"],
  [{ host: "/tmp", sslContext: { ca: ROOT } }, NONE, "verify-full full 1"],
  [{ unixSock: "pg.sock", sslContext: { ca: ROOT } }, NONE, "verify-full full 1"],
  // A given connection is asked for TLS like any other.
  [{ sock: {} }, NONE, "prefer none platform"],
  [{ sock: {}, sslContext: false }, NONE, "off"],
];

function label(given: string | ConnectOptions): string {
  const short = (_: string, value: unknown) =>
    value instanceof Uint8Array ? "bytes" : value === ROOT || value === CERT ? "PEM" : value;
  return JSON.stringify(given, short);
}

for (const [given, machine, expected] of MODES) {
  test(`TLS of ${label(given)}${machine === ROOTED ? " with root.crt" : ""}`, async () => {
    assert.equal(await summary(given, machine), expected);
  });
}

test("sslContext: false overrides a mode of the environment, not one of the string", async () => {
  const env = { PGSSLMODE: "require" };
  const weak = await resolve({ sslContext: false }, { env });
  assert.equal(weak.targets[0]!.tls, undefined);
  const message = await refused("sslmode=require", NONE, { sslContext: false });
  assert.match(
    message,
    /^"sslmode" in the connection string is require, which sslContext \(false\)/,
  );
  assert.match(await refused("sslmode=disable", NONE, { sslContext: true }), /demand for TLS/);
});

test("sslContext overrides the environment's mode", async () => {
  const machine = { env: { PGSSLMODE: "disable" } };
  assert.equal(await summary({ sslContext: true }, machine), "require none platform");
  const strict = { env: { PGSSLMODE: "verify-full" } };
  const context = { rejectUnauthorized: false };
  assert.equal(await summary({ sslContext: context }, strict), "require none platform");
});

test("verify-ca and verify-full need a root certificate, and name its default path", async () => {
  for (const mode of ["verify-ca", "verify-full"] satisfies SslMode[]) {
    const message = await refused({ sslMode: mode });
    assert.ok(message.includes(`"${mode}"`) && message.includes(`${HOME}/root.crt`), message);
    assert.match(await refused({ sslMode: mode }, { home: undefined }), /no home directory/);
  }
});

test("sslrootcert=system refuses any weaker mode", async () => {
  for (const mode of ["disable", "allow", "prefer", "require", "verify-ca"]) {
    assert.match(
      await refused(`sslrootcert=system sslmode=${mode}`),
      /needs sslMode "verify-full"/,
    );
  }
});

test("tls: verify-ca is refused with the platform's roots", async () => {
  for (const sslContext of [{}, { servername: "x" }]) {
    const message = await refused({ sslMode: "verify-ca", sslContext });
    assert.match(message, /^sslMode "verify-ca" needs roots of your own/);
  }
  const own = { sslMode: "verify-ca", sslContext: { ca: ROOT } } as const;
  assert.equal(await summary(own), "verify-ca ca 1");
});

test("a file that was named must exist and be PEM text", async () => {
  const junk = { files: { "/der": "\x30\x82", "/key": KEY, [`${HOME}/root.crt`]: ROOT } };
  for (const option of ["sslRootCert", "sslCert", "sslCrl"]) {
    assert.match(
      await refused({ [option]: "/gone" }, junk),
      new RegExp(`^${option}: file "/gone"`),
    );
    assert.match(await refused({ [option]: "/der" }, junk), /is not PEM text$/);
  }
  assert.match(
    await refused({ sslCert: CERT, sslKey: "/gone" }),
    /^sslKey: file "\/gone" does not/,
  );
  assert.match(await refused({ sslRootCert: "/key" }, junk), /^sslRootCert holds no certificate$/);
  assert.match(await refused({ sslCrl: "/key" }, junk), /^sslCrl holds no certificate revocation/);
});

test("no file is read when TLS is off", async () => {
  assert.equal(await summary("sslmode=disable sslrootcert=/gone"), "off");
  assert.equal(await summary("host=/tmp sslrootcert=/gone"), "off");
});

test("client certificate: from the home directory, from options, and none", async () => {
  const machine = {
    files: { [`${HOME}/postgresql.crt`]: CERT, [`${HOME}/postgresql.key`]: KEY, "/c": OTHER },
  };
  const client = async (given: string | ConnectOptions, on: Machine = machine) => {
    const { cert, key, passphrase } = (await one(given, on)).tls!;
    return [cert, key, passphrase];
  };
  assert.deepEqual(await client({}), [CERT, KEY, undefined]);
  assert.deepEqual(await client({ sslPassword: "p" }), [CERT, KEY, "p"]);
  assert.deepEqual(await client({ sslCert: "/c" }), [OTHER, KEY, undefined]);
  assert.deepEqual(await client({ sslCert: ROOT, sslKey: KEY }, NONE), [ROOT, KEY, undefined]);
  assert.deepEqual(await client("sslcertmode=disable"), [undefined, undefined, undefined]);
  assert.deepEqual(await client({}, NONE), [undefined, undefined, undefined]);
  assert.deepEqual(await client({ sslContext: {} }), [undefined, undefined, undefined]);
  const context = { cert: CERT, key: new TextEncoder().encode(KEY), passphrase: "q" };
  assert.deepEqual(await client({ sslContext: context }), [CERT, KEY, "q"]);
  assert.deepEqual(await client({ sslContext: { cert: CERT + KEY } }), [
    CERT + KEY,
    CERT + KEY,
    undefined,
  ]);
  const alone = { files: { [`${HOME}/postgresql.crt`]: CERT } };
  assert.match(
    await refused({}, alone),
    /client certificate, but no private key: .*postgresql.key$/,
  );
});

test("a private key that others may read is refused; the group may read root's", async () => {
  const KEYS: [number, number, boolean][] = [
    [0o600, 1000, true],
    [0o100400, 1000, true],
    [0o640, 1000, false],
    [0o644, 1000, false],
    [0o640, 0, true],
    [0o100640, 0, true],
    [0o660, 0, false],
    [0o644, 0, false],
  ];
  for (const [mode, uid, fine] of KEYS) {
    const machine = { files: { "/c": CERT, "/k": KEY }, modes: { "/k": { mode, uid } } };
    const given = { sslCert: "/c", sslKey: "/k" };
    if (fine) assert.equal((await one(given, machine)).tls!.key, KEY);
    else assert.match(await refused(given, machine), /^private key file "\/k" has group or world/);
  }
});

test("revocation lists: from the home directory if there are roots, from options, from sslContext", async () => {
  const home = { files: { [`${HOME}/root.crt`]: ROOT, [`${HOME}/root.crl`]: CRL + CRL } };
  const crl = async (given: string | ConnectOptions, machine: Machine) =>
    (await one(given, machine)).tls!.crl;
  assert.deepEqual(await crl({}, home), [CRL, CRL]);
  assert.equal(await crl({}, ROOTED), undefined);
  assert.equal(await crl({}, { files: { [`${HOME}/root.crl`]: CRL } }), undefined);
  assert.deepEqual(await crl({ sslRootCert: ROOT, sslCrl: CRL }, NONE), [CRL]);
  assert.deepEqual(await crl({ sslContext: { ca: ROOT, crl: [CRL] } }, NONE), [CRL]);
});

test("the default files are not read where their directory is missing", async () => {
  const looks: string[] = [];
  const runtime = (isMissing: boolean): Runtime => ({
    ...fakeRuntime({ user: "me", home: "/home/me", files: { [`${HOME}/root.crt`]: ROOT } }),
    isMissing: (path) => (looks.push(path), Promise.resolve(isMissing)),
  });
  const roots = async (isMissing: boolean) =>
    (await resolveSettings(undefined, {}, runtime(isMissing))).targets[0]!.tls!.ca;
  assert.equal(await roots(true), undefined);
  assert.deepEqual(looks, [HOME]);
  assert.deepEqual(await roots(false), [ROOT]);
});

test("server name and SNI", async () => {
  const name = async (given: string | ConnectOptions, machine = NONE) => {
    const { serverName, sni } = (await one(given, machine)).tls!;
    return `${serverName} ${sni}`;
  };
  assert.equal(await name("host=db.example"), "db.example true");
  assert.equal(await name("host=db.example sslsni=0"), "db.example false");
  assert.equal(await name({ host: "db.example", sslSni: false }), "db.example false");
  assert.equal(await name("host=192.0.2.1"), "192.0.2.1 false");
  assert.equal(await name("host=::1"), "::1 false");
  assert.equal(await name("host=db.example hostaddr=192.0.2.1"), "db.example true");
  assert.equal(await name("hostaddr=192.0.2.1"), "192.0.2.1 false");
  assert.equal(await name({ host: "a", sslContext: { servername: "b" } }), "b true");
  assert.equal(await name({ unixSock: "/s", sslContext: true }), "localhost true");
  assert.equal(await name({ unixSock: "pg.sock", sslContext: true }), "localhost true");
  assert.equal(await name({ unixSock: "/s", host: "db", sslContext: true }), "db true");
});

test("verify-full needs a name or a servername for an address", async () => {
  assert.match(
    await refused("hostaddr=192.0.2.1 sslmode=verify-full", ROOTED),
    /needs a host name: give host beside hostaddr$/,
  );
  assert.equal(await summary("hostaddr=192.0.2.1 sslmode=verify-ca", ROOTED), "verify-ca ca 2");
  const given = { hostaddr: "192.0.2.1", sslContext: { ca: ROOT, servername: "db" } };
  assert.equal(await summary(given), "verify-full full 1");
});

test("direct negotiation offers ALPN postgresql and needs a mode that demands TLS", async () => {
  const settings = await resolve({ sslNegotiation: "direct", sslMode: "require" });
  assert.equal(settings.sslNegotiation, "direct");
  assert.deepEqual(settings.targets[0]!.tls!.alpn, ["postgresql"]);
  assert.equal((await one({ sslMode: "require" })).tls!.alpn, undefined);
  const own = { sslNegotiation: "direct", sslContext: { alpn: ["x"] } } as const;
  assert.deepEqual((await one(own)).tls!.alpn, ["x"]);
  for (const mode of ["allow", "prefer"]) {
    assert.match(
      await refused(`sslnegotiation=direct sslmode=${mode}`),
      /needs sslMode "require" or better/,
    );
  }
  assert.equal(await summary("sslnegotiation=direct host=/tmp"), "off");
});

test("versions of TLS, in upper or lower case in a string", async () => {
  const bounds = async (given: string | ConnectOptions) => {
    const { minVersion, maxVersion } = (await one(given)).tls!;
    return [minVersion, maxVersion];
  };
  assert.deepEqual(await bounds(""), ["TLSv1.2", undefined]);
  assert.deepEqual(await bounds("ssl_min_protocol_version=tlsv1.3"), ["TLSv1.3", undefined]);
  assert.deepEqual(
    await bounds({ sslMinProtocolVersion: "TLSv1", sslMaxProtocolVersion: "TLSv1.1" }),
    [
      "TLSv1",
      "TLSv1.1",
    ],
  );
  const context = { minVersion: "TLSv1.3" } as const;
  assert.deepEqual(await bounds({ sslContext: context }), ["TLSv1.3", undefined]);
  assert.match(await refused("ssl_max_protocol_version=TLSv1.1"), /^no version of TLS/);
});

test("channel binding decides whether the server's certificate is needed", async () => {
  assert.equal((await one({})).tls!.needsCertificate, true);
  assert.equal((await one({ channelBinding: "disable" })).tls!.needsCertificate, false);
  assert.equal((await one({ channelBinding: "require" })).tls!.needsCertificate, true);
});

test("channel binding needs TLS at one of the places", async () => {
  const hosts = "host=/tmp,db channel_binding=require";
  assert.deepEqual((await resolve(hosts)).targets.map((target) => target.sslMode), [
    "disable",
    "prefer",
  ]);
});

test("checkServerIdentity is passed on", async () => {
  const checkServerIdentity = () => undefined;
  const { tls } = await one({ sslContext: { checkServerIdentity } });
  assert.equal(tls!.checkServerIdentity, checkServerIdentity);
});

test("a key that is given without the lines around it does not appear in the error", async () => {
  const bare = btoa("a private key ".repeat(10));
  for (const option of ["sslKey", "sslCert", "sslRootCert", "sslCrl"]) {
    const given = { sslMode: "require", sslCert: CERT, sslRootCert: ROOT, [option]: bare } as const;
    const message = await refused(given, NONE);
    assert.match(message, new RegExp(`^${option} is neither PEM text nor the name of a file`));
    assert.equal(message.includes(bare.slice(0, 20)), false);
  }
});
