/**
 * Imports a CSV file of people into a table that has some of them already: COPY into a temporary
 * table, which checks the types, then one statement that adds the new and updates the others.
 * All of it is one transaction, so that a bad line leaves nothing behind.
 *
 * Prints:
 *
 * ```
 * people.csv: 3 lines read, 1 added, 2 updated
 * broken.csv: nothing imported: invalid input syntax for type date: "in 1939"
 *             COPY arriving, line 3, column born: "in 1939"
 * 4 people
 * ```
 */
import { connect, type Connection, DataError } from "../mod.ts";

/** A program would read a file: `(await Deno.open(path)).readable`, `Bun.file(path).stream()`, … */
const FILES: Readonly<Record<string, string>> = {
  "people.csv": `name,born
Ada Lovelace,1815-12-10
Grace Hopper,1906-12-09
Alan Turing,1912-06-23
`,
  "broken.csv": `name,born
Edsger Dijkstra,1930-05-11
Barbara Liskov,in 1939
`,
};

const db = await connect();
try {
  await db.query(`
    create temporary table people (name text primary key, born date);
    insert into people values ('Ada Lovelace', null), ('Grace Hopper', null), ('Tony Hoare', null);`)
    .simple();
  for (const [name, text] of Object.entries(FILES)) {
    const file = new Blob([text]).stream();
    say(`${name}: ${await importCsv(db, file)}`);
  }
  say(`${await db.query("select count(*) from people").scalar()} people`);
} finally {
  await db.close();
}

async function importCsv(db: Connection, file: ReadableStream<Uint8Array>): Promise<string> {
  try {
    return await db.transaction(async (tx) => {
      await tx.query("create temporary table arriving (like people) on commit drop");
      const lines = await tx.copyFrom("copy arriving from stdin (format csv, header)", file);
      const changes = await tx.query<{ added: boolean }>(`
        insert into people select * from arriving
        on conflict (name) do update set born = excluded.born
        returning xmax = 0 as added`);
      const added = changes.filter((change) => change.added).length;
      return `${lines} lines read, ${added} added, ${changes.length - added} updated`;
    });
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return `nothing imported: ${error.message}\n            ${error.where}`;
  }
}

function say(text: string): void {
  // deno-lint-ignore no-console
  console.log(text);
}
