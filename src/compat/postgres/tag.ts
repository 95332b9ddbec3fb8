import * as ownSql from "../../own_sql.ts";
import type { Client } from "./client.ts";
import { FileQuery } from "./file_query.ts";
import { Builder, Identifier, inferType, Parameter } from "./interpolation.ts";
import { PendingQuery } from "./pending_query.ts";
import type { QueryOptions } from "./runnable.ts";
import type { Source } from "./source.ts";
import type { BaseSql, FileOptions } from "./sql_types.ts";
import type { Anything } from "./value_types.ts";

/** The OID of jsonb, which `sql.json()` makes parameters of. */
const JSONB = 3802;
const TEXT = 25;

/** Returns the tag whose queries run on `source`. */
export function tagOn(client: Client, source: Source): BaseSql {
  const { options } = client;
  const typed = typedBy(client);
  const sql = (first: unknown, ...rest: unknown[]): unknown => {
    if (isTemplate(first)) {
      return new PendingQuery(source, first, rest, true, {}, client.originOf(first));
    }
    if (typeof first !== "string" || rest.length > 0) return new Builder(first, rest);
    const { to } = options.transform.column;
    return new Identifier(to === undefined ? first : to(first));
  };
  return Object.assign(sql, {
    types: typed,
    typed,
    unsafe(text: string, given: readonly unknown[] | QueryOptions = [], own: QueryOptions = {}) {
      const [args, how] = Array.isArray(given) ? [given, own] : [[], given as QueryOptions];
      const simple = how.simple ?? args.length === 0;
      const origin = options.debug ? new Error() : undefined;
      const query = { prepare: false, ...how, simple };
      return new PendingQuery(source, [text], args, false, query, origin);
    },
    notify(channel: string, payload: string) {
      const args = [channel, "" + payload];
      return new PendingQuery(source, [ownSql.NOTIFY], args, false, {}, undefined).execute();
    },
    array(values: unknown, type?: number, ...more: unknown[]): Parameter {
      if (!Array.isArray(values)) return this.array([values, type, ...more]);
      const { typeArrayMap } = options.shared;
      const inferred = values.length > 0 ? inferType(values) || TEXT : 0;
      return new Parameter(values, type || inferred, typeArrayMap);
    },
    json: (value: unknown) => new Parameter(value, JSONB),
    file(
      path: string | URL,
      given: readonly unknown[] | FileOptions = [],
      own: FileOptions = {},
    ) {
      const [args, how] = Array.isArray(given) ? [given, own] : [[], given as FileOptions];
      const simple = how.simple ?? args.length === 0;
      return new FileQuery(client, source, path, args, { ...how, simple });
    },
  }) as Anything;
}

/** Reports whether a value is the texts of a template. */
export function isTemplate(value: unknown): value is TemplateStringsArray {
  return Array.isArray(value) && Array.isArray((value as { raw?: unknown }).raw);
}

function typedBy({ options }: Client): BaseSql["typed"] {
  const typed = (value: unknown, oid: number): Parameter => new Parameter(value, oid);
  const named = Object.entries(options.types).map(([name, { to }]) =>
    [name, (value: unknown) => new Parameter(value, to)] as const
  );
  return Object.assign(typed, Object.fromEntries(named)) as Anything;
}
