import type { Reader } from "../bytes/reader.ts";
import { ProtocolError } from "../errors/errors.ts";
import type { Session } from "../session/session.ts";
import { type CommandOptions, runCommandAs } from "./command_request.ts";
import { timelineHistory } from "./commands.ts";
import type { Lsn } from "./lsn.ts";
import { numberIn, positionIn } from "./text_rows.ts";

/** A predecessor of a timeline. */
export interface TimelineEntry {
  /** The number of the predecessor. */
  readonly timeline: number;
  /** The position at which the next timeline branched off. */
  readonly end: Lsn;
  /** The reason, in the server's words. */
  readonly reason: string;
}

/** The history of a timeline. */
export interface TimelineHistory {
  /** The name of the history file: `00000002.history`. */
  readonly file: string;
  /** The bytes of the file. */
  readonly content: Uint8Array<ArrayBuffer>;
  /** The predecessors of the timeline, oldest first. */
  readonly entries: readonly TimelineEntry[];
}

/** Asks for the history of a timeline. */
export async function readTimeline(
  session: Session,
  timeline: number,
  options: CommandOptions,
): Promise<TimelineHistory> {
  const row = await runCommandAs(session, timelineHistory(timeline), readRow, options);
  if (row === undefined) throw new ProtocolError("no row in the answer to TIMELINE_HISTORY");
  return { ...row, entries: entriesOf(new TextDecoder().decode(row.content)) };
}

/** The content is labelled as text, but the server sends the bytes of the file. */
function readRow(reader: Reader, columns: number): Omit<TimelineHistory, "entries"> {
  const count = reader.count(reader.uint16(), 4);
  if (count !== 2 || columns !== 2) throw new ProtocolError("malformed row of TIMELINE_HISTORY");
  const file = reader.text(Math.max(0, reader.int32()));
  const content = reader.bytes(Math.max(0, reader.int32()));
  reader.finish();
  return { file, content };
}

/** Reads the lines of a history file. Source: timeline.c, `readTimeLineHistory`. */
export function entriesOf(text: string): TimelineEntry[] {
  return text.split("\n").map((line) => line.trim()).filter((line) => /^[^#]/.test(line))
    .map((line) => {
      const [timeline, end, ...reason] = line.split(/\s+/);
      return { timeline: numberIn(timeline), end: positionIn(end), reason: reason.join(" ") };
    });
}
