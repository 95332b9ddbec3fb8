import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InterfaceError, NotSupportedError } from "../../mod.ts";
import { baseBackup } from "../../src/replication/backup_command.ts";
import * as commands from "../../src/replication/commands.ts";
import { Lsn } from "../../src/replication/lsn.ts";
import { entriesOf } from "../../src/replication/timeline.ts";
import { clock, dateOf } from "../../src/replication/wal_time.ts";

/** A text by version: the major version from which on it is sent, in ascending order. */
type ByVersion = readonly (readonly [since: number, text: string | RegExp])[];

const TABLE: readonly (readonly [string, (major: number) => string, ByVersion])[] = [
  ["a logical slot", (major) => commands.createSlot(major, "s", {}), [
    [14, `CREATE_REPLICATION_SLOT "s" LOGICAL "pgoutput" NOEXPORT_SNAPSHOT`],
    [15, `CREATE_REPLICATION_SLOT "s" LOGICAL "pgoutput" (SNAPSHOT 'nothing')`],
  ]],
  [
    "a temporary slot with all options",
    (major) =>
      commands.createSlot(major, "s", {
        ...{ temporary: true, plugin: 'a"b', snapshot: "use", twoPhase: true, failover: true },
      }),
    [
      [14, /failover needs PostgreSQL 17; the server is/],
      [
        17,
        `CREATE_REPLICATION_SLOT "s" TEMPORARY LOGICAL "a""b" (SNAPSHOT 'use', TWO_PHASE, FAILOVER)`,
      ],
    ],
  ],
  ["a slot with two-phase commit", (major) => commands.createSlot(major, "s", { twoPhase: true }), [
    [14, /twoPhase needs PostgreSQL 15/],
    [15, `CREATE_REPLICATION_SLOT "s" LOGICAL "pgoutput" (SNAPSHOT 'nothing', TWO_PHASE)`],
  ]],
  [
    "a physical slot",
    (major) => commands.createSlot(major, "s", { kind: "physical", reserveWal: true }),
    [
      [14, `CREATE_REPLICATION_SLOT "s" PHYSICAL RESERVE_WAL`],
      [15, `CREATE_REPLICATION_SLOT "s" PHYSICAL (RESERVE_WAL)`],
    ],
  ],
  ["failover of a slot", (major) => commands.alterSlot(major, "s", { failover: false }), [
    [14, /failover needs PostgreSQL 17/],
    [17, `ALTER_REPLICATION_SLOT "s" (FAILOVER false)`],
  ]],
  ["two-phase commit of a slot", (major) => commands.alterSlot(major, "s", { twoPhase: true }), [
    [14, /twoPhase needs PostgreSQL 18/],
    [18, `ALTER_REPLICATION_SLOT "s" (TWO_PHASE true)`],
  ]],
  ["the position of a slot", (major) => commands.readSlot(major, "s"), [
    [14, /readSlot\(\) needs PostgreSQL 15/],
    [15, `READ_REPLICATION_SLOT "s"`],
  ]],
  [
    "a base backup",
    (major) => baseBackup(major, { label: "it's", checkpoint: "fast", wait: false }),
    [
      [14, "BASE_BACKUP LABEL 'it''s' FAST NOWAIT MANIFEST 'yes'"],
      [15, "BASE_BACKUP (LABEL 'it''s', CHECKPOINT 'fast', WAIT false, MANIFEST 'yes')"],
    ],
  ],
  [
    "a base backup with all options",
    (major) =>
      baseBackup(major, {
        ...{ progress: true, wal: true, tablespaceMap: true, verifyChecksums: false },
        ...{ maxRate: 32, manifest: "force-encode", manifestChecksums: "SHA256" },
      }),
    [
      [
        14,
        "BASE_BACKUP PROGRESS WAL TABLESPACE_MAP NOVERIFY_CHECKSUMS MAX_RATE 32 " +
        "MANIFEST 'force-encode' MANIFEST_CHECKSUMS 'SHA256'",
      ],
      [
        15,
        "BASE_BACKUP (PROGRESS, WAL, TABLESPACE_MAP, VERIFY_CHECKSUMS false, MAX_RATE 32, " +
        "MANIFEST 'force-encode', MANIFEST_CHECKSUMS 'SHA256')",
      ],
    ],
  ],
  [
    "a compressed base backup",
    (m) => baseBackup(m, { compression: "gzip", compressionDetail: 3 }),
    [
      [14, /compression needs PostgreSQL 15/],
      [15, "BASE_BACKUP (COMPRESSION 'gzip', COMPRESSION_DETAIL '3', MANIFEST 'yes')"],
    ],
  ],
  ["an incremental base backup", (major) => baseBackup(major, { incremental: new Uint8Array(1) }), [
    [14, /incremental needs PostgreSQL 17/],
    [17, "BASE_BACKUP (MANIFEST 'yes', INCREMENTAL)"],
  ]],
];

describe("replication commands by version", () => {
  for (const [name, make, versions] of TABLE) {
    it(name, () => {
      for (const major of [14, 15, 16, 17, 18]) {
        const [, expected] = versions.findLast(([since]) => since <= major)!;
        if (typeof expected === "string") assert.equal(make(major), expected);
        else {
          assert.throws(
            () => make(major),
            (error: Error) => error instanceof NotSupportedError && expected.test(error.message),
          );
        }
      }
    });
  }

  it("the starts of streams", () => {
    const at = Lsn.parse("1/2");
    assert.equal(commands.startLogical("s", at, {}), `START_REPLICATION SLOT "s" LOGICAL 1/2`);
    const options = { "a b": "it's", n: 1, off: false, absent: undefined };
    assert.equal(
      commands.startLogical("s", Lsn.zero, options),
      `START_REPLICATION SLOT "s" LOGICAL 0/0 ("a b" 'it''s', "n" '1', "off" 'false')`,
    );
    assert.equal(
      commands.startPhysical(undefined, at, undefined),
      "START_REPLICATION PHYSICAL 1/2",
    );
    const whole = `START_REPLICATION SLOT "s" PHYSICAL 1/2 TIMELINE 3`;
    assert.equal(commands.startPhysical("s", at, 3), whole);
    for (const timeline of [0, 1.5, -1, 2 ** 32, NaN]) {
      assert.throws(() => commands.timelineHistory(timeline), InterfaceError);
    }
    assert.throws(() => commands.startLogical("s", at, { a: "\0" }), InterfaceError);
    assert.equal(commands.show("a.b"), `SHOW "a"."b"`);
    assert.throws(() => baseBackup(18, { maxRate: 31 }), InterfaceError);
  });
});

describe("pain 22: times and histories", () => {
  it("the epoch is 2000-01-01 00:00:00 UTC, in microseconds", () => {
    assert.equal(dateOf(0n).getTime(), 946_684_800_000);
    assert.equal(dateOf(848_448_000_123_456n).toISOString(), "2026-11-20T00:00:00.123Z");
    assert.equal(dateOf(-1_000_000n).toISOString(), "1999-12-31T23:59:59.000Z");
    assert.ok(Math.abs(dateOf(clock()).getTime() - Date.now()) < 60_000);
  });

  it("a history file has a line for each predecessor; blank lines and comments are none", () => {
    const entries = entriesOf(
      "# a comment\n1\t0/3000158\tno recovery target specified\n\n2\tA/0\tx\n",
    );
    assert.deepEqual(entries.map(({ timeline, end, reason }) => [timeline, String(end), reason]), [
      [1, "0/3000158", "no recovery target specified"],
      [2, "A/0", "x"],
    ]);
    assert.deepEqual(entriesOf(""), []);
    assert.throws(() => entriesOf("one 0/0"), /malformed number/);
  });
});
