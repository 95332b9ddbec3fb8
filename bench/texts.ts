/** The statements of the standard workloads, for workers in each language. */
export const TEXTS = {
  /** A row by its key. */
  point: "select typname, typlen, typbyval from pg_type where oid = $1",
  types: `select typname, typnamespace, typowner, typlen, typbyval, typcategory,
    typispreferred, typisdefined, typdelim, typrelid, typelem, typarray
    from pg_type where typtypmod = $1 and typisdefined = $2 and oid < 16384`,
  ints: "select i from generate_series(1, $1::int) as i",
  kilobyte:
    "select decode(repeat(md5(i::text), 64), 'hex') as b from generate_series(1, $1::int) i",
  arrays: "select array(select generate_series(i, i + 99)) as a from generate_series(1, $1::int) i",
  /** A table of the types that applications use most. */
  mixedTable: `select i as id, i * 10000000000 as big, 'name ' || i as name,
    case i % 3 when 0 then 'new' when 1 then 'paid' else 'shipped' end as status, i % 2 = 0 as flag,
    i / 7.0::float8 as ratio, (i * 1.01)::numeric(12,2) as amount,
    '2026-01-01 00:00:00Z'::timestamptz + i * '1 minute 1 second'::interval as made,
    '2026-01-01'::date + i % 500 as due, md5(i::text)::uuid as key,
    jsonb_build_object('id', i, 'tags', array['a', 'b']) as data,
    case when i % 5 > 0 then 'a remark about row ' || i end as remark
    from generate_series(1, 10000) i`,
  mixed: "select * from bench_mixed where id > $1",
} as const;
