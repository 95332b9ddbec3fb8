import type { Url } from "../connect.ts";
import type { AnyTables } from "./change.ts";
import { ChangeStream } from "./change_stream.ts";
import type { ReplicateOptions } from "./options.ts";

/**
 * Returns the stream of a database's changes. The connection is made when the stream is first read.
 *
 * `Tables` gives the types of rows by table: `{ "public.users": { id: number; name: string } }`.
 *
 * @throws {InterfaceError} an option is missing, unknown or wrong; the message names it.
 *
 * @example
 * ```ts
 * import { replicate } from "@cornac/pg/replication";
 *
 * const changes = replicate<{ "public.users": { id: number; name: string } }>({
 *   slot: "search",
 *   publication: { name: "people", create: { tables: ["users"] } },
 *   snapshot: "initial",
 * });
 * const names: string[] = [];
 * for await (const change of changes) {
 *   if (change.kind === "snapshot" || change.kind === "insert") names.push(change.new.name);
 *   if (names.length === 3) break;
 * }
 * names; // → ["Ada", "Grace", "Edsger"]
 * ```
 */
export function replicate<Tables = AnyTables>(options: ReplicateOptions): ChangeStream<Tables>;
/** Returns the stream of a database's changes, with `options` that override the connection string. */
export function replicate<Tables = AnyTables>(
  dsn: string | Url,
  options: ReplicateOptions,
): ChangeStream<Tables>;
export function replicate<Tables = AnyTables>(
  first: string | Url | ReplicateOptions,
  second?: ReplicateOptions,
): ChangeStream<Tables> {
  const isDsn = typeof first === "string" || first instanceof URL;
  return isDsn
    ? new ChangeStream<Tables>(first, second as ReplicateOptions)
    : new ChangeStream<Tables>(undefined, first as ReplicateOptions);
}
