/** Where the server is; it must trust the user, over plain TCP. */
export interface Settings {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** One connection of a driver under measurement: it runs queries with parameters. */
export interface Peer {
  readonly name: string;
  connect(settings: Settings): Promise<void>;
  /**
   * Sends a query, at the latest when it is awaited, and resolves to its rows: objects by column
   * name. Prepared statements are used, and reused for the same `text`, where the driver offers it.
   */
  query(text: string, parameters: readonly unknown[]): PromiseLike<ArrayLike<unknown>>;
  /** Opens a pool of at most `max` connections, if it has pools. */
  openPool?(settings: Settings, max: number): PoolPeer;
  close(): Promise<void>;
}

/** The pool of a driver under measurement. */
export interface PoolPeer {
  /** Takes a connection and gives it back. */
  checkout(): Promise<void>;
  /** Runs a query on the next free connection; see {@linkcode Peer}. */
  query(text: string, parameters: readonly unknown[]): PromiseLike<ArrayLike<unknown>>;
  close(): Promise<void>;
}

/** How a worker loads each peer, so that one peer's code never runs in another's process. */
export const PEERS: Readonly<Record<string, () => Promise<Peer>>> = {
  cornac: async () => (await import("./peers/cornac.ts")).cornac(),
  traced: async () => (await import("./peers/traced.ts")).traced(),
  pg: async () => (await import("./peers/pg.ts")).nodePostgres(),
  postgres: async () => (await import("./peers/postgres.ts")).postgresJs(),
  "Bun.SQL": async () => (await import("./peers/bun_sql.ts")).bunSql(),
  floor: async () => (await import("./peers/floor.ts")).floor(),
};
