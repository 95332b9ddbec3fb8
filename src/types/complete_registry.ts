import { RARE_TYPES } from "./rare.ts";
import { TypeRegistry, type TypesOptions } from "./registry.ts";

/**
 * Returns a registry with the given policies and codecs that knows the rare types from the start: for
 * code that has no moment to wait for them.
 *
 * @throws {InterfaceError} a policy or a codec is invalid.
 */
export function completeRegistry(options: TypesOptions = {}): TypeRegistry {
  const registry = new TypeRegistry(options);
  registry.use(RARE_TYPES);
  return registry;
}
