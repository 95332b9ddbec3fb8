import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import { DAY, DAY_MICROS, printTime, two } from "./calendar.ts";
import type { Codec } from "./codec.ts";
import { expectLength } from "./component.ts";
import { malformed, parseTime, parseZone } from "./date_style.ts";
import { momentOfDate, writeMicros } from "./datetime.ts";
import { OIDS } from "./oids.ts";
import { type DateTimeValues, isTemporal, microsOfPlainTime } from "./temporal.ts";

/**
 * Returns the codecs of `time` and `timetz` with the values of a policy. Under each policy they encode:
 * for `time` a `Date` (its UTC time of day) or `PlainTime`; for `timetz` a `Date`. Nanoseconds are
 * dropped.
 */
export function timeCodecs(values: DateTimeValues): readonly Codec[] {
  return Object.freeze([timeCodec(values), timetzCodec()]);
}

function timeCodec(values: DateTimeValues): Codec {
  return Object.freeze({
    name: "time",
    oid: OIDS.time,
    arrayOid: OIDS._time,
    decodeText: (text: string) => values.time(parseTime(text, "time")),
    decodeBinary(reader: Reader, length: number): unknown {
      expectLength(length, 8, "time");
      return values.time(readTime(reader, "time"));
    },
    accepts: (value: unknown) => value instanceof Date || isTemporal(value, "PlainTime"),
    encodeText: (value: unknown) => printTime(timeOf(value, "time")),
    encodeBinary(value: unknown, out: Writer): void {
      writeMicros(0, timeOf(value, "time"), out);
    },
  });
}

/** The codec of `timetz`: text under every policy, as JavaScript has no time with an offset. */
function timetzCodec(): Codec {
  return Object.freeze({
    name: "timetz",
    oid: OIDS.timetz,
    arrayOid: OIDS._timetz,
    decodeText(text: string): string {
      const sign = text.search(/[-+]/);
      if (sign < 0) throw malformed("timetz");
      const micros = parseTime(text.slice(0, sign), "timetz");
      return printTimetz(micros, parseZone(text.slice(sign), "timetz"));
    },
    decodeBinary(reader: Reader, length: number): string {
      expectLength(length, 12, "timetz");
      const micros = readTime(reader, "timetz");
      return printTimetz(micros, -reader.int32()); // sent in seconds west of Greenwich
    },
    accepts: (value: unknown) => value instanceof Date,
    encodeText: (value: unknown) => printTimetz(timeOf(value, "timetz"), 0),
    encodeBinary(value: unknown, out: Writer): void {
      writeMicros(0, timeOf(value, "timetz"), out);
      out.int32(0);
    },
  });
}

/** Offsets reach up to 15:59:59. Source: MAX_TZDISP_HOUR in src/include/datatype/timestamp.h. */
const END_ZONE = 16 * 3600;

function printTimetz(micros: number, east: number): string {
  if (Math.abs(east) >= END_ZONE) throw malformed("timetz", "22009");
  return printTime(micros) + printZone(east);
}

/** Returns an offset in seconds east of Greenwich as PostgreSQL prints it: `+00`, `-03:30`, `+00:19:32`. */
function printZone(east: number): string {
  const size = Math.abs(east);
  const minutes = Math.floor(size / 60) % 60;
  const seconds = size % 60;
  let text = (east < 0 ? "-" : "+") + two(Math.floor(size / 3600));
  if (minutes !== 0 || seconds !== 0) text += `:${two(minutes)}`;
  return seconds === 0 ? text : `${text}:${two(seconds)}`;
}

function readTime(reader: Reader, what: string): number {
  const at = reader.take(8);
  const micros = reader.view.getInt32(at) * 2 ** 32 + reader.view.getUint32(at + 4);
  if (micros < 0 || micros > DAY_MICROS) throw malformed(what, "22008");
  return micros;
}

function timeOf(value: unknown, what: string): number {
  if (!(value instanceof Date)) return microsOfPlainTime(value);
  const { seconds, micros } = momentOfDate(value, what);
  return (seconds - Math.floor(seconds / DAY) * DAY) * 1e6 + micros;
}
