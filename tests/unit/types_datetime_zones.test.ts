import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const PROGRAM = fileURLToPath(new URL("./types_datetime_zones.ts", import.meta.url));
/** Each zone's minutes east of Greenwich on three dates, which prove that the subprocess uses it. */
const ZONES: Readonly<Record<string, string>> = {
  "UTC": "0 0 0",
  "Asia/Tokyo": "540 540 540",
  "America/New_York": "-240 -300 -240",
  "Europe/Rome": "120 60 120",
  "Pacific/Apia": "-660 -600 780",
  "Asia/Kathmandu": "330 345 345",
};

for (const [zone, offsets] of Object.entries(ZONES)) {
  test(
    `no day depends on the process's zone ${zone}: those on which its clock changes, and others`,
    { timeout: 60_000 },
    async () => {
      const started = "Deno" in globalThis ? ["run", "-A", "--no-check", PROGRAM] : [PROGRAM];
      const { stdout } = await promisify(execFile)(process.execPath, started, {
        env: { ...process.env, TZ: zone },
      });
      assert.equal(stdout, `offsets ${offsets}\nchecked\n`);
    },
  );
}
