import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Client, Peer, Settings } from "../peer.ts";

/** The classes of `pg`, or of a driver with its interface. */
export interface PgModule {
  readonly Client: new (options: object) => PgClient;
  readonly Pool: new (options: object) => PgPool;
}

/** The part of `pg.Client` that is used. */
export interface PgClient {
  connect(): Promise<void>;
  query(query: object): Promise<{ rows: unknown[] }>;
  end(): Promise<void>;
}

interface PgPool {
  connect(): Promise<PgClient & { release(): void }>;
  query(query: object): Promise<{ rows: unknown[] }>;
  end(): Promise<void>;
}

/** The streams that `pg` has from other packages, each of which submits an object of its own to `query()`. */
export interface PgStreams {
  readonly from: (text: string) => object;
  readonly to: (text: string) => object;
  readonly stream: new (text: string, values: unknown[], options: object) => object;
  readonly cursor: new (text: string, values: unknown[]) => object;
}

/**
 * A peer with the interface of `pg`, with named statements and with its pipeline mode: without, it
 * queues. Streams run on a second connection, since they need the mode without.
 */
export function pgPeer(name: string, module: PgModule, streams?: PgStreams): Peer {
  return {
    name,
    async connect(settings) {
      const client = new module.Client({ ...optionsOf(settings), pipeline: true });
      await client.connect();
      return clientOf(client, module, settings, streams);
    },
    openPool(settings, max) {
      const pool = new module.Pool({ ...optionsOf(settings), max });
      const named = namer();
      return {
        async checkout() {
          const own = await pool.connect();
          own.release();
        },
        query: async (text, values) => (await pool.query(named(text, values))).rows,
        close: () => pool.end(),
      };
    },
  };
}

function optionsOf({ ca, ...login }: Settings): object {
  return { ...login, ssl: ca === undefined ? false : { ca } };
}

/** Gives each text a name, so that it is a prepared statement. */
function namer(): (text: string, values: readonly unknown[]) => object {
  const names = new Map<string, string>();
  return (text, values) => {
    let name = names.get(text);
    if (name === undefined) names.set(text, name = `s${names.size}`);
    return { name, text, values };
  };
}

function clientOf(
  client: PgClient,
  module: PgModule,
  settings: Settings,
  streams: PgStreams | undefined,
): Client {
  const named = namer();
  const query = async (text: string, values: readonly unknown[]): Promise<unknown[]> =>
    (await client.query(named(text, values))).rows;
  const basic: Client = {
    query,
    many: (text, sets) => Promise.all(sets.map((set) => query(text, set))),
    close: () => client.end(),
  };
  return streams === undefined ? basic : streaming(basic, module, settings, streams);
}

function streaming(
  basic: Client,
  module: PgModule,
  settings: Settings,
  streams: PgStreams,
): Client {
  let opened: Promise<PgClient> | undefined;
  const plain = (): Promise<PgClient> => opened ??= opening(module, settings);
  return {
    ...basic,
    async copyIn(text, chunks) {
      const target = (await plain()).query(streams.from(text)) as unknown as NodeJS.WritableStream;
      await pipeline(Readable.from(chunks), target);
    },
    async copyOut(text) {
      const source = (await plain()).query(streams.to(text)) as unknown as Readable;
      let bytes = 0;
      for await (const chunk of source) bytes += (chunk as Uint8Array).length;
      return bytes;
    },
    async iterate(text, parameters) {
      const made = new streams.stream(text, [...parameters], { batchSize: 1000 });
      let count = 0;
      for await (const row of (await plain()).query(made) as unknown as Readable) {
        if (row !== undefined) count++;
      }
      return count;
    },
    async batches(text, parameters, size) {
      const made = new streams.cursor(text, [...parameters]);
      const cursor = (await plain()).query(made) as unknown as PgCursor;
      let count = 0;
      for (let rows; (rows = await cursor.read(size)).length > 0;) count += rows.length;
      await cursor.close();
      return count;
    },
    async close() {
      await basic.close();
      await (await opened)?.end();
    },
  };
}

interface PgCursor {
  read(size: number): Promise<unknown[]>;
  close(): Promise<void>;
}

async function opening(module: PgModule, settings: Settings): Promise<PgClient> {
  const client = new module.Client(optionsOf(settings));
  await client.connect();
  return client;
}
