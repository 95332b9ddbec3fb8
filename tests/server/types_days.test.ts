import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { defaultMajor, sharedServer } from "../_kit/servers.ts";

const PROGRAM = fileURLToPath(new URL("./types_days.ts", import.meta.url));
/** Each zone's minutes east of Greenwich on three dates, which prove that the subprocess uses it. */
const ZONES: Readonly<Record<string, string>> = {
  "UTC": "0 0 0",
  "Asia/Tokyo": "540 540 540",
  "America/New_York": "-240 -300 -240",
  "Europe/Rome": "120 60 120",
  "Pacific/Apia": "-660 -600 780",
  "Asia/Kathmandu": "330 345 345",
};

// A day's bytes and text are the same in every version: one is enough.
const major = defaultMajor();

for (const [zone, offsets] of Object.entries(ZONES)) {
  test(
    `every day from 1900 to 2100, and others since 4713 BC, goes to PostgreSQL ${major} and back in ${zone}`,
    { timeout: 120_000 },
    async () => {
      const { host, port } = await sharedServer(major);
      const command = "Deno" in globalThis ? ["run", "-A", "--no-check", PROGRAM] : [PROGRAM];
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [...command, host, String(port), zone],
        { env: { ...process.env, TZ: zone } },
      );
      const reads = "read 73414\nread 73414\nread 10901\nread 10901\n";
      assert.equal(stdout, `offsets ${offsets}\n${reads}written 73414, the same 73414\n`);
    },
  );
}
