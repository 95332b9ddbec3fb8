import assert from "node:assert/strict";
import { test } from "node:test";
import { type ConnectOptions, InterfaceError, OperationalError, PgError } from "../../mod.ts";
import { type Certificate, type Certificates, certificates, PASSPHRASE } from "../_kit/certs.ts";
import { ECDSA_SHA224, forge, Name } from "../_kit/forged_certs.ts";
import { startCluster } from "../_kit/cluster.ts";
import { majors, sharedServer } from "../_kit/servers.ts";
import { over, refusal, rootPath, seen } from "./connecting.ts";

/** Each sslMode, without a trusted root if it needs none, and with one (`+ root`). */
const MODES = {
  "disable": { sslMode: "disable" },
  "allow": { sslMode: "allow" },
  "prefer": { sslMode: "prefer" },
  "prefer + root": { sslMode: "prefer", root: true },
  "require": { sslMode: "require" },
  "require + root": { sslMode: "require", root: true },
  "verify-ca + root": { sslMode: "verify-ca", root: true },
  "verify-full + root": { sslMode: "verify-full", root: true },
} as const;

type Outcomes = Record<keyof typeof MODES, string>;

/** Returns the outcome of connecting in every mode: `plain`, `TLS`, or the reason of a refusal. */
async function outcomes(options: ConnectOptions): Promise<Outcomes> {
  const sslRootCert = await rootPath();
  const found: Partial<Outcomes> = {};
  for (const [name, { sslMode, ...rest }] of Object.entries(MODES)) {
    const trust = "root" in rest ? { sslRootCert } : {};
    found[name as keyof Outcomes] = await outcome({ ...options, sslMode, ...trust });
  }
  return found as Outcomes;
}

async function outcome(options: ConnectOptions): Promise<string> {
  try {
    return (await seen(options)).ssl ? "TLS" : "plain";
  } catch (error) {
    assert.ok(error instanceof PgError, String(error));
    for (const [pattern, reason] of REASONS) if (pattern.test(error.message)) return reason;
    throw error;
  }
}

const REASONS: readonly (readonly [RegExp, string])[] = [
  [/does not support TLS/, "no TLS"],
  // Deno's node:tls does not distinguish the two.
  [/certificate has expired|has signed the server's certificate, or it has expired/, "expired"],
  [/no trusted root has signed|chains to a root that is not trusted/, "untrusted"],
  [/certificate is for "wrong\.example", not for "localhost"/, "wrong host"],
  [/pg_hba\.conf rejects/, "refused"],
];

const PLAIN_UNLESS_VERIFIED = {
  "disable": "plain",
  "allow": "plain",
  "prefer": "TLS",
  "require": "TLS",
};

function verified(outcome: string, full = outcome): Outcomes {
  return {
    ...PLAIN_UNLESS_VERIFIED,
    "prefer + root": outcome,
    "require + root": outcome,
    "verify-ca + root": outcome,
    "verify-full + root": full,
  };
}

/** The outcomes by the server's certificate; `false` stands for a server without TLS. */
const CERTIFICATES: readonly [keyof Certificates | false, Outcomes][] = [
  ["server", verified("TLS")],
  ["expired", verified("expired")],
  ["wrongHost", verified("TLS", "wrong host")],
  ["otherServer", verified("untrusted")],
  [false, {
    ...verified("no TLS"),
    "prefer": "plain",
    "prefer + root": "plain",
    "require": "no TLS",
  }],
];

for (const major of majors()) {
  for (const [name, expected] of CERTIFICATES) {
    const what = name === false ? "no TLS" : `certificate "${name}"`;
    test(`tls ${major}: every sslMode with a server that has ${what}`, async () => {
      const certificate: Certificate | false = name === false
        ? false
        : (await certificates())[name];
      const cluster = await startCluster({ major, certificate });
      try {
        const options = over(cluster, { user: "u_trust", host: "localhost" });
        const found = await outcomes(options);
        // Deno reports an expired leaf as an unknown root; the message names both reasons.
        assert.deepEqual(name === "otherServer" ? doubtless(found) : found, expected);
      } finally {
        await cluster.stop();
      }
    });
  }

  test(`tls ${major}: allow and prefer try the other way when the server's rules refuse the first`, async () => {
    const server = await sharedServer(major);
    const ssl = await outcomes(over(server, { user: "u_ssl" }));
    assert.deepEqual(ssl, { ...verified("TLS"), "disable": "refused", "allow": "TLS" });
    const plain = await outcomes(over(server, { user: "u_nossl" }));
    assert.deepEqual(plain, {
      ...verified("refused"),
      "prefer": "plain",
      "prefer + root": "plain",
      "require": "refused",
    });
  });

  test(`tls ${major}: a role refused both ways gets the server's own words`, async () => {
    for (const sslMode of ["allow", "prefer"] as const) {
      const error = await refusal(over(await sharedServer(major), { user: "u_reject", sslMode }));
      assert.ok(error instanceof OperationalError);
      assert.equal(error.code, "28000");
      assert.equal(error.fields.C, "28000");
      assert.ok(error.cause instanceof AggregateError);
      assert.equal(error.cause.errors.length, 2);
    }
  });

  test(`tls ${major}: sslContext forbids TLS, demands it, or demands it with checks`, async () => {
    const server = await sharedServer(major);
    const { ca, otherCa } = await certificates();
    const ask = (sslContext: ConnectOptions["sslContext"]) =>
      over(server, { user: "u_trust", sslMode: undefined, host: "localhost", sslContext });
    assert.equal((await seen(ask(false))).ssl, false);
    assert.equal((await seen(ask(undefined))).ssl, true);
    assert.equal((await seen(ask(true))).ssl, true);
    assert.equal((await seen(ask({ ca: ca.cert }))).ssl, true);
    assert.equal((await seen(ask({ ca: otherCa.cert, rejectUnauthorized: false }))).ssl, true);
    assert.match((await refusal(ask({ ca: otherCa.cert }))).message, /no trusted root|not trusted/);
    const elsewhere = { ca: ca.cert, servername: "other.example" };
    assert.match((await refusal(ask(elsewhere))).message, /not for "other\.example"/);
  });

  test(`tls ${major}: sslContext demands TLS of a Unix socket, sslMode does not`, async () => {
    const { socketPath: unixSock } = await sharedServer(major);
    const login = { unixSock, user: "u_trust", database: "postgres" };
    assert.equal((await seen({ ...login, sslMode: "require" })).ssl, false);
    assert.match((await refusal({ ...login, sslContext: true })).message, /does not support TLS/);
  });

  const CLIENTS: readonly [name: string, user: string, client: keyof Certificates, ok: boolean][] =
    [
      ["its own", "u_cert", "client", true],
      ["its own, with an encrypted key", "u_cert", "clientEncrypted", true],
      ["another user's", "u_cert", "otherClient", false],
      ["one of a root that the server does not trust", "u_cert", "strangerClient", false],
      ["any trusted, and a password", "u_scram_cert", "otherClient", true],
    ];
  for (const [name, user, client, ok] of CLIENTS) {
    test(`tls ${major}: ${user} ${ok ? "logs in" : "is refused"} with a client certificate: ${name}`, async () => {
      const { [client]: identity, ca } = await certificates();
      const options = over(await sharedServer(major), {
        user,
        password: "p scram",
        sslMode: "verify-full",
        sslRootCert: ca.certPath,
        sslCert: identity.certPath,
        sslKey: identity.keyPath,
        ...(client === "clientEncrypted" ? { sslPassword: PASSPHRASE } : {}),
      });
      if (ok) {
        const found = await seen(options);
        assert.match(found.client!, client === "otherClient" ? /someone_else/ : /u_cert/);
      } else {
        assert.ok(await refusal(options) instanceof OperationalError);
      }
    });
  }

  test(`tls ${major}: without a client certificate the error is the server's refusal`, async () => {
    const server = await sharedServer(major);
    const error = await refusal(over(server, { user: "u_cert", sslMode: "require" }));
    assert.equal(error.code, "28000");
    assert.match(error.message, /certificate/);
  });

  test(`tls ${major}: a wrong passphrase is an InterfaceError`, async () => {
    const { clientEncrypted } = await certificates();
    const error = await refusal(over(await sharedServer(major), {
      user: "u_cert",
      sslMode: "require",
      sslCert: clientEncrypted.certPath,
      sslKey: clientEncrypted.keyPath,
      sslPassword: "wrong one",
    }));
    assert.ok(error instanceof InterfaceError);
    assert.match(error.message, /passphrase is wrong or missing/);
    assert.doesNotMatch(`${error.message}${error.cause}`, /wrong one/);
  });

  test(`tls ${major}: SCRAM is not left unbound for an Ed25519 certificate that was not verified`, async () => {
    const { ed25519 } = await certificates();
    const cluster = await startCluster({ major, certificate: ed25519 });
    try {
      const login = { user: "u_scram", password: "p scram", sslMode: "require" } as const;
      const unverified = over(cluster, { ...login, requireAuth: "scram-sha-256" });
      assert.match(
        (await refusal(unverified)).message,
        /not verified: .* has no hash to bind to; set/,
      );
      const required = await refusal(over(cluster, { ...login, channelBinding: "require" }));
      assert.match(required.message, /channel binding is required, but .* has no hash to bind to$/);
      const verified = { ...login, sslMode: "verify-full", host: "localhost" } as const;
      const trusted = over(cluster, { ...verified, sslRootCert: ed25519.certPath });
      assert.equal((await seen(trusted)).ssl, true);
      const disabled = over(cluster, { ...login, channelBinding: "disable" });
      assert.equal((await seen(disabled)).ssl, true);
    } finally {
      await cluster.stop();
    }
  });

  test(`tls ${major}: SCRAM is bound to a certificate that is signed with SHA-224`, async () => {
    const forged = forge({ names: [[Name.dns, "localhost"]], algorithm: ECDSA_SHA224 });
    const certificate = { ...forged, certPath: "", keyPath: "" };
    const cluster = await startCluster({ major, certificate });
    try {
      const login = { user: "u_scram", password: "p scram", sslMode: "require" } as const;
      const found = await seen(over(cluster, { ...login, channelBinding: "require" }));
      assert.equal(found.ssl, true);
    } finally {
      await cluster.stop();
    }
  });

  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    test(`tls ${major}: ${version} alone if both limits name it`, async () => {
      const found = await seen(over(await sharedServer(major), {
        user: "u_trust",
        sslMode: "require",
        sslMinProtocolVersion: version,
        sslMaxProtocolVersion: version,
      }));
      assert.equal(found.version, version);
    });
  }
}

function doubtless(found: Outcomes): Outcomes {
  const entries = Object.entries(found).map(([mode, what]) => {
    return [mode, what === "expired" ? "untrusted" : what];
  });
  return Object.fromEntries(entries) as Outcomes;
}
