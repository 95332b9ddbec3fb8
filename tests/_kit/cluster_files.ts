/**
 * The configuration of a test cluster: one role per authentication method, the pg_hba.conf that
 * ties them together, and settings for a server that is thrown away.
 */

/** A login and what it shows. */
export interface Role {
  readonly name: string;
  readonly password?: string;
  /** LOGIN, when there are none. */
  readonly attributes?: string;
  /** How the password is stored; SCRAM by default. */
  readonly encryption?: "md5" | "scram-sha-256";
}

/** Every role of a test cluster besides `postgres`, which is trusted everywhere. */
export const ROLES: readonly Role[] = [
  { name: "u_trust" },
  { name: "u_password", password: "p plain" },
  { name: "u_md5", password: "p md5", encryption: "md5" },
  { name: "u_scram", password: "p scram" },
  /** pg_hba says md5, the stored password says SCRAM: the server asks for SCRAM. */
  { name: "u_scram_md5hba", password: "p scram" },
  /** TLS with a client certificate of any name, and the password. */
  { name: "u_scram_cert", password: "p scram" },
  /** TLS with the certificate `client`. */
  { name: "u_cert" },
  /** Trusted over TLS, refused without. */
  { name: "u_ssl" },
  /** Trusted without TLS, refused over it. */
  { name: "u_nossl" },
  { name: "u_reject" },
  { name: "u_utf8", password: "pässwörd ⅷ" },
  /** The password has expired, which the server reports only after the client has sent it. */
  { name: "u_expired", password: "p expired", attributes: "login valid until '2000-01-01'" },
  { name: "u_nologin", password: "p nologin", attributes: "nologin" },
  /** Has no password, and pg_hba asks for one. */
  { name: "u_empty" },
  { name: "u_limit1", password: "p limit", attributes: "login connection limit 1" },
  { name: "u_repl", password: "p repl", attributes: "login replication" },
];

/** pg_hba.conf, a method per role; on the Unix socket all but u_scram and u_md5 are trusted. */
export const HBA = `
local     all         u_scram        scram-sha-256
local     all         u_md5          md5
local     all         all            trust
local     replication all            trust
hostssl   all         u_cert         all cert
hostssl   all         u_scram_cert   all scram-sha-256 clientcert=verify-ca
host      all         u_trust        all trust
host      all         u_password     all password
host      all         u_md5          all md5
host      all         u_scram        all scram-sha-256
host      all         u_scram_md5hba all md5
hostssl   all         u_ssl          all trust
hostnossl all         u_ssl          all reject
hostnossl all         u_nossl        all trust
hostssl   all         u_nossl        all reject
host      all         u_reject       all reject
host      replication u_repl         all scram-sha-256
host      all         postgres       all trust
host      replication postgres       all trust
host      all         all            all scram-sha-256
`;

/** SQL that creates the roles, one statement a line (single-user mode wants it so). */
export function rolesSql(): string {
  return ROLES.flatMap(({ name, password, attributes = "login", encryption = "scram-sha-256" }) => [
    `set password_encryption = '${encryption}';`,
    `create role ${name} ${attributes} ${password ? `password '${password}'` : ""};`,
  ]).map((line) => line + "\n").join("");
}

/**
 * Settings of every test server. Nothing survives a crash of the machine; `synchronous_commit`
 * stays on because logical decoding is late without it.
 */
export const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: "127.0.0.1, ::1",
  fsync: "off",
  full_page_writes: "off",
  max_connections: "200",
  // A query whose client has vanished would go on, and hold its connection, until it is done.
  client_connection_check_interval: "250ms",
  wal_level: "logical",
  max_wal_senders: "10",
  max_replication_slots: "10",
  max_prepared_transactions: "10",
  shared_buffers: "16MB",
  max_wal_size: "128MB",
  min_wal_size: "16MB",
  logging_collector: "off",
  log_min_messages: "warning",
  timezone: "UTC",
  password_encryption: "scram-sha-256",
};

/** postgresql.conf. */
export function configuration(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`)
    .join("");
}
