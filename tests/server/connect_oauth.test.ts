/** OAUTHBEARER against PostgreSQL 18, with a validator that a C compiler builds. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { OperationalError } from "../../mod.ts";
import { type Cluster, startCluster } from "../_kit/cluster.ts";
import { majors } from "../_kit/servers.ts";
import { over, refusal, rootPath, seen } from "./connecting.ts";

const SOURCE = fileURLToPath(new URL("./oauth_validator.c", import.meta.url));
const HBA = `local all all trust
hostssl all u_trust all oauth issuer="https://issuer.test" scope="openid postgres"
host all all all trust
`;

const compiles = spawnSync("cc", ["--version"]).status === 0;
const skip = !majors().includes(18)
  ? "PostgreSQL 18 only"
  : compiles
  ? false
  : "there is no C compiler";

/** Runs `body` with a server that asks `u_trust` for a token. */
async function asking(body: (cluster: Cluster) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "cornac-oauth-"));
  try {
    const library = join(directory, "validator.so");
    const built = spawnSync("cc", ["-shared", "-fPIC", "-o", library, SOURCE]);
    assert.equal(built.status, 0, String(built.stderr));
    for (const path of [directory, library]) chmodSync(path, 0o755); // the server is another user
    const settings = { oauth_validator_libraries: library };
    const cluster = await startCluster({ hba: HBA, settings });
    await body(cluster).finally(() => cluster.stop());
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test(
  "oauth: PostgreSQL 18 accepts a token, and gives the reason for a refusal",
  { skip },
  () =>
    asking(async (cluster) => {
      const tls = { sslMode: "verify-full", sslRootCert: await rootPath() } as const;
      const options = over(cluster, { user: "u_trust", ...tls });
      const found = await seen({
        ...options,
        oauthToken: () => "good-u_trust",
        requireAuth: "oauth",
      });
      assert.deepEqual([found.user, found.ssl], ["u_trust", true]);
      for (const token of ["bad", "good-another"]) {
        const error = await refusal({ ...options, oauthToken: () => token });
        assert.ok(error instanceof OperationalError);
        assert.equal(error.code, "28000");
        assert.match(error.message, /the server refused the OAuth token: invalid_token$/);
        assert.match((error.cause as Error).message, /OAuth bearer authentication failed/);
        assert.ok(!`${error.message} ${error.cause}`.includes(token));
      }
    }),
);

test(
  "oauth: PostgreSQL 18 names its issuer, and another issuer is refused",
  { skip },
  () =>
    asking(async (cluster) => {
      const error = await refusal(over(cluster, {
        user: "u_trust",
        sslMode: "verify-full",
        sslRootCert: await rootPath(),
        oauthIssuer: "https://other.test",
        oauthClientId: "client",
        oauthPrompt: () => assert.fail("a person was asked"),
      }));
      assert.ok(error instanceof OperationalError);
      assert.match(error.message, /another issuer$/);
    }),
);
