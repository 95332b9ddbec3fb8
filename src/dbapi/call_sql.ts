/** SQL of cursors, loaded with their first statement. The rules of `own_sql.ts` hold. */

/** Calls a procedure by the name that the caller gives, with this number of parameters. */
export function callProcedure(name: string, parameters: number): string {
  const places = Array.from({ length: parameters }, (_, i) => `$${i + 1}`);
  return `call ${name}(${places.join(", ")})`;
}
