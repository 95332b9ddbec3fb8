/** The options of `replicate()`: each mistake is named before anything is dialled. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { InterfaceError } from "../../mod.ts";
import { Lsn, replicate, type ReplicateOptions } from "../../src/replication/replication.ts";

const RIGHT: ReplicateOptions = { slot: "s", publication: "p" };

/** Options that are wrong, and the message for each. */
const WRONG: readonly (readonly [options: object, message: RegExp])[] = [
  [{ slot: undefined }, /^slot must be given$/],
  [{ publication: undefined }, /^publication must be given$/],
  [{ slot: "Upper" }, /^slot must be a name of 1 to 63 characters of a-z, 0-9 and _$/],
  [{ slot: { name: "a", fail: true } }, /^unknown option "fail" in slot/],
  [{ slot: { create: true } }, /^slot.name must be given$/],
  [{ publication: [] }, /^publication must be a list that is not empty$/],
  [{ publication: { name: "p" } }, /^publication.create must be given$/],
  [
    { publication: { name: "p", create: { tables: [] } } },
    /publication.create.tables must be "all"/,
  ],
  [{ snapshot: "always" }, /^snapshot must be one of "initial", "never"$/],
  [{ snapshot: { parallel: 0 } }, /^snapshot.parallel must be a whole number from 1$/],
  [{ plugin: "pgoutput" }, /^plugin must be an output plugin, such as pgoutput\(\)$/],
  [{ streaming: true }, /^streaming must be one of false, "on", "parallel"$/],
  [{ from: "0/1" }, /^from must be an Lsn/],
  [{ confirm: "never" }, /^confirm must be one of "auto", "manual"$/],
  [{ statusInterval: 0 }, /^statusInterval must be a number of seconds above 0/],
  [{ windowBytes: 0.5 }, /^windowBytes must be a whole number from 1$/],
  [{ reconnect: { attempts: -1 } }, /^reconnect.attempts must be a whole number from 0$/],
  [{ onState: 1 }, /^onState must be a function$/],
  [{ onUnknownType: 1 }, /^onUnknownType must be a function$/],
  [{ signal: 1 }, /^signal must be an AbortSignal$/],
  [{ slots: "s" }, /^unknown option "slots" of replicate\(\); did you mean "slot"\?$/],
  [{ replication: "database" }, /^replication is no option of replicate\(\)/],
  [
    { queryTimeout: 1 },
    /^queryTimeout is no option of replicate\(\), because a stream has no end$/,
  ],
  [{ port: "x" }, /^port must be/],
  [{ slot: { name: "s", temporary: true, failover: true } }, /exclude each other/],
  [{ slot: { name: "s", temporary: true } }, /needs reconnect: false/],
  [{ slot: { name: "s", create: false }, snapshot: "initial" }, /^snapshot needs slot.create$/],
  [{ snapshot: "initial", from: Lsn.zero }, /^snapshot and from exclude each other$/],
  [{ onSlotLost: "snapshot" }, /needs the option snapshot$/],
];

test("wrong options of replicate() are named", () => {
  for (const [options, message] of WRONG) {
    assert.throws(
      () => replicate({ ...RIGHT, ...options } as ReplicateOptions),
      (error: Error) => {
        assert.ok(error instanceof InterfaceError, String(error));
        assert.match(error.message, message);
        return true;
      },
    );
  }
});

test("options come from the caller and never from Object.prototype", () => {
  const polluted = Object.prototype as { snapshot?: unknown };
  polluted.snapshot = "nonsense";
  try {
    replicate(RIGHT);
  } finally {
    delete polluted.snapshot;
  }
});

test("a stream is read in one way, and once", async () => {
  const stream = replicate({ ...RIGHT, signal: AbortSignal.abort() });
  assert.equal((await stream.transactions().next()).done, true, "an aborted signal: no connection");
  assert.throws(() => stream.batches(), /read already/);
  assert.throws(() => stream.batches({ maxChange: 1 } as object), /did you mean "maxChanges"/);
  await stream.closed;
  const closed = replicate(RIGHT);
  await closed.close();
  assert.equal((await closed[Symbol.asyncIterator]().next()).done, true);
});
