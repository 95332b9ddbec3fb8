/**
 * The event sequences of sslMode × sslNegotiation with servers of every kind, as in libpq's test
 * (src/interfaces/libpq/t/005_negotiate_encryption.pl), with one difference: no attempt without TLS
 * follows a failed handshake.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type ConnectOptions } from "../../mod.ts";
import { certificates } from "../_kit/certs.ts";
import { type ServerAddress, startCluster } from "../_kit/cluster.ts";
import { majors, sharedServer } from "../_kit/servers.ts";
import { over } from "./connecting.ts";
import { watched } from "./tls_events.ts";

const MODES = ["disable", "allow", "prefer", "require"] as const;
const DIRECT = ["require", "verify-full"] as const;

/** Roles by their access rules: one kind of connection, both, or none. */
const USERS = {
  "both": "u_trust",
  "encrypted only": "u_ssl",
  "plain only": "u_nossl",
  "neither": "u_reject",
} as const;

type Row = readonly [rules: keyof typeof USERS, mode: string, events: string];

const PLAIN = "connect startup";
const TLS = "connect sslrequest tls startup";

const NEGOTIATED: readonly Row[] = [
  ["both", "disable", `${PLAIN} → in`],
  ["both", "allow", `${PLAIN} → in`],
  ["both", "prefer", `${TLS} → in`],
  ["both", "require", `${TLS} → in`],
  ["encrypted only", "disable", `${PLAIN} → 28000`],
  ["encrypted only", "allow", `${PLAIN} | ${TLS} → in`],
  ["encrypted only", "prefer", `${TLS} → in`],
  ["encrypted only", "require", `${TLS} → in`],
  ["plain only", "disable", `${PLAIN} → in`],
  ["plain only", "allow", `${PLAIN} → in`],
  ["plain only", "prefer", `${TLS} | ${PLAIN} → in`],
  ["plain only", "require", `${TLS} → 28000`],
  ["neither", "disable", `${PLAIN} → 28000`],
  ["neither", "allow", `${PLAIN} | ${TLS} → 28000`],
  ["neither", "prefer", `${TLS} | ${PLAIN} → 28000`],
  ["neither", "require", `${TLS} → 28000`],
];

const ASKED = "connect sslrequest";

const WITHOUT_TLS: readonly Row[] = [
  ["both", "disable", `${PLAIN} → in`],
  ["both", "allow", `${PLAIN} → in`],
  ["both", "prefer", `${ASKED} startup → in`],
  ["both", "require", `${ASKED} → 08001`],
  ["neither", "disable", `${PLAIN} → 28000`],
  ["neither", "allow", `${PLAIN} | ${ASKED} → 08001`],
  ["neither", "prefer", `${ASKED} startup → 28000`],
  ["neither", "require", `${ASKED} → 08001`],
];

/** Returns the events of each connection, and the outcome. */
async function sequence(options: ConnectOptions): Promise<string> {
  const { runtime, connections } = await watched();
  let end = "in";
  try {
    await (await connect({ ...options, runtime })).close();
  } catch (error) {
    end = String((error as { code?: string }).code);
  }
  return `${connections.map((events) => events.join(" ")).join(" | ")} → ${end}`;
}

async function rows(server: ServerAddress, expected: readonly Row[]): Promise<void> {
  const found: Row[] = [];
  for (const [rules, mode] of expected) {
    const sslMode = mode as typeof MODES[number];
    found.push([rules, mode, await sequence(over(server, { user: USERS[rules], sslMode }))]);
  }
  assert.deepEqual(found, expected);
}

for (const major of majors()) {
  test(`sequence ${major}: a server with TLS, by sslMode and access rules`, async () => {
    await rows(await sharedServer(major), NEGOTIATED);
  });

  test(`sequence ${major}: a server without TLS`, async () => {
    const cluster = await startCluster({ major, certificate: false });
    try {
      await rows(cluster, WITHOUT_TLS);
    } finally {
      await cluster.stop();
    }
  });

  const skip = major < 17 && "direct TLS came with PostgreSQL 17";
  test(`sequence ${major}: direct TLS sends no SSLRequest`, { skip }, async () => {
    const server = await sharedServer(major);
    const { ca } = await certificates();
    for (const sslMode of DIRECT) {
      const options = over(server, {
        user: "u_trust",
        sslMode,
        sslNegotiation: "direct",
        ...(sslMode === "verify-full" ? { sslRootCert: ca.certPath } : {}),
      });
      assert.equal(await sequence(options), "connect tls startup → in");
    }
  });

  test(`sequence ${major}: before PostgreSQL 17 direct TLS fails without a second attempt`, {
    skip: major >= 17 && "the server has direct TLS",
  }, async () => {
    const options = over(await sharedServer(major), {
      user: "u_trust",
      sslMode: "require",
      sslNegotiation: "direct",
    });
    assert.match(await sequence(options), /^connect tls failed → /);
  });

  test(`sequence ${major}: no connection follows a handshake that failed`, async () => {
    const { otherCa } = await certificates();
    for (const sslMode of ["allow", "prefer", "require", "verify-ca", "verify-full"] as const) {
      const user = sslMode === "allow" ? "u_ssl" : "u_trust";
      const sslRootCert = otherCa.certPath;
      const found = await sequence(over(await sharedServer(major), { user, sslMode, sslRootCert }));
      const first = sslMode === "allow" ? `${PLAIN} | ` : "";
      assert.match(
        found,
        new RegExp(`^${first.replace("|", "\\|")}connect sslrequest tls failed → `),
      );
    }
  });
}
