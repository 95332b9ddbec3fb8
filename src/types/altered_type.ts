import { DataError } from "../errors/errors.ts";

/**
 * A composite value has other attributes than the catalogue described: the type was altered since,
 * and the catalogue has to be queried again.
 */
export class AlteredTypeError extends DataError {
  static {
    this.prototype.name = "DataError";
  }

  /** For the driver; `name` is the composite type's. */
  constructor(name: string) {
    super(`malformed ${name}: its attributes are not those that the catalogue described`, {
      code: "22P02",
    });
  }

  /** Reports whether an error is an AlteredTypeError, or was caused by one. */
  static isBehind(error: unknown): boolean {
    let depth = 0; // a chain of causes may be circular
    for (let cause = error; cause instanceof Error && depth < 16; cause = cause.cause, depth++) {
      if (cause instanceof AlteredTypeError) return true;
    }
    return false;
  }
}
