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
  for (const [says, remark, itsCode, names] of SIGNATURES) {
    const found = code === itsCode || itsCode === undefined ? says.exec(message) : null;
    if (found === null || (file !== undefined && names !== "file")) continue;
    return remark.replace("$1", () => found[1]!);
  }
  return undefined;
}

/**
 * An error of a pooler: its message; the sentence, in which `$1` is the first group of the message; its
 * SQLSTATE; and `"file"` if the pooler sends a source file of its own, as PostgreSQL does.
 */
type Signature = readonly [says: RegExp, remark: string, code?: string, names?: "file"];

const SIGNATURES: readonly Signature[] = [
  [
    /^unsupported startup parameter: ([\w.]+)/,
    'PgBouncer refuses startup parameter "$1": omit it, or list it in ignore_startup_parameters',
    "08P01",
  ],
  [
    /^unsupported startup parameter in options: ([\w.]+)/,
    'PgBouncer refuses "$1" in startup parameter "options": omit it, or list it in ' +
    "ignore_startup_parameters",
    "08P01",
  ],
  [
    /^query_wait_timeout$/,
    "PgBouncer had no server connection free within its query_wait_timeout",
    "08P01",
  ],
  [
    /^no more connections allowed \(max_client_conn\)$/,
    "PgBouncer has reached its max_client_conn",
    "08P01",
  ],
  [/^no such database: /, "PgBouncer does not list the database in [databases]", "08P01"],
  [
    /^(?:server login has been failing|client_login_timeout \(server down\)|server conn crashed\?)/,
    "PgBouncer is running, but the server behind it is not",
    "08P01",
  ],
  [/^odyssey: \w+: /, "the error comes from Odyssey, not from the server behind it"],
  [/^no pgagroal_hba\.conf entry /, "pgagroal refuses the connection, not the server behind it"],
  [/^connection pool is full$/, "pgagroal has no connection free", "53300"],
  [
    /^kind mismatch among backends/,
    "the servers behind Pgpool-II returned different answers",
    undefined,
    "file",
  ],
  [
    /^unable to read (?:message kind|data from DB node \d+)$/,
    "Pgpool-II could not read from a server behind it",
    undefined,
    "file",
  ],
  [
    /^could not get connection from the pool/,
    "PgCat had no server connection within its connect_timeout",
    "58000",
  ],
  [
    /^Tenant or user not found$/,
    "Supavisor needs the tenant in the user's name: user.tenant",
    "XX000",
  ],
  [
    /^(?:Max client connections reached|MaxClientsInSessionMode: )/,
    "Supavisor has reached its limit of clients",
  ],
  [
    /RDS Proxy currently doesn.t support the option ([\w.]+?)\.?$/,
    'omit startup parameter "$1"',
  ],
  [/RDS Proxy currently doesn.t support command-line options/, 'omit startup parameter "options"'],
];
