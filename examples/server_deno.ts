/**
 * A web server on Deno: a pool, JSON answers, graceful shutdown.
 *
 *     deno run --allow-net --allow-env --allow-read --allow-sys examples/server_deno.ts
 *
 * PORT says where it listens (default 8000); the PG* variables say where the database is.
 */
import { createPool } from "../mod.ts";
import { answer } from "./server_routes.ts";

const pool = createPool({}, { max: 8 });

const server = Deno.serve({
  port: Number(Deno.env.get("PORT") ?? 8000),
  hostname: "127.0.0.1",
  onListen: ({ port }) => say(`listening on ${port}`),
}, async (request) => {
  const { pathname } = new URL(request.url);
  const { status, body } = await answer(pool, request.method, pathname);
  return new Response(body, { status, headers: { "content-type": "application/json" } });
});

async function shutDown(): Promise<void> {
  await server.shutdown();
  await pool.close();
  say("bye");
  // Listening for signals would keep the process alive.
  for (const signal of SIGNALS) Deno.removeSignalListener(signal, shutDown);
}
const SIGNALS = ["SIGTERM", "SIGINT"] as const;
for (const signal of SIGNALS) Deno.addSignalListener(signal, shutDown);

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}
