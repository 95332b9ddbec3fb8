/**
 * The tests that run in workerd as well (scripts/workerd): the group `wire` without the files listed
 * here, and a selection of `server`; and those of them that cannot hold there, each with its reason.
 */
import type { Exclusion, LeftOut } from "./exclusions.ts";

const PROCESSES = "it starts processes, which workerd cannot";
const TLS =
  "a Worker's TLS trusts public authorities only and has neither ALPN nor client certificates; " +
  "the refusal of each option is tested by the bundles (scripts/bundles/worker.mjs)";

const REQUESTS = "a change stream outlives a request, which is all that a Worker has";

/** Files of `wire` that are not run. */
export const LEFT_OUT: readonly LeftOut[] = [
  ["tests/wire/black_hole.test.ts", PROCESSES],
  ["tests/wire/black_hole_work.test.ts", PROCESSES],
  ["tests/wire/bun_dial.test.ts", "it tests Bun's own sockets"],
  ["tests/wire/bun_stream.test.ts", "it tests Bun's own sockets"],
  ["tests/wire/connect_binding.test.ts", "channel binding needs the certificate of the server"],
  ["tests/wire/connect_files.test.ts", "Workers have no files"],
  [
    "tests/wire/connect_messages.test.ts",
    "it compares texts of the system's network errors, of which a Worker learns none",
  ],
  ["tests/wire/connect_oauth.test.ts", TLS],
  ["tests/wire/connect_permitted.test.ts", "it tests Deno's permissions"],
  ["tests/wire/connect_tls.test.ts", TLS],
  ["tests/wire/connect_user.test.ts", PROCESSES],
  ["tests/wire/fault_proxy.test.ts", "it tests the kit, whose sockets are not workerd's"],
  ["tests/wire/forged_certificates.test.ts", TLS],
  ["tests/wire/idle_death.test.ts", PROCESSES],
  ["tests/wire/replication_backup.test.ts", REQUESTS],
  ["tests/wire/replication_hostile.test.ts", REQUESTS],
  ["tests/wire/replication_stream.test.ts", REQUESTS],
  ["tests/wire/scripted_server.test.ts", "it tests the kit, whose sockets are not workerd's"],
  ["tests/wire/sock_cancel.test.ts", "Duplex.toWeb() of workerd does not end what it wraps"],
  ["tests/wire/stream_tls.test.ts", TLS],
  ["tests/wire/stream_tls_settings.test.ts", TLS],
  ["tests/wire/trace.test.ts", PROCESSES],
  ["tests/wire/unhandled.test.ts", PROCESSES],
];

/** The tests of `server` that run in workerd. */
export const SELECTED: readonly string[] = [
  ...["batch", "copy_in", "copy_out", "copy_rows", "large_object", "listen", "parameters"],
  ...["prepare", "query", "query_cancel", "sql", "stream", "stream_stop", "transaction"],
].map((name) => `tests/server/${name}.test.ts`);

const RESET = "workerd reports a reset as an orderly end";
const ROOT = "Workers cannot trust a root of the test";
const ONE_FILE = "driver and test are one bundled file, so that a stack shows no caller";
const NODE_STREAM = "Workers take pairs of web streams, not Node's streams";
const GIVEN_TLS = "Workers cannot start TLS over a given sock";

/** Tests that cannot hold in workerd. */
export const EXCLUSIONS: readonly Exclusion[] = [
  { test: "a local address is bound", reason: "Workers cannot bind a local address" },
  { test: "a Unix socket carries bytes both ways", reason: "Workers have no Unix sockets" },
  {
    test: "a refused connection rejects with a message",
    reason: "Workers have no Unix sockets, which it tries, too",
  },
  {
    test: "an aborted attempt rejects with the reason",
    reason: PROCESSES,
  },
  { test: "an unref'd stream, …", reason: PROCESSES },
  { test: "a stream that reads keeps the process alive", reason: PROCESSES },
  ...excluded(RESET, [
    "a reset is reported once, with its cause",
    "the loss of a peer before start is reported after start",
    "hostile server: resets the connection while a reply is due",
    "hostile server: resets while three are pipelined",
    "hostile server at startup: resets before the first byte",
    "hostile server at startup: resets in the middle of SCRAM",
    "hostile server at startup: resets in place of answering SSLRequest",
  ]),
  ...excluded(ROOT, [
    "auth: over TLS the login is bound to the channel when the server offers it",
    "hostile server at startup: agrees to TLS, shakes hands and closes",
    "hostile TLS: a server that presents a certificate of another authority is refused, and nothing in plain text is sent",
    "hostile TLS: a server that presents an expired certificate is refused, and nothing in plain text is sent",
  ]),
  {
    test: "hostile TLS: bytes injected in plain text never appear in the encrypted session",
    reason: `${ROOT}; it holds where the bytes arrive with the S`,
    sometimes: true,
  },
  {
    test: "a write to a peer that does not read waits, then arrives intact",
    reason: "the peer outside reads ahead, as far as the channel's buffers reach",
    sometimes: true,
  },
  {
    test: "stream: a connection that breaks, and destroy(), end the loop",
    reason: "the kit's proxy does not close behind a Worker that reads nothing; cause unknown",
  },
  {
    test: "copy out: a timeout ends it, whether or not the server waits",
    reason: "timers of workerd wait as long as bytes are at hand",
    sometimes: true,
  },
  ...excluded(ROOT, [
    "time: silence while waiting for the TLS handshake ends with connectTimeout (sslMode require)",
    "time: a signal ends silence while waiting for the TLS handshake (sslMode require)",
  ]),
  ...excluded("Workers have no ALPN, which direct TLS needs", [
    "time: silence while waiting for the TLS handshake ends with connectTimeout (direct TLS)",
    "time: a signal ends silence while waiting for the TLS handshake (direct TLS)",
  ]),
  ...excluded("its black hole is a thread", [
    "time: a host that does not answer ends with connectTimeout (sslMode disable)",
    "time: a host that does not answer ends with connectTimeout (sslMode require)",
  ]),
  { test: "time: the process ends by itself after connecting was given up …", reason: PROCESSES },
  ...excluded(ONE_FILE, [
    "copy in: the caller's line is in the stack of the server's error",
    "query: the error's stack names this file",
    "pool: while no connection was ever made, a server that is away fails each call at once",
    "pool: with waitForServer callers wait, and the error says what the attempts said",
  ]),
  { test: "an adopted connection > a net.Socket …", reason: NODE_STREAM },
  { test: "an adopted connection > a Duplex …", reason: NODE_STREAM },
  ...excluded(GIVEN_TLS, [
    "an adopted connection > a pair of web streams carries TLS after one plain byte",
    "an adopted connection > a pair of web streams is closed when the certificate is refused",
    "an adopted connection > a conn with read and write carries TLS after one plain byte",
    "an adopted connection > a conn with read and write is closed when the certificate is refused",
  ]),
  {
    test: "a pair of web streams > half-close ends the peer's reading only",
    reason: "Duplex.toWeb() of workerd does not end what it wraps",
  },
  {
    test: "hosts: after an unknown name the next host is tried; both failures are reported",
    reason: "workerd resolves names itself and does not report that one is unknown",
  },
  {
    test: "protocol: a sock that is dropped at 3.2 cannot be asked again",
    reason: NODE_STREAM,
  },
];

function excluded(reason: string, tests: readonly string[]): Exclusion[] {
  return tests.map((test) => ({ test, reason }));
}
