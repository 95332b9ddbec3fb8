/** The text of BASE_BACKUP, by the server's major version. Source: basebackup.c, `parse_basebackup_options`. */
import { InterfaceError, NotSupportedError } from "../errors/errors.ts";
import type { CommandOptions } from "./command_request.ts";
import { needs, quoteString } from "./commands.ts";

/** The options of a base backup. Absent ones are the server's defaults, but for `manifest`. */
export interface BaseBackupOptions extends CommandOptions {
  /** The label in `backup_label`. Default: `base backup`. */
  label?: string | undefined;
  /** `fast`: an immediate checkpoint. Default: `spread`, which may take minutes. */
  checkpoint?: "fast" | "spread" | undefined;
  /** Whether the server estimates the size and reports progress. Default `false`. */
  progress?: boolean | undefined;
  /** Whether the archives include the WAL that makes the backup consistent. Default `false`. */
  wal?: boolean | undefined;
  /** Whether the server waits until the WAL of the backup is archived. Default `true`. */
  wait?: boolean | undefined;
  /** How the server compresses the archives (PostgreSQL 15, if it was built with it). Default: not. */
  compression?: "gzip" | "lz4" | "zstd" | undefined;
  /** A level, or keywords such as `"level=3,workers=2"`, for `compression`. */
  compressionDetail?: string | number | undefined;
  /** The greatest rate in kilobytes per second, 32 to 1048576. Default: no limit. */
  maxRate?: number | undefined;
  /** Whether `tablespace_map` lists the links of tablespaces. Default `false`. */
  tablespaceMap?: boolean | undefined;
  /** Whether checksums of pages are verified. Default `true`. */
  verifyChecksums?: boolean | undefined;
  /** Whether the backup ends with a manifest; `force-encode` writes all names in hexadecimal. Default `yes`. */
  manifest?: "yes" | "no" | "force-encode" | undefined;
  /** The checksums of the manifest. Default `CRC32C`. */
  manifestChecksums?: "NONE" | "CRC32C" | "SHA224" | "SHA256" | "SHA384" | "SHA512" | undefined;
  /** Where the archives go: to the client, into a directory of the server, or nowhere (PostgreSQL 15). */
  target?: "client" | "server" | "blackhole" | undefined;
  /** The directory of the target `server`. */
  targetDetail?: string | undefined;
  /** The manifest of an earlier backup: only what has changed since is sent (PostgreSQL 17). */
  incremental?: Uint8Array | undefined;
}

/** Returns the text of the command. */
export function baseBackup(major: number, options: BaseBackupOptions): string {
  const list = major >= 15 ? generic(options, major) : keywords(options);
  return major >= 15 ? `BASE_BACKUP (${list.join(", ")})` : `BASE_BACKUP ${list.join(" ")}`;
}

function generic(options: BaseBackupOptions, major: number): string[] {
  const { compression, compressionDetail, target, targetDetail, incremental } = options;
  const { wait, verifyChecksums } = options;
  if (incremental !== undefined) needs("incremental", 17, major);
  return [
    ...text("LABEL", options.label),
    ...text("CHECKPOINT", options.checkpoint),
    ...flags(options, FLAGS),
    ...(wait === undefined ? [] : [`WAIT ${wait === true}`]),
    ...(verifyChecksums === undefined ? [] : [`VERIFY_CHECKSUMS ${verifyChecksums === true}`]),
    ...text("COMPRESSION", compression),
    ...text("COMPRESSION_DETAIL", compressionDetail),
    ...rate(options.maxRate),
    ...text("MANIFEST", options.manifest ?? "yes"),
    ...text("MANIFEST_CHECKSUMS", options.manifestChecksums),
    ...text("TARGET", target),
    ...text("TARGET_DETAIL", targetDetail),
    ...(incremental === undefined ? [] : ["INCREMENTAL"]),
  ];
}

/** The grammar of PostgreSQL 14. */
function keywords(options: BaseBackupOptions): string[] {
  for (const name of ["compression", "compressionDetail", "target", "targetDetail"] as const) {
    if (options[name] !== undefined) needs(name, 15, 14);
  }
  if (options.incremental !== undefined) needs("incremental", 17, 14);
  return [
    ...text("LABEL", options.label),
    ...(options.checkpoint === "fast" ? ["FAST"] : []),
    ...flags(options, FLAGS),
    ...(options.wait === false ? ["NOWAIT"] : []),
    ...(options.verifyChecksums === false ? ["NOVERIFY_CHECKSUMS"] : []),
    ...rate(options.maxRate),
    ...text("MANIFEST", options.manifest ?? "yes"),
    ...text("MANIFEST_CHECKSUMS", options.manifestChecksums),
  ];
}

const FLAGS = { progress: "PROGRESS", wal: "WAL", tablespaceMap: "TABLESPACE_MAP" } as const;

function flags(options: BaseBackupOptions, names: typeof FLAGS): string[] {
  const given = Object.entries(names) as [keyof typeof FLAGS, string][];
  return given.flatMap(([option, keyword]) => options[option] ? [keyword] : []);
}

function text(keyword: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [`${keyword} ${quoteString(String(value), keyword)}`];
}

function rate(kilobytes: number | undefined): string[] {
  if (kilobytes === undefined) return [];
  if (Number.isInteger(kilobytes) && kilobytes >= 32 && kilobytes <= 1_048_576) {
    return [`MAX_RATE ${kilobytes}`];
  }
  throw new InterfaceError("maxRate is a whole number of kilobytes per second, 32 to 1048576");
}

/** Refuses servers whose replies have another form. */
export function checkBackupVersion(major: number): void {
  if (major < 13) {
    throw new NotSupportedError(`baseBackup() needs PostgreSQL 13; the server is ${major}`);
  }
}
