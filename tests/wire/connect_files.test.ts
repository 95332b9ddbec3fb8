/** Files that are none: pipes that nobody writes to and devices without an end do not hold connecting up. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { connect, type ConnectOptions, InterfaceError } from "../../mod.ts";
import { failure } from "../_kit/outcomes.ts";
import { certificates } from "../_kit/certs.ts";
import { expect, expectClose, send, withServer } from "../_kit/scripted_server.ts";
import { authenticationCleartextPassword } from "../_kit/server_messages.ts";
import { reach } from "./hostile.ts";

const skip = process.platform === "win32" && "named pipes are none of the file system's";

/** A named pipe that nobody writes to. */
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

test("files: one without an end is refused by its name", { skip }, async () => {
  const endless: readonly ConnectOptions[] = [
    { sslMode: "verify-ca", sslRootCert: "/dev/zero" },
    { service: "s", servicefile: "/dev/zero" },
  ];
  for (const options of endless) {
    const error = await failure(connect({ user: "u", ...options }));
    assert.ok(error instanceof InterfaceError, String(error));
    assert.match(error.message, /^file "\/dev\/zero" is longer than \d+ bytes$/);
  }
});

test(
  "files: a signal ends the wait for one that does not come",
  { skip },
  () =>
    withPipe(async (servicefile) => {
      const signal = AbortSignal.timeout(50);
      const error = await failure(connect({ service: "s", servicefile, signal }));
      assert.equal(error, signal.reason);
      // Lets go of the thread that waits for it.
      writeFileSync(servicefile, "");
    }),
);
