import assert from "node:assert/strict";
import { inspect } from "node:util";
import { test } from "node:test";
import {
  DatabaseError,
  databaseError,
  DataError,
  IntegrityError,
  InterfaceError,
  InternalError,
  NotSupportedError,
  OperationalError,
  PgError,
  ProgrammingError,
  ProtocolError,
  serverReport,
} from "../../src/errors/errors.ts";
import { PACKED_CONDITIONS } from "../../src/errors/packed_conditions.ts";
import { CONDITIONS } from "../../src/errors/sqlstate.ts";

const FIELDS = {
  S: "FEHLER",
  V: "ERROR",
  C: "23505",
  M: "duplicate key",
  D: "Key (id)=(1) already exists.",
  P: "12",
  s: "public",
  t: "t",
  n: "t_pkey",
  d: "int4",
  F: "nbtinsert.c",
  L: "666",
  R: "_bt_check_unique",
};

test("sqlstate: the table holds one name per code, errors, warnings and success", () => {
  const codes = Object.entries(CONDITIONS);
  assert.ok(codes.length > 250);
  for (const [code, name] of codes) {
    assert.match(code, /^[0-9A-Z]{5}$/);
    assert.match(name, /^[a-z][a-z0-9_]*$/);
  }
  const known: [keyof typeof CONDITIONS, string][] = [
    ["00000", "successful_completion"],
    ["01004", "string_data_right_truncation"],
    ["22001", "string_data_right_truncation"],
    ["08P01", "protocol_violation"],
    ["22008", "datetime_field_overflow"],
    ["2202E", "array_subscript_error"],
    ["26000", "invalid_sql_statement_name"],
    ["28P01", "invalid_password"],
    ["34000", "invalid_cursor_name"],
    ["3D000", "invalid_catalog_name"],
    ["3F000", "invalid_schema_name"],
    ["40001", "serialization_failure"],
    ["57014", "query_canceled"],
    ["XX002", "index_corrupted"],
  ];
  for (const [code, name] of known) assert.equal(CONDITIONS[code], name);
});

test("sqlstate: the class of a code decides the class of the error", () => {
  const cases: [string, typeof DatabaseError][] = [
    ["08006", OperationalError],
    ["0A000", NotSupportedError],
    ["22P02", DataError],
    ["23505", IntegrityError],
    ["25P02", InternalError],
    ["26000", ProgrammingError],
    ["28P01", OperationalError],
    ["3D000", ProgrammingError],
    ["40P01", InternalError],
    ["42P01", ProgrammingError],
    ["53300", OperationalError],
    ["55P03", OperationalError],
    ["57P01", OperationalError],
    ["58P01", OperationalError],
    ["XX000", InternalError],
    ["P0001", DatabaseError],
    ["ZZ999", DatabaseError],
    ["", DatabaseError],
  ];
  for (const [code, Class] of cases) {
    const error = databaseError({ C: code, M: "x" });
    assert.equal(error.constructor, Class, code);
    assert.equal(error.name, Class.name, code);
    assert.ok(error instanceof PgError);
  }
});

test("sqlstate: every listed code gives its condition, and the packed table has no others", () => {
  for (const [code, name] of Object.entries(CONDITIONS)) {
    assert.equal(databaseError({ C: code, M: "x" }).condition, name);
  }
  assert.equal(PACKED_CONDITIONS.split(/[\n,]/).length, Object.keys(CONDITIONS).length);
});

test("sqlstate: a code that PostgreSQL 17 has removed still has its condition", () => {
  const { condition } = databaseError({ C: "72000", M: "snapshot too old" });
  assert.equal(condition, "snapshot_too_old");
});

test("condition: an unlisted code has none, whatever it is spelled like", () => {
  for (
    const code of [
      "ZZ999",
      "",
      "08",
      "0800",
      "008000",
      "2202e",
      "\n02000",
      "toString",
      "constructor",
      "__proto__",
    ]
  ) {
    assert.equal(databaseError({ C: code, M: "x" }).condition, undefined, code);
  }
  assert.equal(new DatabaseError("x").condition, undefined);
});

test("server fields: readable names, numbers as numbers, absent ones undefined", () => {
  const error = databaseError(FIELDS);
  assert.equal(error.message, "duplicate key");
  assert.equal(error.code, "23505");
  assert.equal(error.severity, "ERROR");
  assert.equal(error.detail, FIELDS.D);
  assert.equal(error.position, 12);
  assert.equal(error.line, 666);
  assert.equal(error.schema, "public");
  assert.equal(error.table, "t");
  assert.equal(error.constraint, "t_pkey");
  assert.equal(error.dataType, "int4");
  assert.equal(error.hint, undefined);
  assert.equal(error.fields, FIELDS);
  assert.equal(Object.hasOwn(error, "hint"), false);
});

test("server fields: a severity falls back to the localised one, a bad number to undefined", () => {
  assert.equal(serverReport({ S: "ERREUR" }).severity, "ERREUR");
  assert.equal(serverReport({}).severity, "ERROR");
  assert.equal(serverReport({}).message, "");
  assert.equal(serverReport({ P: "-1" }).position, undefined);
  assert.equal(serverReport({ P: "1e3" }).position, undefined);
});

test("retry: only what the server asks to be tried again is safe to retry", () => {
  for (const code of ["40001", "40P01", "57P03", "53300"]) {
    assert.equal(databaseError({ C: code }).safeToRetry, true, code);
  }
  for (const code of ["40003", "23505", "57P01", "08006"]) {
    assert.equal(databaseError({ C: code }).safeToRetry, false, code);
  }
});

test("cause: present when given, even undefined, and absent otherwise", () => {
  const cause = new Error("socket");
  assert.equal(new InterfaceError("x", { cause }).cause, cause);
  assert.equal(databaseError({ C: "08006" }, cause).cause, cause);
  assert.equal(Object.hasOwn(new InterfaceError("x"), "cause"), false);
  assert.equal(Object.hasOwn(databaseError({ C: "08006" }), "cause"), false);
});

test("the driver's own codes: a protocol violation is 08P01, an unsupported feature 0A000", () => {
  assert.equal(new ProtocolError("x").condition, "protocol_violation");
  assert.equal(new NotSupportedError("x").condition, "feature_not_supported");
  assert.deepEqual(new ProtocolError("x").fields, {});
  assert.ok(new ProtocolError("x") instanceof OperationalError);
});

test("inspect: name, code and detail are shown", () => {
  const text = inspect(databaseError(FIELDS));
  for (const part of ["IntegrityError", "duplicate key", "23505", "already exists"]) {
    assert.ok(text.includes(part), part);
  }
});

test("an error has no line and no column but those that the server has sent", () => {
  const own = new DatabaseError("of the driver");
  const served = databaseError({ ...FIELDS, L: "666" });
  for (const error of [own, served]) {
    assert.ok(error.stack !== undefined);
    assert.equal(error.column, undefined);
    assert.equal("column" in error, false);
  }
  assert.equal(own.line, undefined);
  assert.equal(served.line, 666);
});
