/** Values, arguments and errors, and the forms that Prisma expects of each. */
import {
  type ArgType,
  type ColumnType,
  ColumnTypeEnum,
  type MappedError,
} from "@prisma/driver-adapter-utils";

const T = ColumnTypeEnum;

/** Literals, the values that Prisma reads for them, and the types of their columns. */
export const VALUES: readonly (readonly [literal: string, value: unknown, type: ColumnType])[] = [
  ["1::int2", 1, T.Int32],
  ["-7::int4", -7, T.Int32],
  ["9007199254740993::int8", "9007199254740993", T.Int64],
  ["4294967295::oid", 4294967295, T.Int64],
  ["1.5::float4", 1.5, T.Float],
  ["0.1::float8", 0.1, T.Double],
  ["'NaN'::float8", NaN, T.Double],
  ["1.10::numeric", "1.10", T.Numeric],
  ["'$1,234.50'::money", "1234.50", T.Numeric],
  ["'-$0.50'::money", "-0.50", T.Numeric],
  ["true", true, T.Boolean],
  ["'a'::\"char\"", "a", T.Character],
  ["'ä'::text", "ä", T.Text],
  ["'a'::char(3)", "a  ", T.Text],
  ["'a'::name", "a", T.Text],
  ["'2024-02-29'::date", "2024-02-29", T.Date],
  ["'infinity'::date", "infinity", T.Date],
  ["'10:20:30.123456'::time", "10:20:30.123456", T.Time],
  ["'10:20:30+02'::timetz", "08:20:30", T.Time],
  ["'01:00:00.5+05:30'::timetz", "19:30:00.5", T.Time],
  ["'2024-01-02 03:04:05.123456'::timestamp", "2024-01-02T03:04:05.123456+00:00", T.DateTime],
  ["'2024-01-02 03:04:05+02'::timestamptz", "2024-01-02T01:04:05+00:00", T.DateTime],
  ["'infinity'::timestamptz", "infinity", T.DateTime],
  [`'{"a": [1, "x"]}'::json`, '{"a": [1, "x"]}', T.Json],
  [`'"text"'::jsonb`, '"text"', T.Json],
  ["'\\x00ff'::bytea", new Uint8Array([0, 255]), T.Bytes],
  [
    "'00000000-0000-0000-0000-000000000001'::uuid",
    `${"0".repeat(8)}-0000-0000-0000-${"0".repeat(11)}1`,
    T.Uuid,
  ],
  ["'101'::bit(3)", "101", T.Text],
  ["'10.0.0.1/8'::inet", "10.0.0.1/8", T.Text],
  ["point(1, 2)", "(1,2)", T.Text],
  ["interval '1 day'", "1 day", T.Text],
  ["'sad'::mood", "sad", T.Text],
  ["array[1, null, 3]", [1, null, 3], T.Int32Array],
  ["array[5::int8]", ["5"], T.Int64Array],
  ["array[0.5::float4]", [0.5], T.FloatArray],
  ["array[0.5::float8]", [0.5], T.DoubleArray],
  ["array[1.50]", ["1.50"], T.NumericArray],
  ["array[true, false]", [true, false], T.BooleanArray],
  [`array['a,b', 'c"d', null]`, ["a,b", 'c"d', null], T.TextArray],
  ["array['2024-01-02'::date]", ["2024-01-02"], T.DateArray],
  ["array['10:00'::time]", ["10:00:00"], T.TimeArray],
  ["array['2024-01-02 03:04:05+02'::timestamptz]", ["2024-01-02T01:04:05+00:00"], T.DateTimeArray],
  [`array['{"a": 1}'::jsonb]`, ['{"a": 1}'], T.JsonArray],
  ["array['\\x01'::bytea]", [new Uint8Array([1])], T.BytesArray],
  ["array['a'::\"char\"]", ["a"], T.CharacterArray],
  [
    "array['00000000-0000-0000-0000-000000000000'::uuid]",
    ["00000000-0000-0000-0000-000000000000"],
    T.UuidArray,
  ],
  ["'{}'::int[]", [], T.Int32Array],
  ["null::int", null, T.Int32],
];

/** Arguments with their types, and the literals that they are equal to. */
export const ARGUMENTS:
  readonly (readonly [value: unknown, type: Partial<ArgType>, literal: string])[] = [
    [5, { scalarType: "int" }, "5"],
    ["9007199254740993", { scalarType: "bigint" }, "9007199254740993::int8"],
    [7n, { scalarType: "bigint" }, "7::int8"],
    ["1.10", { scalarType: "decimal" }, "1.10::numeric"],
    [true, { scalarType: "boolean" }, "true"],
    ["it's", { scalarType: "string" }, "'it''s'::text"],
    [5, { scalarType: "string" }, "'5'::text"],
    ["sad", { scalarType: "enum" }, "'sad'::mood"],
    ['{"a":1}', { scalarType: "json" }, `'{"a": 1}'::jsonb`],
    [[1, 2], { scalarType: "json" }, "'[1, 2]'::jsonb"],
    [{ a: 1 }, {}, `'{"a": 1}'::jsonb`],
    ["AP8=", { scalarType: "bytes" }, "'\\x00ff'::bytea"],
    [new Uint8Array([0, 255]), {}, "'\\x00ff'::bytea"],
    [
      "2024-01-02T03:04:05.678Z",
      { scalarType: "datetime" },
      "'2024-01-02 03:04:05.678+00'::timestamptz",
    ],
    ["2024-01-02T03:04:05+02:00", { scalarType: "datetime" }, "'2024-01-02 01:04:05'::timestamp"],
    [new Date(0), { dbType: "TIMESTAMP" }, "'1970-01-01'::timestamp"],
    ["2024-01-02T03:04:05Z", { scalarType: "datetime", dbType: "DATE" }, "'2024-01-02'::date"],
    ["1970-01-01T10:20:30.5Z", { scalarType: "datetime", dbType: "TIME" }, "'10:20:30.5'::time"],
    ["1970-01-01T10:20:30Z", { scalarType: "datetime", dbType: "TIMETZ" }, "'10:20:30+00'::timetz"],
    [[1, null], { scalarType: "int", arity: "list" }, "array[1, null]"],
    [["a,b", 'c"d\\', ""], { scalarType: "string", arity: "list" }, `array['a,b', 'c"d\\', '']`],
    [["AQ=="], { scalarType: "bytes", arity: "list" }, "array['\\x01'::bytea]"],
    [
      ["2024-01-02T00:00:00Z"],
      { scalarType: "datetime", arity: "list" },
      "array['2024-01-02 00:00+00'::timestamptz]",
    ],
    [[], { scalarType: "int", arity: "list" }, "'{}'::int[]"],
    [[[1, 2], [3, null]], { scalarType: "int", arity: "list" }, "array[[1, 2], [3, null]]"],
    [
      ['{"a": "x,\\"y\\""}', null, [1, [2]], { b: 3 }],
      { scalarType: "json", arity: "list" },
      `array['{"a": "x,\\"y\\""}', null, '[1, [2]]', '{"b": 3}']::jsonb[]`,
    ],
  ];

/** Statements that fail, and the kinds of their errors. */
export const ERRORS: readonly (readonly [sql: string, mapped: MappedError])[] = [
  ["insert into people values (1, 'x')", {
    ...{ kind: "UniqueConstraintViolation", constraint: { fields: ["id"] }, table: "people" },
  }],
  [`insert into people (id, name) values (2, 'Ada')`, {
    ...{ kind: "UniqueConstraintViolation", constraint: { fields: ["name"] }, table: "people" },
  }],
  ["insert into people (name) values ('x')", {
    ...{ kind: "NullConstraintViolation", constraint: { fields: ["id"] } },
  }],
  ["insert into pets values (99)", {
    ...{ kind: "ForeignKeyConstraintViolation", constraint: { index: "pets_owner_fkey" } },
  }],
  ["delete from people", {
    ...{ kind: "ForeignKeyConstraintViolation", constraint: { index: "pets_owner_fkey" } },
  }],
  ["insert into people values (7, repeat('x', 99))", { kind: "LengthMismatch", column: undefined }],
  ["select 99999999999::int4", { kind: "ValueOutOfRange", cause: "integer out of range" }],
  ["select 'x'::int4", {
    ...{ kind: "InvalidInputValue", message: 'invalid input syntax for type integer: "x"' },
  }],
  ["select * from nothing", { kind: "TableDoesNotExist", table: "nothing" }],
  ["select p.nope from people p", { kind: "ColumnNotFound", column: "p.nope" }],
  [`select "No pe" from people`, { kind: "ColumnNotFound", column: "No pe" }],
  ["create database postgres", { kind: "DatabaseAlreadyExists", db: "postgres" }],
  ["do $$ begin raise 'x' using errcode = '40001'; end $$", { kind: "TransactionWriteConflict" }],
  ["do $$ begin raise 'x' using errcode = '53300'; end $$", {
    ...{ kind: "TooManyConnections", cause: "x" },
  }],
  ["do $$ begin raise 'x' using errcode = '23001', column = 'c'; end $$", {
    ...{ kind: "RestrictViolation", constraint: { fields: ["c"] } },
  }],
  ["do $$ begin raise 'x' using errcode = '28000'; end $$", {
    ...{ kind: "DatabaseAccessDenied", db: undefined },
  }],
  ["select pg_terminate_backend(pg_backend_pid())", { kind: "ConnectionClosed" }],
  ["selct 1", {
    ...{ kind: "postgres", code: "42601", severity: "ERROR", column: undefined, hint: undefined },
    ...{ message: 'syntax error at or near "selct"', detail: undefined },
  }],
];
