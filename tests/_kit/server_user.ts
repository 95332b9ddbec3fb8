/**
 * Running server programs. PostgreSQL refuses to run as root, so root hands over to an unprivileged
 * user, and copies the binaries where that user cannot read them.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chownSync, cpSync, existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { postgresBinaries } from "../../scripts/toolchain.ts";

/** PostgreSQL's programs of one version, and the user who may run them. */
export class ServerPrograms {
  readonly version: string;
  readonly #bin: string;
  /** `undefined`: the user who runs the tests. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;

  constructor(version: string, bin: string, user: ServerPrograms["user"]) {
    this.version = version;
    this.#bin = bin;
    this.user = user;
  }

  /** Runs a program to its end and returns what it wrote; throws when it fails. */
  run(program: string, args: readonly string[], input = ""): string {
    const done = spawnSync(join(this.#bin, program), [...args], {
      ...this.user,
      ...SURROUNDINGS,
      input,
      encoding: "utf8",
    });
    const output = `${done.stdout}${done.stderr}`;
    if (done.status !== 0) throw new Error(`${program}: ${done.error ?? output}`);
    return output;
  }

  /** Starts a program that ends when this process does, however that happens (where possible). */
  start(program: string, args: readonly string[], log: number): ChildProcess {
    const path = join(this.#bin, program);
    const stdio = ["ignore", log, log] as ("ignore" | number)[];
    if (!existsSync(SETPRIV)) {
      return spawn(path, [...args], { ...this.user, ...SURROUNDINGS, stdio });
    }
    const drop = this.user
      ? [`--reuid=${this.user.uid}`, `--regid=${this.user.gid}`, "--clear-groups"]
      : [];
    const tethered = [...drop, "--pdeathsig", "INT", path, ...args];
    return spawn(SETPRIV, tethered, { ...SURROUNDINGS, stdio });
  }

  /** Gives a file to the server's user. */
  own(path: string): void {
    if (this.user) chownSync(path, this.user.uid, this.user.gid);
  }
}

/** The programs of a major version, installed if need be. */
export async function serverPrograms(major: number): Promise<ServerPrograms> {
  const { bin, version } = await postgresBinaries(major);
  if (process.getuid?.() !== 0) return new ServerPrograms(version, bin, undefined);
  return asUnprivileged(version, bin) ?? asUnprivileged(version, readableCopy(version, bin)) ??
    refuseRoot(`PostgreSQL ${version}`);
}

// The repository may lie where that user must not even look.
const SURROUNDINGS = {
  cwd: "/",
  env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C", TZ: "UTC" },
} as const;
const SETPRIV = "/usr/bin/setpriv";

/** Programs that lie in a directory already, for a user other than root; `program` is one of them. */
export function programsIn(bin: string, program: string): ServerPrograms {
  if (process.getuid?.() !== 0) return new ServerPrograms("", bin, undefined);
  return asUnprivileged("", bin, program) ?? refuseRoot(program);
}

/** initdb wants a user with an entry in /etc/passwd. */
function asUnprivileged(
  version: string,
  bin: string,
  program = "postgres",
): ServerPrograms | undefined {
  const entries = readFileSync("/etc/passwd", "utf8").split("\n").map((line) => line.split(":"));
  for (const wanted of ["postgres", "nobody"]) {
    const entry = entries.find(([name]) => name === wanted);
    if (!entry) continue;
    const user = { uid: Number(entry[2]), gid: Number(entry[3]) };
    const path = join(bin, program);
    const tried = spawnSync(path, ["--version"], { ...user, ...SURROUNDINGS });
    if (tried.status === 0) return new ServerPrograms(version, bin, user);
  }
  return undefined;
}

function readableCopy(version: string, bin: string): string {
  const copy = join(tmpdir(), `cornac-postgres-${version}`);
  if (!existsSync(copy)) {
    const unfinished = `${copy}.${process.pid}`;
    cpSync(join(bin, ".."), unfinished, { recursive: true, verbatimSymlinks: true });
    spawnSync("chmod", ["-R", "a+rX", unfinished]);
    try {
      renameSync(unfinished, copy);
    } catch (error) {
      if (!existsSync(copy)) throw error;
      rmSync(unfinished, { recursive: true }); // another process was faster
    }
  }
  return join(copy, "bin");
}

function refuseRoot(program: string): never {
  throw new Error(`root cannot run ${program}, and neither may the users "postgres" and "nobody"`);
}
