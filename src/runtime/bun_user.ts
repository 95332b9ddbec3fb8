import { readFileSync } from "node:fs";
import process from "node:process";

/**
 * Returns the name of the operating system's user, by its number as in libpq; else `USER` or
 * `LOGNAME`; `undefined` when there is none.
 *
 * Bun's `os.userInfo()` does not ask the system: it returns `USER`, which may name another user, and
 * `"unknown"` where `USER` is not set, as in containers (Bun 1.4).
 */
export function userName(): string | undefined {
  const { USER, LOGNAME, USERNAME } = process.env;
  const uid = process.getuid?.();
  // Windows has no numbers.
  if (uid === undefined) return USERNAME || undefined;
  return nameOf(uid) ?? (USER || LOGNAME || undefined);
}

/** Source: passwd(5). */
function nameOf(uid: number): string | undefined {
  try {
    const lines = readFileSync("/etc/passwd", "utf8").split("\n");
    return lines.map((line) => line.split(":")).find((fields) => fields[2] === String(uid))?.[0];
  } catch {
    return undefined;
  }
}
