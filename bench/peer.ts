/** The address of a server and a login, and the root to check its certificate against, for TLS. */
export interface Settings {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly password?: string;
  /** The trusted root, PEM. With it the connection uses TLS and checks the server's name. */
  readonly ca?: string;
}

/**
 * A driver under measurement. Each is the default export of a file in `peers/`, a function that returns
 * it. Code that several share is in `drivers/`.
 */
export interface Peer {
  /** The name in the report. */
  readonly name: string;
  /** Whether it decodes what it receives; `false` for the floor. */
  readonly decodes?: boolean;
  /** Whether it can log in with a password, by SCRAM; `false` for the floor. */
  readonly takesPassword?: boolean;
  connect(settings: Settings): Promise<Client>;
  /** Opens a pool of at most `max` connections. */
  openPool?(settings: Settings, max: number): PoolClient;
}

/** The rows of a result: objects by column name. */
export type Rows = ArrayLike<unknown>;

/** A set of parameters. The same array is used again and again. */
export type Parameters = readonly unknown[];

/** One connection of a driver. A driver lacks the methods for what it cannot do. */
export interface Client {
  /**
   * Sends a query, at the latest when it is awaited. Prepared statements are used, and used again for
   * the same `text`, where the driver offers it.
   */
  query(text: string, parameters: Parameters): PromiseLike<Rows>;
  /** Runs one statement with each set of parameters, with one Sync, and returns the rows of each. */
  batch?(text: string, sets: readonly Parameters[]): Promise<readonly Rows[]>;
  /** Runs one statement with each set of parameters, with as few Syncs as the driver can. */
  many?(text: string, sets: readonly Parameters[]): Promise<unknown>;
  /** Copies text into a table. */
  copyIn?(text: string, chunks: readonly string[]): Promise<unknown>;
  /** Copies out and returns the number of bytes. */
  copyOut?(text: string): Promise<number>;
  /** Copies typed rows into columns of a table, in binary. */
  rowsIn?(table: string, columns: readonly string[], rows: readonly Parameters[]): Promise<unknown>;
  /** Copies columns of a table out in binary, decodes the rows, and returns their number. */
  rowsOut?(table: string, columns: readonly string[]): Promise<number>;
  /** Streams rows one at a time, with flat memory, and returns their number. */
  iterate?(text: string, parameters: Parameters): Promise<number>;
  /** Streams rows in batches of `size`, with flat memory, and returns their number. */
  batches?(text: string, parameters: Parameters, size: number): Promise<number>;
  close(): Promise<unknown>;
}

/** The pool of a driver. */
export interface PoolClient {
  /** Takes a connection and gives it back. */
  checkout(): Promise<void>;
  /** Runs a query on the next free connection. */
  query(text: string, parameters: Parameters): PromiseLike<Rows>;
  close(): Promise<unknown>;
}
