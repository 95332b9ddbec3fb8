/**
 * A web server on Bun: a pool, JSON answers, graceful shutdown.
 *
 *     bun examples/server_bun.ts
 *
 * PORT says where it listens (default 8000); the PG* variables say where the database is.
 */
import process from "node:process";
import { createPool } from "../mod.ts";
import { answer } from "./server_routes.ts";

/** As much of Bun as is used here: this file is type-checked without Bun's types. */
interface BunRuntime {
  serve(options: {
    port: number;
    hostname: string;
    fetch(request: Request): Promise<Response>;
  }): { readonly port: number; stop(): Promise<void> };
}
const { Bun } = globalThis as unknown as { Bun: BunRuntime };

const pool = createPool({}, { max: 8 });

const server = Bun.serve({
  port: Number(process.env.PORT ?? 8000),
  hostname: "127.0.0.1",
  async fetch(request) {
    const { pathname } = new URL(request.url);
    const { status, body } = await answer(pool, request.method, pathname);
    return new Response(body, { status, headers: { "content-type": "application/json" } });
  },
});
process.stdout.write(`listening on ${server.port}\n`);

async function shutDown(): Promise<void> {
  await server.stop();
  await pool.close();
  process.stdout.write("bye\n");
}
process.once("SIGTERM", shutDown);
process.once("SIGINT", shutDown);
