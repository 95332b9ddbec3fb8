/** The table of docs/parameters.md: complete, and each row true of the driver. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { between, parameterTable, standingOf } from "../../scripts/generate_parameter_table.ts";
import { PARAMETERS } from "../../src/config/parameters.ts";
import { InterfaceError, NotSupportedError } from "../../src/errors/errors.ts";
import { resolve } from "./config_runtime.ts";

/** `PQconninfoOptions` of PostgreSQL 18's fe-connect.c, but for its debug option, and `servicefile`. */
const LIBPQ =
  `service servicefile user password passfile channel_binding connect_timeout dbname host
  hostaddr port client_encoding options application_name fallback_application_name keepalives
  keepalives_idle keepalives_interval keepalives_count tcp_user_timeout sslmode sslnegotiation
  sslcompression sslcert sslkey sslcertmode sslpassword sslrootcert sslcrl sslcrldir sslsni
  requirepeer require_auth min_protocol_version max_protocol_version ssl_min_protocol_version
  ssl_max_protocol_version gssencmode krbsrvname gsslib gssdelegation replication
  target_session_attrs load_balance_hosts scram_client_key scram_server_key oauth_issuer
  oauth_client_id oauth_client_secret oauth_scope sslkeylogfile`.split(/\s+/);

/** A value that asks for something, where it is not just any text. */
const ASKS: Readonly<Record<string, string>> = {
  passfile: "/passwords",
  channel_binding: "disable",
  connect_timeout: "5",
  hostaddr: "127.0.0.1",
  port: "5433",
  client_encoding: "LATIN1",
  keepalives: "0",
  keepalives_idle: "30",
  keepalives_interval: "5",
  keepalives_count: "3",
  tcp_user_timeout: "5",
  sslmode: "allow",
  sslnegotiation: "direct",
  sslcompression: "1",
  sslcertmode: "require",
  sslcrldir: "/etc/crl",
  sslsni: "0",
  require_auth: "scram-sha-256",
  ssl_min_protocol_version: "TLSv1.3",
  ssl_max_protocol_version: "TLSv1.2",
  gssencmode: "require",
  gsslib: "sspi",
  gssdelegation: "1",
  replication: "database",
  target_session_attrs: "read-write",
  load_balance_hosts: "random",
  min_protocol_version: "3.2",
  max_protocol_version: "3.2",
  oauth_issuer: "https://issuer.example",
};

/** Parameters that are given together with each. */
const COMPANY: Readonly<Record<string, string>> = {
  sslnegotiation: "sslmode=require",
  sslpassword: "sslmode=require sslcert=/cert sslkey=/key",
  min_protocol_version: "max_protocol_version=3.2",
  scram_client_key: `scram_server_key=${"A".repeat(43)}=`,
  scram_server_key: `scram_client_key=${"A".repeat(43)}=`,
};
const PEM = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
const MACHINE = { files: { "/passwords": "*:*:*:*:secret", "/cert": PEM, "/key": PEM } };
const KEYS = ["scram_client_key", "scram_server_key"];
/** Files that are not there, which is the point of their test elsewhere. */
const FILES = ["service", "servicefile", "sslcert", "sslkey", "sslrootcert", "sslcrl"];

test("parameters: docs/parameters.md has the driver's own table", () => {
  const text = readFileSync(
    fileURLToPath(new URL("../../docs/parameters.md", import.meta.url)),
    "utf8",
  );
  const after = between(text, "parameters", parameterTable());
  assert.ok(text === after, "run scripts/generate_parameter_table.ts");
});

test("parameters: the table lists everything that libpq 18 knows, and nothing else", () => {
  assert.deepEqual(PARAMETERS.map(({ keyword }) => keyword).sort(), [...LIBPQ].sort());
});

for (const row of PARAMETERS) {
  const { keyword } = row;
  const { standing, how } = standingOf(row);
  const value = ASKS[keyword] ?? (KEYS.includes(keyword) ? `${"A".repeat(43)}=` : "x");
  const dsn = [`${keyword}='${value}'`, COMPANY[keyword] ?? ""].join(" ");
  test(`parameters: ${keyword} is what its row says: ${how}`, async () => {
    if (standing === "refused") {
      await assert.rejects(resolve(dsn), (error) => {
        assert.ok(error instanceof NotSupportedError);
        assert.ok(error.message.includes(`"${keyword}"`) && error.message.includes(row.remark!));
        return true;
      });
      for (const nothing of row.harmless!) await resolve(`${keyword}='${nothing}'`);
    } else if (FILES.includes(keyword)) {
      const tls = keyword.startsWith("ssl") ? " sslmode=require sslrootcert=/ca sslcert=/cert" : "";
      const more = keyword === "servicefile" ? " service=x" : "";
      await assert.rejects(resolve(dsn + tls + more, {}), InterfaceError);
    } else {
      assert.notDeepEqual(await plain(dsn), await plain(COMPANY[keyword] ?? ""), keyword);
    }
  });
}

/** The settings of a connection string; a key that needs another one is an error of its own. */
async function plain(dsn: string): Promise<unknown> {
  try {
    const { runtime: _, ...settings } = await resolve(dsn, MACHINE);
    return settings;
  } catch (error) {
    assert.ok(error instanceof InterfaceError, String(error));
    return error.message;
  }
}
