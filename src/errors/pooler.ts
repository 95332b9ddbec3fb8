/**
 * What poolers say for themselves, told by their words: an error of theirs reads as if the database had
 * said it, and the remedy is the pooler's configuration.
 *
 * PostgreSQL names the source file with each error (field `F`), also with one that a function raises;
 * most poolers do not, and so theirs cannot be mistaken.
 *
 * Sources: PgBouncer, `src/client.c`, `src/objects.c`, `src/janitor.c`; Odyssey, `sources/frontend.h`;
 * pgagroal, `src/libpgagroal/message.c`; Pgpool-II, `src/protocol/pool_process_query.c`; PgCat,
 * issue 824; Supavisor, its issue 134 and supabase/cli 4277; RDS Proxy, psycopg2 issue 1577.
 */

/** The fields of an error that tell: message, SQLSTATE and source file. */
interface Fields {
  readonly M?: string;
  readonly C?: string;
  readonly F?: string;
}

/** One sentence about an error that a pooler made; `undefined`: nothing shows that one did. */
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
  /** `"file"`: it names a source file of its own, as PostgreSQL does. */
  readonly names?: "file";
  /** The sentence, with what the first group has found. */
  readonly remark: string | ((found: string) => string);
}

const SIGNATURES: readonly Signature[] = [
  {
    says: /^unsupported startup parameter: ([\w.]+)/,
    code: "08P01",
    remark: (name) =>
      `PgBouncer refuses startup parameter "${name}": leave it out, or have it named in ` +
      "ignore_startup_parameters",
  },
  {
    says: /^unsupported startup parameter in options: ([\w.]+)/,
    code: "08P01",
    remark: (name) =>
      `PgBouncer refuses "${name}" in startup parameter "options": leave it out, or have it named ` +
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
    remark: "PgBouncer has as many clients as its max_client_conn allows",
  },
  {
    says: /^no such database: /,
    code: "08P01",
    remark: "PgBouncer does not have it among its [databases]",
  },
  {
    says:
      /^(?:server login has been failing|client_login_timeout \(server down\)|server conn crashed\?)/,
    code: "08P01",
    remark: "PgBouncer is there, the server behind it is not",
  },
  {
    says: /^odyssey: \w+: /,
    remark: "Odyssey says so, not the server behind it",
  },
  {
    says: /^no pgagroal_hba\.conf entry /,
    remark: "pgagroal refuses it, not the server behind it",
  },
  {
    says: /^connection pool is full$/,
    code: "53300",
    remark: "pgagroal has no connection free",
  },
  {
    says: /^kind mismatch among backends/,
    names: "file",
    remark: "the servers behind Pgpool-II have answered differently",
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
    remark: "Supavisor wants the tenant in the user's name: user.tenant",
  },
  {
    says: /^(?:Max client connections reached|MaxClientsInSessionMode: )/,
    remark: "Supavisor has as many clients as it allows",
  },
  {
    says: /RDS Proxy currently doesn.t support the option ([\w.]+?)\.?$/,
    remark: (name) => `leave startup parameter "${name}" out`,
  },
  {
    says: /RDS Proxy currently doesn.t support command-line options/,
    remark: 'leave startup parameter "options" out',
  },
];
