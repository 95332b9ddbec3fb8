// The tables of types_tables.ts through a slot: values, arrays of them and composites with them are
// those of a query, in both formats.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SideTypes } from "../../src/replication/stream_types.ts";
import { TextNeededError } from "../../src/replication/row_decoder.ts";
import { majors } from "../_kit/servers.ts";
import { changesOf, type SlotDatabase, withSlot } from "./replication_slot.ts";
import { EXTENSIONS, FAMILIES, type Family, rowsOf } from "./types_tables.ts";

/** Types that only their text is read of: `select` requests it, and a stream of them is in text. */
const IN_TEXT = new Set([
  ...["regproc", "regprocedure", "regoper", "regoperator", "regclass", "regcollation", "regtype"],
  ...["regrole", "regnamespace", "regconfig", "regdictionary", "ltree", "money"],
]);

for (const major of majors()) {
  for (const [name, family] of Object.entries({ ...FAMILIES, EXTENSIONS })) {
    test(`${name} through a slot of PostgreSQL ${major} are as in a query, in both formats`, () =>
      withSlot((slot) => compare(slot, family), { major, setup: extensions(family) }));
  }
}

function extensions(family: Family): string {
  if (family !== EXTENSIONS) return "";
  return "create extension hstore; create extension citext; create extension ltree";
}

async function compare(slot: SlotDatabase, family: Family): Promise<void> {
  for (const [i, [type, rows]] of Object.entries(family).entries()) {
    const storable = rowsOf(rows, slot.major).filter(([, literal]) => literal.length < 2000);
    const values = storable.map(([, literal], id) => {
      const value = `'${literal.replaceAll("'", "''")}'::${type}`;
      return `(${id}, ${value}, array[${value}, null], row(${value})::c${i})`;
    });
    if (values.length === 0) continue;
    await slot.run(
      `create type c${i} as (v ${type})`,
      `create table t${i} (id int primary key, v ${type}, list ${type}[], part c${i})`,
      `insert into t${i} values ${values.join()}`,
    );
    const wanted = await slot.db.query(`select * from t${i} order by id`);
    await slot.run("set datestyle to 'ISO, MDY'");
    // The server itself fails to write an array of it.
    const frames = await slot.frames({ binary: type !== "aclitem" });
    const text = await slot.messages({ binary: false }, true);
    const decoded = slot.decode(frames, slot.decoder());
    const binary = await decoded.catch((error) => error);
    assert.deepEqual(rowsOfTable(text), [...wanted], type);
    if (!(binary instanceof Error)) assert.deepEqual(rowsOfTable(binary), [...wanted], type);
    else assert.ok(TextNeededError.isBehind(binary) && IN_TEXT.has(type), `${type}: ${binary}`);
  }
}

function rowsOfTable(messages: Awaited<ReturnType<SlotDatabase["messages"]>>): unknown[] {
  return changesOf(messages).map((change) => change.kind === "insert" && change.new);
}

test("a stream knows beforehand whether it must be in text", () =>
  withSlot(async (slot) => {
    const readsBinary = (codecs: { name: string; decode(text: string): unknown }[] = []) =>
      new SideTypes({ codecs }, () => slot.core()).readsBinary(["p"]);
    await slot.run("create type mood as enum ('sad')", "create table a (id int, m mood[], j json)");
    assert.equal(await readsBinary(), true);
    const decode = (text: string): unknown => text;
    assert.equal(
      await readsBinary([{ name: "public.mood", decode }, { name: "json", decode }]),
      true,
    );
    assert.equal(await readsBinary([{ name: "int4", decode }]), false);
    // The server fails to write an array of a type without a binary form.
    for (const type of ["regclass", "aclitem[]"]) {
      await slot.run(`create table b (r ${type})`);
      assert.equal(await readsBinary(), false, type);
      await slot.run("drop table b");
    }
  }));
