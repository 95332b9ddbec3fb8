/**
 * An audit log: every change as a line of JSON, in files that are replaced when they are full.
 *
 * A batch is confirmed after its lines are on the disk. After a crash the last transactions may be in the log
 * twice; `id` is the same then, so that a reader can leave them out.
 */
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { replicate, type ReplicateOptions } from "../../src/replication/replication.ts";

/** Writes the changes of all tables to files in a folder until the options' signal aborts. */
export async function writeAuditLog(
  folder: string,
  fileBytes: number,
  options: Partial<ReplicateOptions>,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const changes = replicate({
    slot: "audit",
    publication: { name: "audit", create: { tables: "all" } },
    ...options,
  });
  let file: Awaited<ReturnType<typeof open>> | undefined;
  let written = 0;
  try {
    for await (const batch of changes.batches({ maxChanges: 500, maxWait: 0.2 })) {
      const lines = batch.changes
        .filter((change) => change.kind !== "relation")
        .map((change) => JSON.stringify(change, exact) + "\n");
      if (file === undefined || written >= fileBytes) {
        await file?.close();
        // The position in the name keeps the files in order.
        file = await open(join(folder, `${nameOf(batch.commitLsn!.value)}.jsonl`), "a");
        written = 0;
      }
      const text = lines.join("");
      await file.appendFile(text);
      await file.sync();
      written += text.length;
    }
  } finally {
    await file?.close();
  }
}

function nameOf(position: bigint): string {
  return position.toString(16).padStart(16, "0");
}

/** JSON has no bigint. */
function exact(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
