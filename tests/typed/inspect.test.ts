import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { inspect, type InspectOptions } from "../../src/typed/typed.ts";
import type { Connection } from "../../mod.ts";
import { SCHEMA } from "./corpus/schema.ts";
import { MAJORS, withTables } from "./typed_server.ts";

const marks = async (
  db: Connection,
  text: string,
  of: "parameters" | "columns" = "columns",
  options: InspectOptions = {},
): Promise<string> => {
  const [found] = await inspect(db, [text], options);
  return found![of].map(({ nullable }) => nullable ? "?" : "!").join("");
};

/** Statements and which of their parameters can be NULL. */
const PARAMETERS: readonly [text: string, truth: string][] = [
  ["select 1 where $1 = 1", "!"],
  ["insert into teams (id, name, budget) values ($1, $2, $3)", "!!?"],
  ["insert into teams (id, name, budget) values ($1, $2, $3), ($4, $5, $6)", "!!?!!?"],
  ["insert into teams (id, name, budget) select $1::int, $2, $3::numeric", "!!?"],
  [
    "insert into teams (id, name, budget) select * from (values ($1::int, $2, $3::numeric)) v",
    "!!?",
  ],
  ["update users set mood = $1, name = $2 where id = $3", "?!!"],
  ["update users set email = $1", "?"],
  [
    "insert into teams (id, name) values (1, 'x') on conflict (id) do update set budget = $1, name = $2",
    "?!",
  ],
  ["select coalesce($1, name) from users", "?"],
  ["select 1 from users where $1::int is null or id = $1", "?"],
  ["select 1 from users where email is distinct from $1", "?"],
  ["delete from users where id = any($1)", "!"],
  ["insert into orders (id, status, total, placed_on) values (1, 'x', $1, $2)", "!!"],
];

for (const major of MAJORS) {
  test(`parameters on PostgreSQL ${major} are nullable where NULL is stored or asked for`, async () => {
    await withTables(major, SCHEMA, async (db) => {
      for (const [text, truth] of PARAMETERS) {
        equal(await marks(db, text, "parameters"), truth, text);
      }
    });
  });

  test(`statements without a tree on PostgreSQL ${major} are described, and all of theirs nullable`, async () => {
    await withTables(major, SCHEMA, async (db) => {
      const [show, explain, empty, broken] = await inspect(db, [
        "show work_mem",
        "explain select 1",
        "",
        "select nme from users",
      ]);
      equal(show!.basis, "describe");
      deepEqual(show!.columns.map((one) => [one.name, one.nullable]), [["work_mem", true]]);
      match(show!.reason ?? "", /./);
      deepEqual(explain!.columns.map((one) => one.nullable), [true]);
      deepEqual([empty!.columns, empty!.error], [[], undefined]);
      equal(broken!.error?.code, "42703");
      equal(broken!.error?.position, 8);
      equal(
        await db.query("select count(*) from pg_proc where proname = 'cornac_typed'").scalar(),
        0n,
      );
    });
  });

  test(`comments and semicolons of a statement do no harm on PostgreSQL ${major}`, async () => {
    await withTables(major, SCHEMA, async (db) => {
      for (
        const text of ["select 1 as a;", "select 1 as a -- why", "/* so */ select 1 as a; -- ;"]
      ) {
        equal(await marks(db, text), "!", text);
      }
    });
  });

  test(`sources, types, elements and JSON on PostgreSQL ${major} are what the statement says`, async () => {
    await withTables(major, SCHEMA, async (db) => {
      const [found] = await inspect(db, [
        `select email as e, mood, array_agg(name) as names, array[[1, 2]] as grid,
          coalesce(json_agg(json_build_object('id', id, 'mood', mood)), '[]') as list
        from users group by 1, 2`,
      ]);
      const [e, mood, names, grid, list] = found!.columns;
      deepEqual(e!.source, { schema: "public", table: "users", column: "email" });
      deepEqual([e!.type.name, mood!.type.labels], ["text", ["sad", "ok", "happy"]]);
      deepEqual([names!.elementsNullable, grid!.dimensions], [false, 2]);
      const number = { name: "id", shape: { kind: "number" }, nullable: false };
      const labels = { kind: "literals", values: ["sad", "ok", "happy"] };
      const properties = [number, { name: "mood", shape: labels, nullable: true }];
      const element = { shape: { kind: "object", properties }, nullable: false };
      deepEqual(list!.json, { kind: "array", element });
    });
  });

  test(`foreign tables on PostgreSQL ${major} enforce nothing`, async () => {
    const setup =
      `create foreign data wrapper none; create server nowhere foreign data wrapper none;
      create foreign table far (id int not null) server nowhere;
      create table parts (id int not null) partition by range (id);
      create foreign table parts_far partition of parts for values from (1) to (2) server nowhere`;
    await withTables(major, setup, async (db) => {
      equal(await marks(db, "select id from far"), "?");
      equal(await marks(db, "select id from parts"), "?");
      equal(await marks(db, "select id from far where id > 0"), "!");
    });
  });

  test(`functions are trusted on PostgreSQL ${major} by their name, and domains by an option`, async () => {
    const setup = `create function slug(text) returns text language sql as 'select $1';
      create domain label as text not null; create table labels (label label)`;
    await withTables(major, setup, async (db) => {
      const text = "select slug('x'), slug(null)";
      equal(await marks(db, text), "??");
      equal(await marks(db, text, "columns", { neverNull: ["slug"] }), "!?");
      equal(await marks(db, text, "columns", { neverNull: ["public.slug"] }), "!?");
      equal(await marks(db, "select label from labels"), "?");
      equal(await marks(db, "select label from labels", "columns", { trustDomains: true }), "!");
    });
  });

  test(`names of a search_path in front of pg_catalog change nothing on PostgreSQL ${major}`, async () => {
    const setup = `create schema evil;
      create function evil.eq(oid, oid) returns bool language sql as 'select false';
      create operator evil.= (leftarg = oid, rightarg = oid, function = evil.eq);
      create function evil.unnest(oid[]) returns setof oid language sql as 'select 0::oid';
      create function evil.bool_and(bool) returns bool language sql as 'select true';
      create table evil.pg_class (oid oid); create table public.t (id int not null, v text)`;
    await withTables(major, setup, async (db) => {
      await db.query("set search_path = evil, pg_catalog, public").simple();
      equal(await marks(db, "select id, v from public.t"), "!?");
    });
  });
}

test("a server that accepts no writes is described, with the reason", async () => {
  await withTables(MAJORS.at(-1)!, SCHEMA, async (db) => {
    await db.query("set default_transaction_read_only = on").simple();
    const [found] = await inspect(db, ["select id from users"]);
    equal(found!.basis, "describe");
    match(found!.reason ?? "", /read-only/);
    deepEqual(found!.columns.map((one) => one.nullable), [true]);
  });
});

test("statements that are nested deeply are typed, or described with the reason", async () => {
  await withTables(MAJORS.at(-1)!, SCHEMA, async (db) => {
    for (const depth of [100, 1000, 4000]) {
      const sum = Array.from({ length: depth }, () => "1").join(" + ");
      const parentheses = `${"(".repeat(depth)}select 1 as a${")".repeat(depth)}`;
      const nested = `select ${"coalesce(".repeat(depth)}1${", 2)".repeat(depth)} as a`;
      for (const text of [`select ${sum} as a`, parentheses, nested]) {
        const [found, next] = await inspect(db, [text, "select id from users"]);
        const isKnown = found!.error !== undefined || found!.basis === "tree" ||
          found!.reason !== undefined;
        equal(isKnown, true, text.slice(0, 20));
        equal(next!.columns[0]!.nullable, false);
      }
    }
  });
});

test("many full joins are inspected at once", async () => {
  await withTables(MAJORS.at(-1)!, SCHEMA, async (db) => {
    const joins = (count: number): string =>
      Array.from({ length: count }, (_, i) => ` full join teams t${i} using (id)`).join("");
    equal(await marks(db, `select id from users${joins(2)}`), "!");
    equal(await marks(db, `select id from users${joins(30)}`), "?");
  });
});
