import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import type { CatalogReader } from "../../src/query/catalog.ts";
import { SessionTypes } from "../../src/query/session_types.ts";
import { Statement } from "../../src/query/statement.ts";
import type { StatementCache } from "../../src/query/statement_cache.ts";
import type { Session } from "../../src/session/session.ts";
import { completeRegistry } from "../../src/types/complete_registry.ts";
import { BUILTIN_TYPES } from "../../src/types/oids.ts";
import type { TypeRegistry } from "../../src/types/registry.ts";
import { decodeBytes, decodeHex } from "./types_bytes.ts";

const registry = completeRegistry();
/** The text that PostgreSQL 18 prints of values of these types, and the result of the send function. */
const PRINTED: readonly (readonly [type: string, text: string, hex: string])[] = [
  ["uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc999c0b4ef8bb6d6bb9bd380a11"],
  ["cidr", "10.0.0.0/8", "020801040a000000"],
  ["cidr", "192.168.0.5/32", "02200104c0a80005"],
  ["inet", "192.168.0.5", "02200004c0a80005"],
  ["inet", "10.0.0.1/8", "020800040a000001"],
  ["inet", "::1", "0380001000000000000000000000000000000001"],
  ["inet", "2001:db8::/32", "0320001020010db8000000000000000000000000"],
  ["macaddr", "08:00:2b:01:02:03", "08002b010203"],
  ["macaddr8", "08:00:2b:01:02:03:04:05", "08002b0102030405"],
];
const PREFERRING = [...new Set(PRINTED.map(([type]) => type))];

/** Returns the formats in which the columns of a kept statement are requested. */
function formatsOf(types: readonly string[], of: TypeRegistry = registry): number[] {
  const none = {} as unknown;
  const session = new SessionTypes(
    of,
    none as Session,
    none as StatementCache,
    none as CatalogReader,
  );
  const statement = new Statement("s1", "select", []);
  const columns = types.map((name) => ({
    ...{ name, typeOid: of.oidOf(name) ?? 4_000_000, tableOid: 0, attributeNumber: 0 },
    ...{ typeSize: -1, typeModifier: -1, format: 0 },
  }));
  session.describeColumns(statement, columns);
  return statement.binaryColumns.map(({ format }) => format);
}

test("values that are their text are requested in text, and no others", () => {
  const preferring = BUILTIN_TYPES
    .filter(([oid]) => registry.lookup(oid)?.prefersText === true)
    .map(([, name]) => name);
  assert.deepEqual(preferring.sort(), [...PREFERRING].sort());
  assert.deepEqual(formatsOf(PREFERRING), PREFERRING.map(() => 0));
  assert.deepEqual(formatsOf(["int4", "uuid", "text", "money"]), [1, 0, 1, 0]);
});

test("containers of such values come in binary", () => {
  assert.deepEqual(formatsOf(["uuid[]", "inet[]", "cidr[]"]), [1, 1, 1]);
});

test("a codec of the caller's own that reads binary and prefers nothing comes in binary", () => {
  const own = completeRegistry({
    codecs: [{
      ...{ name: "uuid", oid: 2950, arrayOid: 2951 },
      ...{ decodeText: (text) => text, accepts: () => false, encodeText: String },
      decodeBinary: (reader, length) => reader.bytes(length),
    }],
  });
  assert.deepEqual(formatsOf(["uuid", "inet"], own), [1, 0]);
});

test("their text and their binary form are read as the same value", () => {
  for (const [type, text, hex] of PRINTED) {
    const codec = registry.lookup(registry.oidOf(type)!)!;
    assert.equal(codec.decodeText(text), text, text);
    assert.equal(decodeHex(codec, hex), text, text);
  }
});

test("any uuid is read from its bytes as the server prints it", () => {
  const uuid = registry.lookup(registry.oidOf("uuid")!)!;
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    const text = hex.replace(/(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
    assert.equal(decodeBytes(uuid, bytes), text);
    assert.equal(uuid.decodeText(text), text);
  }));
  assert.throws(() => decodeBytes(uuid, new Uint8Array(15)), /15 bytes instead of 16/);
});
