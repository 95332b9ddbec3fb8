/**
 * Signs users up, and turns the violation of a constraint into an answer for a person: no SELECT
 * beforehand, which could not see what another connection is about to insert.
 *
 * Prints:
 *
 * ```
 * ada: welcome, your number is 1
 * ada: this name is taken
 * Eve!: a name has lower-case letters only
 * grace: welcome, your number is …
 * ```
 */
import { connect, type Connection, IntegrityError } from "../mod.ts";

const ANSWERS: Readonly<Record<string, string>> = {
  members_name_key: "this name is taken",
  members_name_check: "a name has lower-case letters only",
};

const db = await connect();
try {
  await db.query(`
    create temporary table members (
      id int generated always as identity primary key,
      name text not null unique check (name ~ '^[a-z]+$')
    )`);
  for (const name of ["ada", "ada", "Eve!", "grace"]) say(`${name}: ${await signUp(db, name)}`);
} finally {
  await db.close();
}

async function signUp(db: Connection, name: string): Promise<string> {
  try {
    const id = await db.sql`insert into members (name) values (${name}) returning id`.scalar();
    return `welcome, your number is ${id}`;
  } catch (error) {
    const answer = error instanceof IntegrityError && ANSWERS[error.constraint ?? ""];
    if (answer) return answer;
    throw error;
  }
}

function say(text: string): void {
  // deno-lint-ignore no-console
  console.log(text);
}
