/** Tests this runtime's column of the table in docs/tls.md, cell by cell. */
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect as connectSocket, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type ConnectOptions, NotSupportedError, type PgError } from "../../mod.ts";
import { between } from "../../scripts/generate_parameter_table.ts";
import { tlsTable } from "../../scripts/generate_tls_table.ts";
import { type Certificates, certificates, PASSPHRASE } from "../_kit/certs.ts";
import { forge, forgeRoot } from "../_kit/forged_certs.ts";
import { startCluster } from "../_kit/cluster.ts";
import { answerSsl, expect, handshake, startTls, withServer } from "../_kit/scripted_server.ts";
import { defaultMajor, sharedServer } from "../_kit/servers.ts";
import { over, refusal, rootPath, seen, session } from "./connecting.ts";
import { ABILITIES, type AbilityName, type RuntimeName } from "./tls_table.ts";

const RUNTIME: RuntimeName = "Deno" in globalThis ? "Deno" : "Bun" in globalThis ? "Bun" : "Node";

/** Rejects with the driver's own error where the runtime refuses. */
const TRIALS: Readonly<Record<AbilityName, () => Promise<void>>> = {
  modes: async () => {
    for (const sslMode of ["disable", "allow", "prefer", "require"] as const) {
      const encrypted = sslMode === "prefer" || sslMode === "require";
      assert.equal((await seen(await trusted({ sslMode }))).ssl, encrypted);
    }
  },
  verifyCa: async () => {
    await encrypted({ sslMode: "verify-ca", sslRootCert: await rootPath() });
    await refusedWith("expired", { sslMode: "verify-ca" });
    await refusedWith("otherServer", { sslMode: "verify-ca" });
  },
  verifyFull: async () => {
    await encrypted({ sslMode: "verify-full", sslRootCert: await rootPath() });
    await refusedWith("wrongHost", { sslMode: "verify-full", host: "localhost" });
  },
  system: async () => {
    // The tests' root is not one of the platform's, so it must be refused.
    const error = await refusal(
      await trusted({ sslMode: undefined, sslRootCert: "system", host: "localhost" }),
    );
    if (error instanceof NotSupportedError) throw error;
    assert.match(error.message, /not trusted|no trusted root|self-signed|TLS handshake/);
  },
  identity: async () => {
    const { ca } = await certificates();
    const hosts: string[] = [];
    const checkServerIdentity = (host: string): Error | undefined => {
      hosts.push(host);
      return hosts.length > 1 ? new Error("not this one") : undefined;
    };
    const sslContext = { ca: ca.cert, checkServerIdentity };
    await encrypted({ sslMode: undefined, sslContext });
    const error = await refusal(await trusted({ sslMode: undefined, sslContext }));
    assert.match(error.message, /not this one/);
  },
  version1: async () => {
    const root = forgeRoot("a root");
    const forged = forge({ version: 1, issuer: root });
    const cluster = await startCluster({ certificate: { ...forged, certPath: "", keyPath: "" } });
    try {
      for (const sslMode of ["verify-ca", "verify-full"] as const) {
        const trust = { sslMode, sslRootCert: root.cert, host: "localhost" };
        assert.equal((await seen(over(cluster, { user: "u_trust", ...trust }))).ssl, true);
      }
    } finally {
      await cluster.stop();
    }
  },
  client: async () => {
    const { client } = await certificates();
    await encrypted({ user: "u_cert", sslCert: client.certPath, sslKey: client.keyPath });
  },
  encryptedKey: async () => {
    const { certPath: sslCert, keyPath: sslKey } = (await certificates()).clientEncrypted;
    await encrypted({ user: "u_cert", sslCert, sslKey, sslPassword: PASSPHRASE });
  },
  direct: () => encrypted({ sslNegotiation: "direct" }),
  binding: async () => {
    for (const name of ["server", "rsaSha384", "p384", "sha512", "rsaPss"] as const) {
      const cluster = await startCluster({ certificate: (await certificates())[name] });
      try {
        const login = { user: "u_scram", password: "p scram", sslMode: "require" } as const;
        const found = await seen(over(cluster, { ...login, channelBinding: "require" }));
        assert.equal(found.ssl, true);
      } finally {
        await cluster.stop();
      }
    }
  },
  crl: async () => {
    const { server } = await certificates();
    const verify = { sslMode: "verify-full", sslRootCert: await rootPath() } as const;
    await encrypted({ ...verify, sslCrl: await revocationList() });
    const { serialNumber } = new x509.X509Certificate(server.cert);
    const revoked = await trusted({ ...verify, sslCrl: await revocationList(serialNumber) });
    assert.match((await refusal(revoked)).message, /revoked/);
  },
  sni: () => encrypted({ host: "localhost", sslSni: false }),
  versions: async () => {
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const limits = { sslMinProtocolVersion: version, sslMaxProtocolVersion: version };
      const found = await seen(await trusted({ sslMode: "require", ...limits }));
      assert.equal(found.version, version);
    }
  },
  oldVersions: async () => {
    // Current servers refuse these versions; the test is that they were asked for.
    const limits = { sslMinProtocolVersion: "TLSv1", sslMaxProtocolVersion: "TLSv1.1" } as const;
    const error = await refusal(await trusted({ sslMode: "require", ...limits }));
    if (error instanceof NotSupportedError) throw error;
    assert.match(error.message, /TLS handshake/);
  },
  unix: async () => {
    const { server, ca } = await certificates();
    const script = [answerSsl("S"), startTls(server), handshake(), expect("X")];
    await withServer(
      script,
      ({ path }) =>
        session(
          { unixSock: path, user: "u", sslContext: { ca: ca.cert } },
          () => Promise.resolve(),
        ),
      { unix: true },
    );
  },
  sock: async () => {
    const { host, port } = await sharedServer();
    for (const wrap of [(socket: Socket) => socket, (socket: Socket) => Duplex.toWeb(socket)]) {
      const socket = connectSocket({ host, port });
      await new Promise((resolve) => socket.once("connect", resolve));
      const options = { sock: wrap(socket), user: "u_trust", database: "postgres" } as const;
      assert.equal((await seen({ ...options, sslMode: "require" })).ssl, true);
    }
  },
};

async function trusted(options: ConnectOptions): Promise<ConnectOptions> {
  return over(await sharedServer(), { user: "u_trust", ...options });
}

async function encrypted(options: ConnectOptions): Promise<void> {
  const found = await seen(await trusted({ sslMode: "require", ...options }));
  assert.equal(found.ssl, true);
}

async function refusedWith(name: keyof Certificates, options: ConnectOptions): Promise<void> {
  const cluster = await startCluster({ certificate: (await certificates())[name] });
  try {
    const sslRootCert = await rootPath();
    const error = await refusal(over(cluster, { user: "u_trust", sslRootCert, ...options }));
    assert.match(error.message, /certificate/);
  } finally {
    await cluster.stop();
  }
}

async function revocationList(serialNumber?: string): Promise<string> {
  const { ca } = await certificates();
  const signingAlgorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const der = x509.PemConverter.decodeFirst(ca.key);
  const key = await crypto.subtle.importKey("pkcs8", der, signingAlgorithm, false, ["sign"]);
  // Without a reason the generator writes a malformed entry.
  const entry = {
    reason: x509.X509CrlReason.keyCompromise,
    revocationDate: new Date("2020-01-02T00:00:00Z"),
  };
  const list = await x509.X509CrlGenerator.create({
    issuer: new x509.X509Certificate(ca.cert).subject,
    thisUpdate: new Date("2020-01-01T00:00:00Z"),
    nextUpdate: new Date("2049-01-01T00:00:00Z"),
    entries: serialNumber === undefined ? [] : [{ serialNumber, ...entry }],
    signingAlgorithm,
    signingKey: key,
  }, crypto);
  return `${x509.PemConverter.encode(list.rawData, "X509 CRL")}\n`;
}

for (const [name, trial] of Object.entries(TRIALS)) {
  const { what, refused = {} } = ABILITIES[name as AbilityName];
  const message = refused[RUNTIME];
  const skip = name === "direct" && defaultMajor() < 17 && "direct TLS came with PostgreSQL 17";
  const title = `tls table: ${what}: ${message === undefined ? "works" : "refused"} on ${RUNTIME}`;
  test(title, { skip }, async () => {
    if (message === undefined) return await trial();
    await assert.rejects(trial, (error: PgError) => {
      assert.ok(error instanceof NotSupportedError, String(error));
      assert.ok(error.message.endsWith(message), error.message);
      return true;
    });
  });
}

test("tls table: docs/tls.md has the table that is tested", () => {
  const text = readFileSync(fileURLToPath(new URL("../../docs/tls.md", import.meta.url)), "utf8");
  assert.ok(text === between(text, "tls", tlsTable()), "run scripts/generate_tls_table.ts");
});
