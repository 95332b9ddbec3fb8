/**
 * Explains errors that poolers make. They look like errors of the database, but the remedy is in the
 * configuration of the pooler. They are recognised by their messages.
 *
 * PostgreSQL sends the source file with each error (field `F`), also with one that a function raises.
 * Most poolers do not, which tells their errors from the server's.
 *
 * Sources: PgBouncer, `src/client.c`, `src/objects.c`, `src/janitor.c`; Odyssey, `sources/frontend.h`;
 * pgagroal, `src/libpgagroal/message.c`; Pgpool-II, `src/protocol/pool_process_query.c`; PgCat,
 * issue 824; Supavisor, its issue 134 and supabase/cli 4277; RDS Proxy, psycopg2 issue 1577.
 */

/** The fields that identify an error: message, SQLSTATE and source file. */
interface Fields {
  readonly M?: string;
  readonly C?: string;
  readonly F?: string;
}

/** Returns a sentence about an error of a pooler, or `undefined` if no pooler is recognised. */
export function poolerRemark({ M: message = "", C: code, F: file }: Fields): string | undefined {
  for (const { says, code: itsCode, names, remark } of SIGNATURES) {
    const found = code === itsCode || itsCode === undefined ? says.exec(message) : null;
    if (found === null || (file !== undefined && names !== "file")) continue;
    return typeof remark === "string" ? remark : remark(found[1] ?? "");
  }
  return undefined;
}

interface Signature {
  readonly says: RegExp;
  readonly code?: string;
  /** `"file"` if the pooler sends a source file of its own, as PostgreSQL does. */
  readonly names?: "file";
  /** The sentence, or a function of the first group of `says`. */
  readonly remark: string | ((found: string) => string);
}

const SIGNATURES: readonly Signature[] = [
  {
    says: /^unsupported startup parameter: ([\w.]+)/,
    code: "08P01",
    remark: (name) =>
      `PgBouncer refuses startup parameter "${name}": omit it, or list it in ` +
      "ignore_startup_parameters",
  },
  {
    says: /^unsupported startup parameter in options: ([\w.]+)/,
    code: "08P01",
    remark: (name) =>
      `PgBouncer refuses "${name}" in startup parameter "options": omit it, or list it ` +
      "in ignore_startup_parameters",
  },
  {
    says: /^query_wait_timeout$/,
    code: "08P01",
    remark: "PgBouncer had no server connection free within its query_wait_timeout",
  },
  {
    says: /^no more connections allowed \(max_client_conn\)$/,
    code: "08P01",
    remark: "PgBouncer has reached its max_client_conn",
  },
  {
    says: /^no such database: /,
    code: "08P01",
    remark: "PgBouncer does not list the database in [databases]",
  },
  {
    says:
      /^(?:server login has been failing|client_login_timeout \(server down\)|server conn crashed\?)/,
    code: "08P01",
    remark: "PgBouncer is running, but the server behind it is not",
  },
  {
    says: /^odyssey: \w+: /,
    remark: "the error comes from Odyssey, not from the server behind it",
  },
  {
    says: /^no pgagroal_hba\.conf entry /,
    remark: "pgagroal refuses the connection, not the server behind it",
  },
  {
    says: /^connection pool is full$/,
    code: "53300",
    remark: "pgagroal has no connection free",
  },
  {
    says: /^kind mismatch among backends/,
    names: "file",
    remark: "the servers behind Pgpool-II returned different answers",
  },
  {
    says: /^unable to read (?:message kind|data from DB node \d+)$/,
    names: "file",
    remark: "Pgpool-II could not read from a server behind it",
  },
  {
    says: /^could not get connection from the pool/,
    code: "58000",
    remark: "PgCat had no server connection within its connect_timeout",
  },
  {
    says: /^Tenant or user not found$/,
    code: "XX000",
    remark: "Supavisor needs the tenant in the user's name: user.tenant",
  },
  {
    says: /^(?:Max client connections reached|MaxClientsInSessionMode: )/,
    remark: "Supavisor has reached its limit of clients",
  },
  {
    says: /RDS Proxy currently doesn.t support the option ([\w.]+?)\.?$/,
    remark: (name) => `omit startup parameter "${name}"`,
  },
  {
    says: /RDS Proxy currently doesn.t support command-line options/,
    remark: 'omit startup parameter "options"',
  },
];
