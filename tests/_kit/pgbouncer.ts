/**
 * PgBouncer in front of a server, where Debian's package is installed: npm has none. `.ci/run`
 * installs it; a program elsewhere is named by `CORNAC_PGBOUNCER`.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import type { ServerAddress } from "./cluster.ts";
import { freePort } from "./free_port.ts";
import { ROLES } from "./cluster_files.ts";
import { programsIn } from "./server_user.ts";

/** The pooling modes that are tested. */
export const MODES = ["session", "transaction"] as const;
export type Mode = typeof MODES[number];

/** Further settings, named as in pgbouncer.ini. */
export type PgBouncerSettings = Readonly<Record<string, string | number>>;

/** A running PgBouncer. */
export interface PgBouncer {
  readonly host: string;
  readonly port: number;
  /** The path of PgBouncer's Unix socket. */
  readonly socketPath: string;
  /** PgBouncer's log so far. */
  log(): string;
  stop(): Promise<void>;
  /** Lets this process end although it runs. */
  unref(): void;
  /** Kills it without waiting; for the last moment of a process. */
  abandon(): void;
}

const PROGRAM = [process.env.CORNAC_PGBOUNCER, "/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"]
  .find((path) => path !== undefined && path !== "" && existsSync(path));

/** Why tests that need it are skipped; `false`: they are not. */
export const noPgBouncer: string | false = PROGRAM === undefined && "pgbouncer is not installed";

/** PgBouncer's version as it prints it: `1.18.0`. */
export function pgBouncerVersion(): string {
  const { stdout } = spawnSync(PROGRAM!, ["--version"], { encoding: "utf8" });
  return /\d+(?:\.\d+)+/.exec(stdout)?.[0] ?? "of an unknown version";
}

/**
 * Starts a PgBouncer that accepts every user whom the server trusts. `databases` lists databases that
 * have another name on the server.
 */
export async function startPgBouncer(
  server: ServerAddress,
  mode: Mode,
  settings: PgBouncerSettings = {},
  databases: Readonly<Record<string, string>> = {},
): Promise<PgBouncer> {
  const programs = programsIn(dirname(PROGRAM!), "pgbouncer");
  const folder = mkdtempSync(join(tmpdir(), "cornac-bouncer-"));
  chmodSync(folder, 0o755);
  programs.own(folder);
  const port = await freePort();
  const ini = configure(
    folder,
    server,
    { listen_port: port, pool_mode: mode, ...settings },
    databases,
  );
  const socketPath = join(folder, `.s.PGSQL.${port}`);
  const path = join(folder, "log");
  const log = openSync(path, "a");
  const child = programs.start("pgbouncer", [ini], log);
  closeSync(log);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  await untilListening([{ port, host: "127.0.0.1" }, { path: socketPath }], () => {
    if (child.exitCode === null) return;
    throw new Error(`pgbouncer has ended: ${readFileSync(path, "utf8")}`);
  });
  return {
    host: "127.0.0.1",
    port,
    socketPath,
    log: () => readFileSync(path, "utf8"),
    async stop() {
      child.kill("SIGKILL");
      await exited;
      remove();
    },
    unref: () => child.unref(),
    abandon() {
      child.kill("SIGKILL");
      remove();
    },
  };
}

/** Writes its files; returns the path of the first. */
function configure(
  folder: string,
  server: ServerAddress,
  settings: PgBouncerSettings,
  databases: Readonly<Record<string, string>>,
): string {
  const users = join(folder, "users");
  const names = ["postgres", ...ROLES.map(({ name }) => name)];
  writeFileSync(users, names.map((name) => `"${name}" ""\n`).join(""));
  const where = `host=${server.host} port=${server.port}`;
  const lines = {
    listen_addr: "127.0.0.1",
    unix_socket_dir: folder,
    auth_type: "trust",
    auth_file: users,
    ...settings,
  };
  const ini = join(folder, "settings");
  writeFileSync(
    ini,
    [
      "[databases]",
      `* = ${where}`,
      ...Object.entries(databases).map(([name, is]) => `${name} = ${where} dbname=${is}`),
      "[pgbouncer]",
      ...Object.entries(lines).map(([name, value]) => `${name} = ${value}`),
    ].join("\n"),
  );
  return ini;
}

type Place = { readonly host: string; readonly port: number } | { readonly path: string };

async function untilListening(places: readonly Place[], check: () => void): Promise<void> {
  for (let i = 0; i < 2000; i++) {
    check();
    const up = await Promise.all(places.map(isListening));
    if (!up.includes(false)) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error("pgbouncer does not listen");
}

function isListening(place: Place): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(place);
    socket.once("connect", () => (socket.destroy(), resolve(true)));
    socket.once("error", () => resolve(false));
  });
}
