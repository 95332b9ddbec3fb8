/** Parsers of foreign text on arbitrary input: whole, and cut anywhere. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Reader } from "../../src/bytes/reader.ts";
import { Writer } from "../../src/bytes/writer.ts";
import { passfilePassword } from "../../src/config/passfile.ts";
import { parseServiceFile } from "../../src/config/service_file.ts";
import { InterfaceError, PgError, ProtocolError } from "../../src/errors/errors.ts";
import {
  isTrailer,
  lineCounter,
  readBinaryHeader,
  tupleCounter,
  TupleEnds,
  writeBinaryHeader,
  writeBinaryTrailer,
} from "../../src/protocol/copy_format.ts";
import { Framer } from "../../src/protocol/framer.ts";
import { Lexer } from "../../src/query/lexer.ts";
import { scanNames } from "../../src/query/named.ts";

/** Cuts bytes into pieces of the given sizes, over and over. */
function* cut(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    yield bytes.subarray(at, at += sizes[turn % sizes.length]!);
  }
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 });

test("framer: any bytes come to the same messages and the same refusal, whole and cut", () => {
  const shown = (bytes: Uint8Array, sizes: readonly number[]): string[] => {
    const framer = new Framer(200);
    const seen: string[] = [];
    try {
      for (const piece of cut(bytes, sizes)) {
        framer.append(piece);
        while (framer.next()) {
          seen.push(`${framer.tag} ${framer.reader.bytes(framer.reader.remaining)}`);
        }
      }
    } catch (error) {
      assert.ok(error instanceof ProtocolError, String(error));
      seen.push(error.message);
    }
    return seen;
  };
  // Mostly small lengths, so that there are messages among it.
  const part = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    fc.tuple(fc.nat(255), fc.nat(20)).map(([tag, n]) =>
      Uint8Array.from([tag, 0, 0, 0, 4 + n, ...Array<number>(n).fill(tag)])
    ),
  );
  fc.assert(fc.property(fc.array(part, { maxLength: 8 }), sizes, (parts, sizes) => {
    const bytes = Uint8Array.from(parts.flatMap((part) => [...part]));
    assert.deepEqual(shown(bytes, sizes), shown(bytes, [1000]));
    assert.deepEqual(shown(bytes, [1]), shown(bytes, [1000]));
  }));
});

/** Texts that are all quotes and comments, with what looks like a parameter within. */
const inside = fc.array(fc.constantFrom(":a", "$1", " ", "x", "é", "::", "--", "/", "[", "?"), {
  maxLength: 5,
}).map((parts) => parts.join(""));
const opaque = fc.oneof(
  inside.map((text) => `'${text}'''`),
  inside.map((text) => `E'${text}\\''`),
  inside.map((text) => `"${text}"""`),
  inside.map((text) => `$$${text.replaceAll("$", "")}'$$`),
  inside.map((text) => `$tag$${text}$$ $tag$`),
  inside.map((text) => `/*${text}/* ' */*/`),
  inside.map((text) => `--${text}'"\n`),
);

test("lexer: the tokens of any text are all of it, in order, none of them empty", () => {
  const any = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.array(fc.oneof(opaque, fc.constantFrom(..."'\"$/*-:\\Ee&U\n1a[ ")), { maxLength: 20 })
      .map((parts) => parts.join("")),
  );
  fc.assert(fc.property(any, fc.boolean(), (text, backslashes) => {
    const lexer = new Lexer(text, backslashes);
    let at = 0;
    while (lexer.next()) {
      assert.equal(lexer.start, at);
      assert.ok(lexer.end > at && lexer.end <= text.length);
      at = lexer.end;
    }
    assert.equal(at, text.length);
  }));
});

test("names: those outside of quotes and comments are numbered, and all else stays", () => {
  const piece = fc.oneof(
    fc.record({ text: opaque, name: fc.constant(undefined) }),
    fc.record({
      text: fc.constantFrom(",", "a::b", "x := 1", "(", ")", "1.5"),
      name: fc.constant(undefined),
    }),
    fc.record({ text: fc.constant(""), name: fc.constantFrom("a", "b", "größe", "c_1") }),
  );
  fc.assert(fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
    const names: string[] = [];
    const expected = pieces.map(({ text, name }) => {
      if (name === undefined) return text;
      if (!names.includes(name)) names.push(name);
      return `$${names.indexOf(name) + 1}`;
    });
    const text = pieces.map(({ text, name }) => name === undefined ? text : `:${name}`);
    const scanned = scanNames(text.join("\n"));
    assert.equal(scanned.text, expected.join("\n"));
    assert.deepEqual(scanned.names, names);
    for (const [from, to, wasFrom, wasTo] of scanned.edits) {
      assert.match(scanned.text.slice(from, to), /^\$\d+$/);
      assert.match(scanned.original.slice(wasFrom, wasTo), /^:[a-zß-ü_1]+$/);
    }
  }));
});

const tuples = fc.array(fc.array(fc.option(fc.uint8Array({ maxLength: 30 })), { maxLength: 5 }), {
  maxLength: 12,
});

test("copy format: tuples are counted and found in binary data, wherever it is cut", () => {
  fc.assert(fc.property(tuples, sizes, (rows, sizes) => {
    const out = new Writer();
    writeBinaryHeader(out);
    for (const row of rows) {
      out.int16(row.length);
      for (const field of row) {
        out.int32(field?.length ?? -1);
        if (field !== null) out.bytes(field);
      }
    }
    writeBinaryTrailer(out);
    const data = out.peek().slice();
    const count = tupleCounter();
    let counted = 0;
    for (const piece of cut(data, sizes)) counted += count(piece, 0, piece.length);
    assert.equal(counted, rows.length);
    const reader = new Reader(data);
    assert.ok(readBinaryHeader(reader));
    let found = 0;
    const ends = new TupleEnds();
    for (; !isTrailer(reader); found++) reader.position = ends.find(reader)!;
    assert.equal(found, rows.length);
    assert.equal(reader.remaining, 2);
  }));
});

test("copy format: any bytes are a header, a tuple, neither yet, or a protocol error", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), sizes, (bytes, sizes) => {
    const tupleEnd = (reader: Reader): number | undefined => new TupleEnds().find(reader);
    for (const read of [readBinaryHeader, tupleEnd]) {
      try {
        const end = read(new Reader(bytes));
        assert.ok(typeof end !== "number" || end <= bytes.length);
      } catch (error) {
        assert.ok(error instanceof ProtocolError, String(error));
      }
    }
    const [whole, parts] = [tupleCounter(), tupleCounter()];
    let counted = 0;
    for (const piece of cut(bytes, sizes)) counted += parts(piece, 0, piece.length);
    assert.equal(counted, whole(bytes, 0, bytes.length));
  }));
});

test("copy format: lines are counted, in CSV not those within quotes, wherever they are cut", () => {
  const field = fc.array(fc.constantFrom("a", ",", "\n", '"', "\r", "é"), { maxLength: 6 })
    .map((parts) => parts.join(""));
  fc.assert(fc.property(fc.array(fc.array(field, { maxLength: 4 })), sizes, (rows, sizes) => {
    const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
    const csv = rows.map((row) => `${row.map(quoted).join(",")}\n`).join("");
    const bytes = new TextEncoder().encode(csv);
    const count = lineCounter(true);
    let counted = 0;
    for (const piece of cut(bytes, sizes)) counted += count(piece, 0, piece.length);
    assert.equal(counted, rows.length);
  }));
});

const word = fc.array(fc.constantFrom("a", ":", "\\", "*", "#", " ", "ä", "="), {
  minLength: 1,
  maxLength: 6,
}).map((parts) => parts.join(""));

test("passfile: the first line that matches gives the password, whatever is escaped in it", () => {
  const entry = fc.record({ host: word, database: word, user: word, password: word });
  const escaped = (text: string): string => text.replace(/[:\\]/g, "\\$&").replace(/^#/, "\\#");
  // A field that is a star by itself matches anything, unless it is escaped.
  const field = (text: string): string => text === "*" ? "\\*" : escaped(text);
  fc.assert(fc.property(fc.array(entry, { minLength: 1, maxLength: 6 }), fc.nat(), (entries, n) => {
    const lines = entries.map(({ host, database, user, password }) =>
      [field(host), "5432", field(database), field(user), escaped(password)].join(":")
    );
    const { host, database, user } = entries[n % entries.length]!;
    const first = entries.find((one) =>
      one.host === host && one.database === database && one.user === user
    )!;
    const text = `# a comment\nbroken\n${lines.join("\n")}\n`;
    const key = { host, port: 5432, database, user };
    assert.equal(passfilePassword(text, key), first.password);
    assert.equal(passfilePassword(text, { ...key, port: 5433 }), undefined);
  }));
});

test("passfile: any text gives a password or none", () => {
  const text = fc.array(fc.oneof(word, fc.constantFrom("\n", "\r\n", ":")), { maxLength: 40 });
  fc.assert(fc.property(text, word, (parts, name) => {
    const key = { host: name, port: 5432, database: name, user: name };
    const found = passfilePassword(parts.join(""), key);
    assert.ok(found === undefined || typeof found === "string");
  }));
});

test("service file: the first section of a name is read to the next, a value to the end of its line", () => {
  const value = fc.array(fc.constantFrom("a", " ", "=", "#", "[", "'", "ä"), { maxLength: 6 })
    .map((parts) => parts.join("").replace(/[ ]+$/, ""));
  const section = fc.record({
    name: fc.constantFrom("one", "two", "three"),
    pairs: fc.dictionary(fc.constantFrom("host", "port", "dbname", "user"), value),
  });
  fc.assert(fc.property(fc.array(section, { maxLength: 6 }), (sections) => {
    const text = sections.map(({ name, pairs }) =>
      `[${name}]\n# host=x\n\n${Object.entries(pairs).map(([k, v]) => ` ${k}=${v} \r\n`).join("")}`
    ).join("");
    const wanted = sections.find(({ name }) => name === "two");
    const found = parseServiceFile(text, "two", "file");
    assert.deepEqual(found && Object.fromEntries(found), wanted && { ...wanted.pairs });
  }));
});

test("service file: any text is read, or refused by its line", () => {
  const part = fc.oneof(word, fc.constantFrom("[a]", "\n", "host=", "service=", "ldap://", "\t"));
  fc.assert(fc.property(fc.array(part, { maxLength: 20 }), (parts) => {
    try {
      parseServiceFile(parts.join(""), "a", "file");
    } catch (error) {
      assert.ok(error instanceof PgError, String(error));
      assert.match(error.message, /^line \d+ of service file "file"/);
      assert.ok(error instanceof InterfaceError || /LDAP/.test(error.message));
    }
  }));
});
