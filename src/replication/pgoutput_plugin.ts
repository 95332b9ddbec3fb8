import { InterfaceError, NotSupportedError } from "../errors/errors.ts";
import { PgOutputDecoder } from "./pgoutput.ts";
import type { LogicalOptions, LogicalPlugin } from "./plugin.ts";

/** The options of {@linkcode pgoutput}. */
export interface PgOutputOptions {
  /**
   * The version of pgoutput's protocol: 1, 2 (streaming of transactions in progress; PostgreSQL 14),
   * 3 (two-phase commit; 15) or 4 (parallel streaming; 16). Default: the server's highest.
   */
  readonly protocol?: 1 | 2 | 3 | 4 | undefined;
}

/**
 * Returns the output plugin pgoutput, which is part of PostgreSQL and the default of a stream.
 *
 * @throws {InterfaceError} there is no such version of the protocol.
 *
 * @example
 * ```ts
 * import { pgoutput } from "@cornac/pg/replication";
 *
 * pgoutput({ protocol: 2 }).name; // → "pgoutput"
 * ```
 */
export function pgoutput({ protocol }: PgOutputOptions = {}): LogicalPlugin {
  if (protocol !== undefined && ![1, 2, 3, 4].includes(protocol)) {
    throw new InterfaceError("pgoutput: protocol must be 1, 2, 3 or 4");
  }
  return {
    name: "pgoutput",
    startOptions: (version, options) => startOptions(version, protocol, options),
    decoder: (context) => new PgOutputDecoder(context),
  };
}

/** The major version of PostgreSQL that an option needs. Source: manual, "Logical Streaming Replication Parameters". */
const SINCE = { binary: 14, messages: 14, streaming: 14, parallel: 16, twoPhase: 15, origin: 16 };

function startOptions(
  version: number,
  protocol: number | undefined,
  options: LogicalOptions,
): Record<string, string> {
  const { publications, binary = true, streaming = false, messages, origin, twoPhase } = options;
  const major = Math.floor(version / 10_000);
  const need = (since: number, option: string): void => {
    if (major >= since) return;
    throw new NotSupportedError(`${option} needs PostgreSQL ${since}; this server is ${major}`);
  };
  const highest = major >= 16 ? 4 : major - 12;
  if ((protocol ?? 1) > highest) need((protocol ?? 1) + 12, `protocol ${protocol} of pgoutput`);
  const chosen: Record<string, string> = {
    proto_version: String(protocol ?? Math.max(1, highest)),
    publication_names: publications.map(quoted).join(","),
  };
  if (binary && (options.binary === true || major >= SINCE.binary)) {
    need(SINCE.binary, "binary: true");
    chosen.binary = "true";
  }
  if (streaming !== false) {
    need(streaming === "parallel" ? SINCE.parallel : SINCE.streaming, `streaming: "${streaming}"`);
    chosen.streaming = streaming;
  }
  if (messages === true) {
    need(SINCE.messages, "messages: true");
    chosen.messages = "true";
  }
  if (origin === "none") {
    need(SINCE.origin, `origin: "none"`);
    chosen.origin = "none";
  }
  if (twoPhase === true) {
    need(SINCE.twoPhase, "twoPhase: true");
    chosen.two_phase = "true";
  }
  return chosen;
}

/** Returns a name as an identifier within the list of publications. */
function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
