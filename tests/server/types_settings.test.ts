import assert from "node:assert/strict";
import { test } from "node:test";
import { type Connection, type ConnectOptions, DataError } from "../../mod.ts";
import { majors } from "../_kit/servers.ts";
import { quoteLiteral, withConnection, withDatabase } from "./types_server.ts";
import { FAMILIES, type Row, rowsOf } from "./types_tables.ts";

const SETTINGS: Readonly<Record<string, readonly string[]>> = {
  datestyle: [
    "SQL, DMY",
    "SQL, MDY",
    "SQL, YMD",
    "Postgres, DMY",
    "Postgres, MDY",
    "Postgres, YMD",
    "German, DMY",
    "ISO, DMY",
  ],
  intervalstyle: ["postgres_verbose", "sql_standard", "iso_8601"],
  timezone: ["Asia/Kathmandu", "America/New_York", "Europe/Rome", "UTC+3", "-13:59"],
  bytea_output: ["escape"],
};

const FLOATS = `select 0.30000000000000004::float8 as d, 1.1::float4 as f, point(1.1, 0.1) as p,
  array[0.30000000000000004::float8] as a`;
const EXACT = {
  d: 0.30000000000000004,
  f: 1.1,
  p: { x: 1.1, y: 0.1 },
  a: [0.30000000000000004],
};

for (const major of majors()) {
  test(`no setting of the session changes a value that PostgreSQL ${major} sends, in either format`, async () => {
    const types = tables(major);
    const text = selectAll(types);
    const expected = types.map(([, [value]]) => value);
    let compared = 0;
    await withConnection(major, {}, async (db) => {
      for (const [name, value] of settings()) {
        await db.query(`set ${name} = ${quoteLiteral(value)}`).simple();
        // A text of its own for each setting, so that its first execution answers in text.
        for (const format of ["first", "binary", "unprepared"]) {
          const prepare = format !== "unprepared";
          const rows = await db.query(`${text} -- ${value}`, [], { prepare, rows: "array" });
          const where = `${name} = ${value}, ${format}`;
          (rows[0] as unknown as unknown[]).forEach((found, i) => {
            assert.deepEqual(found, expected[i], `${types[i]![0]} under ${where}`);
            compared++;
          });
        }
        await db.query(`reset ${name}`).simple();
      }
    });
    assert.equal(compared, expected.length * 3 * settings().length);
    assert.ok(compared > 5000, `only ${compared} values`);
  });

  test(`no setting of the session changes a value that PostgreSQL ${major} is sent`, async () => {
    const types = tables(major).filter(([, [value]]) => typeof value !== "string");
    const text = `select ${types.map(([type], i) => `$${i + 1}::${type}`).join(", ")}`;
    const values = types.map(([, [value]]) => value);
    await withConnection(major, {}, async (db) => {
      const sent = await printed(db, text, values);
      for (const [name, value] of settings()) {
        await db.query(`set ${name} = ${quoteLiteral(value)}`).simple();
        for (const given of [values, asTexts(db, await oidsOf(db, types), values)]) {
          assert.deepEqual(await printed(db, text, given), sent, `${name} = ${value}`);
        }
        await db.query(`reset ${name}`).simple();
      }
    });
  });

  test(`a DateStyle of PostgreSQL ${major} set just before a query never makes it another date`, async () => {
    await withConnection(major, {}, async (db) => {
      const styles = SETTINGS.datestyle!;
      for (const style of styles) {
        const text =
          `select date '2003-04-05' as d, timestamp '2003-04-05 01:02:03' as t -- ${style}`;
        // Sent together: the driver does not know the setting yet when it requests rows in text.
        const set = db.query(`set datestyle = ${quoteLiteral(style)}`).execute();
        const found = db.query(text).execute();
        await set;
        const expected = [{ d: "2003-04-05", t: new Date(Date.UTC(2003, 3, 5, 1, 2, 3)) }];
        const ambiguous = await found.then((rows) => {
          assert.deepEqual([...rows], expected, style);
          return false;
        }, (error) => error instanceof DataError);
        assert.equal(ambiguous, /^(?:SQL|Postgres)/.test(style), style);
        assert.deepEqual([...await db.query(text)], expected, style);
        await db.query("set datestyle = iso");
      }
    });
  });

  test(`a DateStyle of PostgreSQL ${major} that changes while a batch is prepared does not change its values`, async () => {
    await withConnection(major, {}, async (db) => {
      const queries = [
        { text: "select date '2003-04-05' as d" },
        { text: "select $1::int4[] as a", parameters: [[1]] }, // described first
      ];
      const set = db.query("set datestyle = 'German'").execute();
      const [dates, arrays] = await db.batch(queries);
      await set;
      assert.deepEqual([...dates!, ...arrays!], [{ d: "2003-04-05" }, { a: [1] }]);
      assert.equal(db.parameterStatuses.get("DateStyle"), "German, DMY");
    });
  });

  test(`a float from PostgreSQL ${major} is exact at its first execution, too, once the driver has seen extra_float_digits`, async () => {
    const settings = [
      "set extra_float_digits = 0",
      "set local extra_float_digits to '-3'",
      "select set_config('extra_float_digits', '-15', false)",
      "SET Extra_Float_Digits=0; select 1",
    ];
    for (const setting of settings) {
      await withConnection(major, {}, async (db) => {
        await db.transaction(async (tx) => {
          await tx.query(setting).simple();
          assert.deepEqual(await tx.query(FLOATS).one(), EXACT, setting);
          const [batched] = await tx.batch([{ text: `${FLOATS} -- in a batch` }]);
          assert.deepEqual([...batched!], [EXACT], setting);
        });
      });
    }
    await withConnection(major, {}, async (db) => {
      const [, found] = await db.batch([{ text: settings[2]! }, { text: FLOATS }]);
      assert.deepEqual([...found!], [EXACT]);
    });
    const given: ConnectOptions[] = [
      { startupParams: { extra_float_digits: "0" } },
      { options: "-c extra_float_digits=-3" },
    ];
    for (const options of given) {
      await withConnection(major, options, async (db) => {
        assert.deepEqual(await db.query(FLOATS).one(), EXACT);
      });
    }
  });

  test(`a default of PostgreSQL ${major}'s database that rounds floats rounds them in text, unless the connection says otherwise`, async () => {
    await withDatabase(major, "select", {}, async (db, database) => {
      await db.query(`alter database ${database} set extra_float_digits = 0`);
      await withConnection(major, { database }, async (own) => {
        const rounded = { d: 0.3, f: 1.1, p: { x: 1.1, y: 0.1 }, a: [0.3] };
        assert.deepEqual(await own.query(FLOATS).one(), rounded);
        assert.deepEqual(await own.query(FLOATS).one(), EXACT);
      });
      const startupParams = { extra_float_digits: "1" };
      await withConnection(major, { database, startupParams }, async (own) => {
        assert.deepEqual(await own.query(FLOATS).one(), EXACT);
      });
    });
  });

  test(`a float from PostgreSQL ${major} is exact in binary whatever extra_float_digits`, async () => {
    await withConnection(major, {}, async (db) => {
      const text =
        "select 0.30000000000000004::float8 as d, 1.1::float4 as f, point(1.1, 0.1) as p";
      await db.query(text);
      for (const digits of [-15, 0, 1, 3]) {
        await db.query(`set extra_float_digits = ${digits}`).simple();
        const [row] = await db.query(text);
        assert.deepEqual({ ...row }, { d: 0.30000000000000004, f: 1.1, p: { x: 1.1, y: 0.1 } });
      }
    });
  });
}

function settings(): [name: string, value: string][] {
  return Object.entries(SETTINGS).flatMap(([name, values]) =>
    values.map((value): [string, string] => [name, value])
  );
}

/** One entry per row of every table, except where the settings change the text. */
function tables(major: number): [type: string, row: Row][] {
  return Object.values(FAMILIES).flatMap((family) =>
    Object.entries(family).flatMap(([type, rows]) =>
      rowsOf(rows, major).filter(([, literal]) => literal.length < 500)
        .map((row): [string, Row] => [type, row])
    )
  );
}

function selectAll(types: readonly [type: string, row: Row][]): string {
  const columns = types.map(([type, [, literal, printed = literal]]) =>
    `${quoteLiteral(type === "money" ? literal : printed)}::${type}`
  );
  return `select ${columns.join(", ")}`;
}

/** Returns the text that the server prints of parameters under its default settings. */
async function printed(db: Connection, text: string, values: readonly unknown[]): Promise<unknown> {
  const oids = await db.query(text, values, { rows: "array" });
  const [row] = oids as unknown as unknown[][];
  return row;
}

async function oidsOf(db: Connection, types: readonly [string, Row][]): Promise<number[]> {
  const names = types.map(([type]) => type);
  return await db.query("select array(select t::regtype::oid from unnest($1::text[]) t)", [names])
    .scalar<number[]>();
}

function asTexts(db: Connection, oids: readonly number[], values: readonly unknown[]): string[] {
  return values.map((value, i) => db.types.lookup(oids[i]!)!.encodeText(value));
}
