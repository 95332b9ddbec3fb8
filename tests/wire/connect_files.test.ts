/** Special files in the settings: pipes without a writer and endless devices do not block connecting. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import {
  connect,
  type ConnectOptions,
  InterfaceError,
  OperationalError,
  type Runtime,
} from "../../mod.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import { failure } from "../_kit/outcomes.ts";
import { certificates } from "../_kit/certs.ts";
import { expect, expectClose, send, withServer } from "../_kit/scripted_server.ts";
import { authenticationCleartextPassword } from "../_kit/server_messages.ts";
import { reach } from "./hostile.ts";

const skip = process.platform === "win32" && "named pipes are none of the file system's";

/** A named pipe without a writer. */
async function withPipe(body: (path: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "cornac-pipe-"));
  const path = join(directory, "pipe");
  try {
    execFileSync("mkfifo", ["-m", "600", path]);
    await body(path);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test("files: a password file that is a pipe is ignored, and named when a password is missed", {
  skip,
}, () =>
  withPipe((passfile) => {
    const script = [expect("startup"), send(authenticationCleartextPassword()), expectClose()];
    return withServer(script, async (server) => {
      const error = await failure(connect(reach(server, { passfile })));
      assert.ok(error instanceof InterfaceError);
      assert.ok(
        error.message.endsWith(
          `none was provided; the password file "${passfile}" is ignored: it is not a plain file`,
        ),
        error.message,
      );
    });
  }));

test("files: a private key that is a pipe is refused", { skip }, () =>
  withPipe(async (sslKey) => {
    const { client } = await certificates();
    const options = { user: "u", sslMode: "require", sslCert: client.certPath, sslKey } as const;
    const error = await failure(connect(options));
    assert.ok(error instanceof InterfaceError);
    assert.equal(error.message, `private key file "${sslKey}" is not a plain file`);
  }));

/** Every parameter that names a file, as an option and as a keyword of a connection string. */
const FILES: readonly (readonly [string, (path: string) => ConnectOptions])[] = [
  ["sslrootcert", (path) => ({ sslMode: "verify-ca", sslRootCert: path })],
  ["sslcert", (path) => ({ sslMode: "require", sslCert: path })],
  ["sslcrl", (path) => ({ sslMode: "verify-ca", sslRootCert: CA, sslCrl: path })],
  ["servicefile", (path) => ({ service: "s", servicefile: path })],
];
const { ca: { cert: CA } } = await certificates();

for (const [keyword, options] of FILES) {
  test(
    `files: ${keyword} may not be a pipe, a device or a directory`,
    { skip },
    () =>
      withPipe(async (pipe) => {
        for (const path of [pipe, "/dev/zero", "/dev/stdin", tmpdir()]) {
          const error = await failure(connect({ user: "u", ...options(path) }));
          assert.ok(error instanceof InterfaceError, String(error));
          assert.equal(error.message, `file "${path}" is not a plain file`);
          const { sslMode: sslmode, sslRootCert, service } = options(path);
          const text = new URLSearchParams({
            [keyword]: path,
            sslmode: sslmode ?? "prefer",
          });
          if (service !== undefined) text.set("service", service);
          const same = connect(`postgres://u@127.0.0.1/?${text}`, { sslRootCert });
          assert.equal((await failure(same)).message, `file "${path}" is not a plain file`);
        }
      }),
  );
}

test("files: a file longer than 16 MiB is refused by its name", { skip }, async () => {
  const directory = mkdtempSync(join(tmpdir(), "cornac-long-"));
  const path = join(directory, "long");
  try {
    writeFileSync(path, "");
    truncateSync(path, 17 * 2 ** 20);
    for (const [, options] of FILES) {
      const error = await failure(connect({ user: "u", ...options(path) }));
      assert.ok(error instanceof InterfaceError, String(error));
      assert.equal(error.message, `file "${path}" is longer than 16777216 bytes`);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

/** A runtime whose file system never answers, as that of a network that is gone. */
async function stuckRuntime(): Promise<Runtime> {
  return { ...await detectRuntime(), readTextFile: () => new Promise(() => {}) };
}

test("files: connectTimeout limits the wait for a file that does not come", async () => {
  const runtime = await stuckRuntime();
  for (const [, options] of FILES) {
    const error = await failure(
      connect({ user: "u", connectTimeout: 0.01, runtime, ...options("/gone") }),
    );
    assert.ok(error instanceof OperationalError, String(error));
    assert.equal(
      error.message,
      "connect timed out after 0.01 s (connectTimeout) while reading the files that the settings name",
    );
  }
});

test("files: a signal ends the wait for a file that does not come", async () => {
  const runtime = await stuckRuntime();
  const signal = AbortSignal.timeout(10);
  const error = await failure(connect({ service: "s", servicefile: "/gone", signal, runtime }));
  assert.equal(error, signal.reason);
});
