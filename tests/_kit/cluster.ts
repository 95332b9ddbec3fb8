/**
 * Throw-away PostgreSQL clusters from npm's binaries, on any runtime. Roles, pg_hba.conf and
 * settings: cluster_files.ts. Tests that only need *a* server take a shared one from servers.ts.
 *
 * @example
 * ```ts
 * const cluster = await startCluster({ major: 18, settings: { max_connections: "5" } });
 * try {
 *   await connect({ host: cluster.host, port: cluster.port, user: "postgres" });
 *   await cluster.query("select pg_terminate_backend($$1$$)");   // behind the driver's back
 * } finally {
 *   await cluster.stop();
 * }
 * ```
 */
import { type ChildProcess, spawnSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { cached } from "./cache.ts";
import { type Certificate, certificates } from "./certs.ts";
import { configuration, HBA, rolesSql, SETTINGS } from "./cluster_files.ts";
import { freePort } from "./free_port.ts";
import { plainQuery } from "./plain_client.ts";
import { type ServerPrograms, serverPrograms } from "./server_user.ts";

/** Where a server can be reached; plain data, so that it passes through the environment. */
export interface ServerAddress {
  readonly major: number;
  /** `127.0.0.1`; the server listens on `::1` too. */
  readonly host: string;
  readonly port: number;
  /** Directory of the Unix socket. */
  readonly socketDirectory: string;
  /** The Unix socket itself. */
  readonly socketPath: string;
  /** The server's name of the database that clients know as `postgres`, when it differs. */
  readonly database?: string;
}

/** The properties of a cluster. */
export interface ClusterOptions {
  /** 18 by default. */
  readonly major?: number;
  /** Over and above those of cluster_files.ts. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Replaces pg_hba.conf. */
  readonly hba?: string;
  /** The server's certificate, `certificates().server` by default; `false`: no TLS. */
  readonly certificate?: Certificate | false;
}

/** The way in which a server stops: `fast` disconnects clients, `immediate` is a crash. */
export type StopMode = "smart" | "fast" | "immediate";

/** Starts a cluster; the caller must `stop()` it. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const programs = await serverPrograms(options.major ?? 18);
  const template = await templateOf(programs);
  return await Cluster.start(programs, template, options);
}

/** A running cluster, its data directory included. */
export class Cluster implements ServerAddress {
  readonly major: number;
  readonly host = "127.0.0.1";
  port: number;
  readonly socketDirectory: string;
  readonly #programs: ServerPrograms;
  readonly #options: ClusterOptions;
  readonly #primary: Cluster | undefined;
  #postmaster: ChildProcess | undefined;
  #isUnreferenced = false;

  private constructor(programs: ServerPrograms, options: ClusterOptions, primary?: Cluster) {
    this.#programs = programs;
    this.#options = options;
    this.#primary = primary;
    this.major = options.major ?? 18;
    this.port = 0;
    this.socketDirectory = temporaryDirectory(programs);
  }

  /** Starts from a copy of the data directory `from`; `startCluster` is the usual way in. */
  static async start(
    programs: ServerPrograms,
    from: string,
    options: ClusterOptions,
    primary?: Cluster,
  ): Promise<Cluster> {
    const cluster = new Cluster(programs, options, primary);
    try {
      copyTree(from, cluster.dataDirectory);
      await cluster.#configure();
      await cluster.#launchOnFreePort();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  get dataDirectory(): string {
    return join(this.socketDirectory, "data");
  }

  get socketPath(): string {
    return join(this.socketDirectory, `.s.PGSQL.${this.port}`);
  }

  /** Process id of the postmaster. */
  get processId(): number {
    return Number(this.#pidFile()[0]);
  }

  /** The address of this server as plain data. */
  get address(): ServerAddress {
    const { major, host, port, socketDirectory, socketPath } = this;
    return { major, host, port, socketDirectory, socketPath };
  }

  /** The server's log so far. */
  log(): string {
    return readFileSync(this.#logPath, "utf8");
  }

  /** Runs SQL as `postgres` on a connection of its own, without the driver; values as text. */
  query(sql: string, database = "postgres"): Promise<(string | null)[][]> {
    return plainQuery(this.socketPath, sql, database);
  }

  /** Sends a signal to the postmaster: SIGHUP reloads, SIGSTOP freezes, SIGCONT thaws. */
  signal(name: NodeJS.Signals): void {
    process.kill(this.processId, name);
  }

  /** Stops the server and keeps its data. */
  async halt(mode: StopMode = "fast"): Promise<void> {
    const postmaster = this.#postmaster;
    this.#postmaster = undefined;
    if (!postmaster || postmaster.exitCode !== null || postmaster.signalCode !== null) return;
    const exited = new Promise((resolve) => postmaster.once("exit", resolve));
    postmaster.kill(({ smart: "SIGTERM", fast: "SIGINT", immediate: "SIGQUIT" } as const)[mode]);
    await exited;
  }

  /** Stops and starts on the same port. */
  async restart(mode: StopMode = "fast"): Promise<void> {
    await this.halt(mode);
    await this.#launch();
  }

  /** Stops the server and removes all of it. */
  async stop(mode: StopMode = "immediate"): Promise<void> {
    await this.halt(mode);
    rmSync(this.socketDirectory, { recursive: true, force: true });
  }

  /** A hot standby that follows this cluster, from a cold copy: this cluster restarts once. */
  async standby(settings: Readonly<Record<string, string>> = {}): Promise<Cluster> {
    const copy = join(this.socketDirectory, "copy");
    await this.halt("fast");
    copyTree(this.dataDirectory, copy);
    await this.#launch();
    const all = { ...this.#options.settings, ...settings };
    const options = { ...this.#options, settings: all };
    try {
      return await Cluster.start(this.#programs, copy, options, this);
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  }

  /** Lets the process end while this server still runs. */
  unref(): void {
    this.#isUnreferenced = true;
    this.#postmaster?.unref();
  }

  /** Kills the server and removes its files without waiting; for the last moment of a process. */
  abandon(): void {
    this.#postmaster?.kill("SIGQUIT");
    rmSync(this.socketDirectory, { recursive: true, force: true });
  }

  get #logPath(): string {
    return join(this.socketDirectory, "log");
  }

  #pidFile(): string[] {
    return readFileSync(join(this.dataDirectory, "postmaster.pid"), "utf8").split("\n");
  }

  #write(path: string, text: string): void {
    writeFileSync(path, text, { mode: 0o600 });
    this.#programs.own(path);
  }

  async #configure(): Promise<void> {
    this.#write(join(this.dataDirectory, "pg_hba.conf"), this.#options.hba ?? this.#hba());
    if (this.#primary) this.#write(join(this.dataDirectory, "standby.signal"), "");
    if (this.#options.certificate === false) return;
    const { ca, server } = await certificates();
    const { cert, key } = this.#options.certificate ?? server;
    this.#write(join(this.socketDirectory, "server.crt"), cert);
    this.#write(join(this.socketDirectory, "server.key"), key);
    this.#write(join(this.socketDirectory, "ca.crt"), ca.cert);
  }

  #hba(): string {
    const needsTls = /^(hostssl|hostnossl)/;
    const lines = HBA.split("\n");
    const tls = this.#options.certificate !== false;
    return (tls ? lines : lines.filter((line) => !needsTls.test(line))).join("\n");
  }

  #settings(): Record<string, string> {
    const directory = this.socketDirectory;
    const tls = {
      ssl: "on",
      ssl_cert_file: join(directory, "server.crt"),
      ssl_key_file: join(directory, "server.key"),
      ssl_ca_file: join(directory, "ca.crt"),
    };
    const source = this.#primary &&
      `host=${this.#primary.socketDirectory} port=${this.#primary.port} user=postgres`;
    return {
      ...SETTINGS,
      port: String(this.port),
      unix_socket_directories: directory,
      ...(this.#options.certificate === false ? {} : tls),
      ...(source ? { primary_conninfo: source, hot_standby: "on" } : {}),
      ...this.#options.settings,
    };
  }

  /** Another process can take the port between its choice and the server's start. */
  async #launchOnFreePort(): Promise<void> {
    for (let attempt = 1;; attempt++) {
      this.port = await freePort();
      try {
        return await this.#launch();
      } catch (error) {
        if (attempt === 3 || !String(error).includes(TAKEN)) throw error;
      }
    }
  }

  async #launch(): Promise<void> {
    this.#write(join(this.dataDirectory, "postgresql.conf"), configuration(this.#settings()));
    rmSync(join(this.dataDirectory, "postmaster.pid"), { force: true });
    const logged = existsSync(this.#logPath) ? this.log().length : 0;
    const log = openSync(this.#logPath, "a");
    const postmaster = this.#programs.start("postgres", ["-D", this.dataDirectory], log);
    closeSync(log);
    this.#postmaster = postmaster;
    if (this.#isUnreferenced) postmaster.unref();
    let dead: string | undefined;
    postmaster.on("exit", (code, signal) => dead = `ended: ${code ?? signal}`);
    postmaster.on("error", (error) => dead = error.message);
    const deadline = Date.now() + 30_000;
    while (!this.#isReady()) {
      if (Date.now() > deadline) dead = "did not get ready in 30 s";
      if (dead) throw new Error(`postgres ${dead}\n${this.log().slice(-3000)}`);
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    // It starts all the same if it can listen on another address.
    if (!this.log().slice(logged).includes(TAKEN)) return;
    await this.halt();
    throw new Error(`postgres: ${TAKEN} on port ${this.port}`);
  }

  /** The eighth line of postmaster.pid is the server's state. */
  #isReady(): boolean {
    if (!existsSync(join(this.dataDirectory, "postmaster.pid"))) return false;
    const state = this.#pidFile()[7]?.trim();
    return state === "ready" || (this.#primary !== undefined && state === "standby");
  }
}

/** In the server's log, if another process has its port. */
const TAKEN = 'could not create listen socket for "127.0.0.1"';

/** A data directory with the roles in it, made once per version and user. */
function templateOf(programs: ServerPrograms): Promise<string> {
  const { version, user } = programs;
  return cached(`template-1-${version}-${user?.uid ?? "self"}`, (directory) => {
    const workshop = temporaryDirectory(programs);
    try {
      const data = join(workshop, "data");
      const how = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
      programs.run("initdb", ["-D", data, ...how, "--wal-segsize=1"]);
      const output = programs.run("postgres", ["--single", "-D", data, "postgres"], rolesSql());
      if (/ERROR|FATAL/.test(output)) throw new Error(`creating the roles: ${output}`);
      rmSync(directory, { recursive: true });
      copyTree(data, directory);
    } finally {
      rmSync(workshop, { recursive: true, force: true });
    }
  });
}

/** Short, because a Unix socket's path may have 107 bytes; named after its owner, to be swept. */
function temporaryDirectory(programs: ServerPrograms): string {
  sweep();
  const directory = mkdtempSync(join(TEMPORARY, `pgc-${process.pid}-`));
  chmodSync(directory, 0o755);
  programs.own(directory);
  return directory;
}

const TEMPORARY = "/tmp";

/** Removes what processes that were killed have left. */
function sweep(): void {
  for (const name of readdirSync(TEMPORARY)) {
    const pid = /^pgc-(\d+)-/.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    try {
      rmSync(join(TEMPORARY, name), { recursive: true, force: true });
    } catch {
      // another user's
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}

/** With owners, modes and sparse files as they are; `cp` can also share blocks. */
function copyTree(from: string, to: string): void {
  const copied = spawnSync("cp", ["-a", "--reflink=auto", from, to]);
  if (copied.status === 0) return;
  mkdirSync(to, { recursive: true });
  cpSync(from, to, { recursive: true, preserveTimestamps: true });
  chmodSync(to, 0o700);
}
