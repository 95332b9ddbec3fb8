/** The options of postgres.js, and those that a client keeps and shows as `sql.options`. */
import type { Casing, NameTransform } from "./casing.ts";
import { environment, osUserName } from "./node_library.ts";
import type { Notice } from "./postgres_error.ts";
import type { Column, Row } from "./postgres_result.ts";
import {
  type Anything,
  type Conversions,
  conversionsOf,
  type PostgresType,
} from "./value_types.ts";

/** Transformations of names, values and rows. A function stands for `{ from: function }`. */
export interface TransformOptions {
  /** The value that stands for `undefined` in parameters; without it `undefined` is refused. */
  undefined?: unknown;
  /** The transformation of column names. */
  column?: NameTransform | Casing["column"] | undefined;
  /** The transformation of each value. */
  value?:
    | ((value: Anything, column: Column) => unknown)
    | { from?: ((value: Anything, column: Column) => unknown) | undefined }
    | undefined;
  /** The transformation of each row. */
  row?: ((row: Row) => unknown) | { from?: ((row: Row) => unknown) | undefined } | undefined;
}

/** The options of `postgres()`. Durations are seconds. */
export interface Options {
  /** The host, hosts separated by commas, or the directory of a Unix socket. */
  host?: string | readonly string[] | undefined;
  /** Another name of `host`. */
  hostname?: string | undefined;
  /** The port, or one for each host. */
  port?: number | string | readonly number[] | undefined;
  /** The path of a Unix socket's file. */
  path?: string | undefined;
  /** The database. Default: the user's name. */
  database?: string | undefined;
  /** Another name of `database`. */
  db?: string | undefined;
  /** The role to log in as. */
  user?: string | undefined;
  /** Another name of `user`. */
  username?: string | undefined;
  /** The password, or a function that returns it. */
  password?: string | (() => string | Promise<string>) | undefined;
  /** Another name of `password`. */
  pass?: string | (() => string | Promise<string>) | undefined;
  /** `require`, `prefer` and `allow` accept any certificate; `true` and `verify-full` check it. */
  ssl?: "require" | "allow" | "prefer" | "verify-full" | "disable" | boolean | object | undefined;
  /** `direct` begins TLS with the first byte (PostgreSQL 17). */
  sslnegotiation?: "direct" | "postgres" | null | undefined;
  /** The most connections. Default 10. */
  max?: number | string | undefined;
  /** The time after which an idle connection is closed; 0 or absent: never. */
  idle_timeout?: number | string | null | undefined;
  /** Another name of `idle_timeout`. */
  timeout?: number | undefined;
  /** The longest time that connecting may take. Default 30. */
  connect_timeout?: number | string | object | undefined;
  /** The time after which a connection is closed once it is idle. Default: 30 to 60 minutes. */
  max_lifetime?: number | (() => number) | null | undefined;
  /** The most queries on the wire of one connection. Default 100. */
  max_pipeline?: number | undefined;
  /** The pause before an attempt to connect that follows failed ones, or a function of their number. */
  backoff?: boolean | number | ((attempts: number) => number) | undefined;
  /** Seconds without traffic before the first keepalive probe; 0 or `null`: none. Default 60. */
  keep_alive?: number | null | undefined;
  /** Whether statements are prepared under names. Default `true`. */
  prepare?: boolean | undefined;
  /** The opposite of `prepare`. */
  no_prepare?: boolean | undefined;
  /** A function that is called with each query, or `true` for errors with values and long stacks. */
  debug?:
    | boolean
    | ((connection: number, query: string, parameters: unknown[], types: unknown[]) => void)
    | undefined;
  /** Whether the array types of the database are read at the first connection. Default `true`. */
  fetch_types?: boolean | undefined;
  /** The publications of `subscribe()`. Default `"alltables"`. */
  publications?: string | undefined;
  /** The kind of server to connect to. */
  target_session_attrs?:
    | "read-write"
    | "read-only"
    | "primary"
    | "standby"
    | "prefer-standby"
    | undefined;
  /** Run-time parameters of the sessions, `application_name` among them. */
  connection?: Readonly<Record<string, string | number | boolean>> | undefined;
  /** The program's own types by names. */
  types?: Readonly<Record<string, PostgresType>> | undefined;
  /** A function for notices; `false`: none. Default: the console. */
  onnotice?: ((notice: Notice) => void) | false | undefined;
  /** A function that is called for each notification that no listener takes. */
  onnotify?: ((channel: string, payload: string) => void) | undefined;
  /** A function that is called when a connection has closed, with its number. */
  onclose?: ((connection: number) => void) | undefined;
  /** A function that is called when a parameter of the server has changed. */
  onparameter?: ((name: string, value: string) => void) | undefined;
  /** A function that opens the streams of connections. */
  socket?: ((options: ParsedOptions) => unknown) | undefined;
  /** Transformations of names, values and rows. */
  transform?: TransformOptions | Casing | undefined;
}

/** A transformation in the form that the client keeps. */
export interface Transform {
  /** The value that stands for `undefined`. */
  undefined: unknown;
  /** The transformation of column names. */
  column: { from: NameTransform | undefined; to: NameTransform | undefined };
  /** The transformation of values. */
  value: { from: ((value: Anything, column: Column) => unknown) | undefined; to: undefined };
  /** The transformation of rows. */
  row: { from: ((row: Row) => unknown) | undefined; to: undefined };
}

/** The options that a client goes by. `parsers` and `serializers` may be changed at any time. */
export interface ParsedOptions extends Conversions {
  /** The hosts. */
  host: string[];
  /** The port of each host. */
  port: number[];
  /** The path of a Unix socket's file. */
  path: string | false;
  /** The database. */
  database: string;
  /** The role. */
  user: string;
  /** The password. */
  pass: string | (() => string | Promise<string>) | null;
  /** TLS. */
  ssl: Options["ssl"];
  /** How TLS begins. */
  sslnegotiation: Options["sslnegotiation"];
  /** The most connections. */
  max: number;
  /** Seconds until an idle connection is closed. */
  idle_timeout: number | null;
  /** Seconds that connecting may take. */
  connect_timeout: number;
  /** Seconds until a connection is closed. */
  max_lifetime: number | (() => number) | null;
  /** The most queries on the wire of one connection. */
  max_pipeline: number;
  /** The pause before the next attempt to connect. */
  backoff: Options["backoff"];
  /** Seconds without traffic before the first keepalive probe. */
  keep_alive: number | null;
  /** Whether statements are prepared. */
  prepare: boolean;
  /** The function for queries. */
  debug: Options["debug"];
  /** Whether array types are read. */
  fetch_types: boolean;
  /** The publications of `subscribe()`. */
  publications: string;
  /** The kind of server. */
  target_session_attrs: Options["target_session_attrs"];
  /** Run-time parameters. */
  connection: Record<string, string | number | boolean>;
  /** The program's own types. */
  types: Readonly<Record<string, PostgresType>>;
  /** The function for notices. */
  onnotice: Options["onnotice"];
  /** The function for notifications. */
  onnotify: Options["onnotify"];
  /** The function for closed connections. */
  onclose: Options["onclose"];
  /** The function for parameters of the server. */
  onparameter: Options["onparameter"];
  /** The function that opens streams. */
  socket: Options["socket"];
  /** Transformations. */
  transform: Transform;
  /** The parameters that the server has reported. */
  parameters: Record<string, string>;
  /** State that clients made of these options share. */
  shared: { retries: number; typeArrayMap: Record<string, number> };
}

/** Returns the options that a client goes by. Absent ones come from the URL and the environment. */
export function parseOptions(
  first: string | Options | undefined,
  second: Options | undefined,
): ParsedOptions {
  const isUrl = typeof first === "string" && first !== "";
  const given: Options = (isUrl ? second : (first || second)) || {};
  const url = parseUrl(isUrl ? first : undefined);
  const user = (given.user || given.username || url.user || environment("PGUSERNAME") ||
    environment("PGUSER") || osUserName()) as string;
  const { query } = url;
  const timeout = given.idle_timeout ?? given.timeout;
  return {
    ...placeOf(given, url),
    database: given.database || given.db || url.database || environment("PGDATABASE") || user,
    user,
    pass: given.pass || given.password || url.password || environment("PGPASSWORD") || "",
    ssl: tlsOf(given, query),
    sslnegotiation: given.sslnegotiation ?? (query.get("sslnegotiation") as "direct") ?? null,
    max: numeric(given.max ?? query.get("max") ?? environment("PGMAX")) ?? 10,
    idle_timeout: numeric(timeout ?? query.get("idle_timeout") ?? environment("PGIDLE_TIMEOUT")) ??
      null,
    connect_timeout: (typeof given.connect_timeout === "object" ? given.connect_timeout : numeric(
      given.connect_timeout ?? query.get("connect_timeout") ?? environment("PGCONNECT_TIMEOUT"),
    ) ?? 30) as number,
    max_lifetime: given.max_lifetime === undefined ? usualLifetime : given.max_lifetime,
    max_pipeline: given.max_pipeline ?? 100,
    backoff: given.backoff === true || given.backoff === undefined ? usualBackoff : given.backoff,
    keep_alive: given.keep_alive === undefined ? 60 : given.keep_alive,
    prepare: given.prepare ?? (given.no_prepare === undefined ? true : !given.no_prepare),
    debug: given.debug ?? false,
    fetch_types: given.fetch_types ?? true,
    publications: given.publications ?? query.get("publications") ?? "alltables",
    target_session_attrs: (given.target_session_attrs ?? query.get("target_session_attrs") ??
      environment("PGTARGETSESSIONATTRS")) as Options["target_session_attrs"],
    connection: parametersOf(given, query),
    types: given.types ?? {},
    onnotice: given.onnotice,
    onnotify: given.onnotify,
    onclose: given.onclose,
    onparameter: given.onparameter,
    socket: given.socket,
    transform: transformOf((given.transform ?? {}) as TransformOptions),
    parameters: {},
    shared: { retries: 0, typeArrayMap: {} },
    ...conversionsOf(given.types ?? {}),
  };
}

const usualLifetime = (): number => 60 * (30 + Math.random() * 30);
const usualBackoff = (attempts: number): number =>
  (0.5 + Math.random() / 2) * Math.min(3 ** attempts / 100, 20);

/** The parts of a URL; several hosts may stand where the platform's parser takes one. */
interface UrlParts {
  readonly user: string;
  readonly password: string;
  readonly hosts: string;
  readonly database: string;
  readonly query: ReadonlyMap<string, string>;
}

const NO_URL: UrlParts = { user: "", password: "", hosts: "", database: "", query: new Map() };

function parseUrl(text: string | undefined): UrlParts {
  if (text === undefined) return NO_URL;
  const [, authority = ""] = /^[^:]*:\/\/([^/?#]*)/.exec(text) ?? [];
  const hosts = authority.slice(authority.lastIndexOf("@") + 1);
  const url = new URL(hosts === "" ? text : text.replace(hosts, () => hosts.split(",")[0]!));
  return {
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    hosts: decodeURIComponent(hosts),
    database: decodeURIComponent(url.pathname.slice(1)),
    query: new Map(url.searchParams),
  };
}

function placeOf(given: Options, url: UrlParts): Pick<ParsedOptions, "host" | "port" | "path"> {
  const named = given.hostname || given.host || url.hosts || environment("PGHOST") || "localhost";
  const hosts = typeof named === "string" ? named.split(",") : [...named];
  const usual = given.port || environment("PGPORT") || 5432;
  const places = hosts.map((text) => /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(text));
  const host = places.map((place, i) => place?.[1]?.replace(/^\[|\]$/g, "") ?? hosts[i]!);
  const port = Array.isArray(usual)
    ? [...usual]
    : places.map((place) => Number(given.port || place?.[2] || usual));
  const path = given.path || (host[0]!.includes("/") && `${host[0]}/.s.PGSQL.${port[0]}`);
  return { host, port, path };
}

function tlsOf({ ssl }: Options, query: ReadonlyMap<string, string>): Options["ssl"] {
  const named = ssl ?? query.get("ssl") ?? query.get("sslmode") ?? environment("PGSSLMODE") ??
    false;
  if (named === "disable" || named === "false") return false;
  return named === "true" ? true : named as Options["ssl"];
}

/** The parameters of a URL that are options of the client. The others are run-time parameters. */
const CLIENT: ReadonlySet<string> = new Set([
  ...["ssl", "sslmode", "sslnegotiation", "max", "idle_timeout", "connect_timeout"],
  ...["publications", "target_session_attrs", "sslrootcert", "prepare", "fetch_types"],
]);

function parametersOf(
  { connection }: Options,
  query: ReadonlyMap<string, string>,
): ParsedOptions["connection"] {
  const others = [...query].filter(([name]) => !CLIENT.has(name));
  return {
    application_name: environment("PGAPPNAME") ?? "postgres.js",
    ...Object.fromEntries(others),
    ...connection,
  };
}

function transformOf({ undefined: absent, column, value, row }: TransformOptions): Transform {
  const from = <T>(given: T | { from?: T } | undefined): T | undefined =>
    typeof given === "function" ? given as T : (given as { from?: T } | undefined)?.from;
  return {
    undefined: absent,
    column: {
      from: from<NameTransform>(column as NameTransform),
      to: typeof column === "function" ? undefined : (column as Casing["column"])?.to,
    },
    value: { from: from(value as Transform["value"]["from"]), to: undefined },
    row: { from: from(row as Transform["row"]["from"]), to: undefined },
  };
}

function numeric(value: unknown): number | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  const number = Number(value);
  return Number.isNaN(number) ? undefined : number;
}
