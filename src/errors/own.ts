/**
 * Own properties of the objects that a caller hands over. A property that is read by its name alone
 * is also found on `Object.prototype`: code that pollutes it could turn TLS off or name another
 * server.
 */

/** The prototype of the copies: it has no properties. Objects with none at all are slower. */
const BARE: object = Object.freeze(Object.create(null));

/**
 * Returns one object with the own enumerable properties of all `options`, later ones first. The
 * object inherits nothing: an option that was not given reads as `undefined`, whatever
 * `Object.prototype` holds.
 */
export function own<T extends object>(...options: (Partial<T> | undefined)[]): T {
  return Object.assign(Object.create(BARE), ...options);
}

/** Returns `options` where {@linkcode own} made it, else what `own` makes of it. */
export function withoutPrototype<T extends object>(options: T): T {
  return Object.getPrototypeOf(options) === BARE ? options : own<T>(options);
}

/**
 * Returns a copy of an object's properties and those of its classes, but not of `Object.prototype`:
 * for objects that may be instances with methods, such as codecs.
 */
export function ownOrOfClass<T extends object>(value: T): T {
  const copy = Object.create(BARE);
  for (let at: object | null = value; at !== null && at !== Object.prototype;) {
    for (const key of Reflect.ownKeys(at)) {
      if (key !== "constructor" && !(key in copy)) {
        copy[key] = (value as Record<PropertyKey, unknown>)[key];
      }
    }
    at = Object.getPrototypeOf(at);
  }
  return copy;
}

/** The options of listeners of signals: with no `signal` or `capture` that `Object.prototype` has. */
export const ONCE: { readonly once: true } = Object.freeze(own<{ once: true }>({ once: true }));
