/** The work of one process, and its outcome; both go through pipes as JSON. */

/** A server without a password. */
export interface Place {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** The work of one process. */
export interface Job {
  /**
   * `stream`: reads all rows; `naive`: likewise, without the driver; `slow`: with a handler ten times
   * slower than the server; `close`: closes after 1000 rows; `idle`: waits until the server stops.
   */
  readonly kind: "stream" | "naive" | "slow" | "close" | "idle";
  readonly place: Place;
  readonly slot: string;
  readonly rows: number;
}

/** The figures of one process; times are seconds. */
export interface Outcome {
  readonly seconds: number;
  /** The time until the first row. */
  readonly first: number;
  /** The processor's time, of user and system. */
  readonly cpu: number;
  /** Bytes of memory over those of the connected stream without rows. */
  readonly memory: number;
}
