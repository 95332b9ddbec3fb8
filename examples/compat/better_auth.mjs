// deno-lint-ignore-file no-console
/**
 * Better Auth on this driver: its tables by its own migrations, a sign-up, a session, an error.
 *
 * Prints:
 *
 * ```
 * tables: account, session, user, verification
 * signed up: ada@example.com
 * refused: UNPROCESSABLE_ENTITY
 * session of: Ada
 * after signing out: null
 * ```
 */
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import pg from "pg";

const database = new pg.Pool({ connectionString: process.env.DATABASE_URL });
const options = {
  database,
  baseURL: "http://localhost:3000",
  secret: "an example, and 32 characters long",
  emailAndPassword: { enabled: true },
  logger: { disabled: true },
  telemetry: { enabled: false },
};
const { runMigrations } = await getMigrations(options);
await runMigrations();
const tables = await database.query(
  "select tablename from pg_tables where schemaname = 'public' order by 1",
);
console.log(`tables: ${tables.rows.map(({ tablename }) => tablename).join(", ")}`);

const auth = betterAuth(options);
const ada = { name: "Ada", email: "ada@example.com", password: "an engine of the mind" };
const { user } = await auth.api.signUpEmail({ body: ada });
console.log(`signed up: ${user.email}`);

try {
  await auth.api.signUpEmail({ body: ada });
} catch (error) {
  console.log(`refused: ${error.status}`);
}

const signedIn = await auth.api.signInEmail({
  body: { email: ada.email, password: ada.password },
  asResponse: true,
});
const headers = new Headers({ cookie: signedIn.headers.getSetCookie()[0].split(";")[0] });
const session = await auth.api.getSession({ headers });
console.log(`session of: ${session.user.name}`);
await auth.api.signOut({ headers });
console.log(`after signing out: ${JSON.stringify(await auth.api.getSession({ headers }))}`);

for (const table of ["account", "session", "verification", "user"]) {
  await database.query(`drop table "${table}"`);
}
await database.end();
