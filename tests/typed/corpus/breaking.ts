/** Queries and tables that are meant to have the engine say "never NULL" of what can be NULL. */
import { type Case, q } from "./schema.ts";

/** Tables and functions that promise more than they keep. */
export const SETUP = (major: number): string => `
create domain required as text not null;
create table kept (id int primary key, value required);
insert into kept values (1, 'a'), (2, (select value from kept where false));
create table base (id int not null, label text not null);
create table child (extra text) inherits (base);
insert into base values (1, 'a');
${
  major < 18
    ? "alter table child alter label drop not null; insert into child values (2, null, null);"
    : `
create table old_rows (id int primary key, label text);
insert into old_rows values (1, null);
alter table old_rows add constraint label_there not null label not valid;
create table alone (id int primary key, label text constraint l not null no inherit);
create table alone_child () inherits (alone);
insert into alone values (1, 'a'); insert into alone_child values (2, null);
create table virtual (id int primary key, a int, b int generated always as (a + 1) virtual);
insert into virtual values (1, 1), (2, null);`
}
create table parts (id int not null, region text, note text not null) partition by list (region);
create table parts_a partition of parts for values in ('a');
create table parts_rest partition of parts default;
insert into parts values (1, 'a', 'x'), (2, null, 'y');
create table triggered (id int primary key, label text, kept text not null default 'k');
create function clear_label() returns trigger language plpgsql as $$ begin new.label := null; return new; end $$;
create trigger clear before insert or update on triggered for each row execute function clear_label();
insert into triggered values (1, 'x');
create table ruled (id int primary key, label text not null);
create table ruled_log (id int, label text);
insert into ruled values (1, 'a');
create rule instead as on update to ruled do instead update ruled_log set label = null returning 1, label;
insert into ruled_log values (1, 'x');
create view replaced as select id, name, email from users;
create function replaced_row() returns trigger language plpgsql as $$ begin new.name := null; return new; end $$;
create trigger instead instead of insert or update on replaced for each row execute function replaced_row();
create materialized view stale as select id, label from base;
create table secured (id int primary key, label text not null, secret text);
alter table secured enable row level security;
create policy all_rows on secured using (true);
insert into secured values (1, 'a', null);
create function strict_null(int) returns int language sql immutable strict as 'select null::int';
create function maybe(text) returns text language plpgsql as $$ begin return null; end $$;
create function same(anyelement) returns anyelement language sql immutable as 'select nullif($1, $1)';
create function rows_of(int) returns table (a int, b text) language sql as 'select g, null::text from generate_series(1, $1) g';
create function one_of() returns setof text language sql as 'select null::text';
create function pair_of(out a int, out b text) language sql as 'select 1, null::text';
create function strict_op(int, int) returns bool language sql immutable strict as 'select null::bool';
create operator === (leftarg = int, rightarg = int, function = strict_op);
`;

// deno-fmt-ignore
export const BREAKING: readonly Case[] = [
  // promises of tables
  q("select id, value from kept", "!?"),
  q("select value::required as v from kept where id = 1", "~"),
  q("select id, label from only base", "!!"),
  q("select label from base", "?", [], 14, 17),
  q("select label from base", "!", [], 18),
  q("select b.id, c.extra from base b left join child c on c.id = b.id", "!?"),
  q("select id, label from old_rows", "!?", [], 18),
  q("select label from old_rows where id = 1", "?", [], 18),
  q("select id, label from alone", "!?", [], 18),
  q("select id, label from only alone", "!!", [], 18),
  q("select id, a, b from virtual", "!??", [], 18),
  q("update virtual set a = 5 where b is null returning b, a", "~!", [], 18),
  q("select id, region, note from parts", "!?!"),
  q("select p.id, q.note from parts p left join parts q on q.region = p.region", "!?"),
  q("insert into triggered (id, label) values (2, 'x') returning label, kept", "?!"),
  q("update triggered set label = 'y' where label is null returning label", "?"),
  q("update ruled set label = 'b' returning id, label", "~?"),
  q("insert into replaced (id, name) values (9, 'x') returning id, name", "~?"),
  q("update replaced set name = 'q' returning id, name", "~?"),
  q("select id, name from replaced", "!!"),
  q("select id, label from stale", "~~", [], 18),
  q("select id, label from stale", "~?", [], 14, 17),
  q("select id, label, secret from secured", "!!?"),
  // outer joins of each kind
  q("select coalesce(a.id, b.id, c.id) as x, coalesce(a.id, c.id) as y from users a full join teams b on b.id = a.team_id full join orders c on c.id = b.id", "!~"),
  q("select array(select scores from users where id in (1)) as a, array(select tags from users where id = 1) as b", "!!"),
  q("select a.id as a, b.id as b, c.id as c from users a left join teams b on b.id = a.team_id left join teams c on c.id = b.parent_id", "!??"),
  q("select a.id as a, b.id as b, c.id as c from users a left join (teams b left join teams c on c.id = b.parent_id) on b.id = a.team_id", "!??"),
  q("select a.id as a, b.id as b, c.id as c from users a full join teams b on b.id = a.team_id full join orders c on c.id = b.id", "???"),
  q("select a.id as a, b.id as b, c.id as c from users a full join teams b on b.id = a.team_id left join orders c on c.id = b.id where c.id is not null", "?!!"),
  q("select coalesce(a.id, b.id) as x, c.id from users a full join teams b on b.id = a.team_id full join orders c on c.id = b.id", "??"),
  q("select coalesce(a.team_id, b.id) as x from users a full join teams b on b.id = a.team_id", "?"),
  q("select coalesce(a.id, b.parent_id) as x from users a full join teams b on b.id = a.team_id", "?"),
  q("select coalesce(b.id, b.parent_id) as x from users a full join teams b on b.id = a.team_id", "?"),
  q("select a.id, b.id as b from users a right join teams b on b.id = a.team_id right join orders o on o.id = b.id", "??"),
  q("select a.id from users a right join teams b on b.id = a.team_id where b.id > 0", "?"),
  q("select b.name from users a left join teams b on b.id = a.team_id where b.budget is null", "?"),
  q("select b.name from users a left join teams b on b.id = a.team_id where b.id is null or b.id > 1", "?"),
  q("select b.name from users a left join teams b on b.id = a.team_id where a.id > 0", "?"),
  q("select b.name from users a left join teams b on b.id = a.team_id where coalesce(b.id, 0) >= 0", "?"),
  q("select b.name from users a left join teams b on b.id = a.team_id where b.id is distinct from 7", "?"),
  q("select b.name from users a left join teams b on b.id = a.team_id where not (b.id = 7 and a.id = 1)", "?"),
  q("select b.name from users a left join teams b on b.id = a.team_id where (b.id = 1) is not true", "?"),
  q("select b.name from users a left join teams b on b.id = a.team_id where b.id <> all ('{}'::int[])", "?"),
  q("select b.name from users a left join teams b on b.id = a.team_id where not (b.id = any ('{}'::int[]))", "?"),
  q("select b.name from users a left join teams b on b.id = a.team_id where concat(b.name, 'x') = 'x'", "?"),
  q("select b.name from users a left join teams b on b.id = a.team_id where b is null", "?"),
  q("select b.name from users a left join teams b on b.id = a.team_id where b is distinct from null", "!"),
  q("select b.name from users a left join teams b on true and b.id = a.team_id", "?"),
  q("select b.name, a.email from users a left join teams b on b.id = a.team_id and a.email is not null", "??"),
  q("select x.n from users a left join (select id, 1 as n from teams) x on x.id = a.team_id", "?"),
  q("select x.n from users a left join (select id, coalesce(budget, 0) as n from teams) x on x.id = a.team_id", "?"),
  q("select x.n from teams a left join lateral (select count(*) as n from users u where u.team_id = a.id having count(*) > 1) x on true", "?"),
  q("select x.n from teams a left join lateral (select count(*) as n from users u where u.team_id = a.id group by u.team_id) x on true", "?"),
  q("select x.n from teams a left join lateral (select count(*) as n from users u where u.team_id = a.id limit 0) x on true", "?"),
  q("select x.n from teams a left join lateral (select count(*) as n from users u where u.team_id = a.id) x on x.n > 1", "?"),
  q("select b from users a left join teams b on b.id = a.team_id", "?"),
  q("select to_jsonb(b) as b from users a left join teams b on b.id = a.team_id", "?"),
  q("select id from users a full join teams b using (id)", "!"),
  q("select j.id, j.n, j.o from (users a left join teams b using (id)) as j(id, t, n, e, m, h, ta, s, me, se, ia, ac, bo, cr, sn, o)", "!!?"),
  // grouping sets
  q("select team_id, id from users group by grouping sets ((team_id), (id))", "??"),
  q("select id + 0 as x, id from users group by rollup (id)", "??"),
  q("select coalesce(email, 'x') as e, upper(coalesce(email, 'x')) as u from users group by rollup (coalesce(email, 'x'))", "??"),
  q("select count(*) as n, sum(id) as s, max(name) as m from users where false group by ()", "!??"),
  q("select id, is_admin from users group by rollup (id), cube (is_admin)", "??"),
  q("select id from users where id > 0 group by rollup (id)", "?"),
  q("select id from users group by rollup (id) having id > 0", "!"),
  q("select id, max(name) as m from users group by grouping sets ((id), ()) having count(*) >= 0", "?~"),
  q("select case when grouping(id) = 0 then id end as x from users group by rollup (id)", "?"),
  q("select s.id from (select id from users group by rollup (id)) s", "?"),
  q("select id, sum(sum(id)) over () as s from users group by rollup (id)", "?~"),
  q("select id, sum(id) as s, array_agg(id) as a from users where false group by rollup (id)", "???"),
  // windows
  q("select lag(id) over w as a, lead(id) over w as b, nth_value(id, 9) over w as c, ntile(3) over w as d from users window w as (order by id)", "???!"),
  q("select max(id) over (rows between unbounded preceding and 1 preceding) as a from users", "?"),
  q("select max(id) over (order by id rows between 1 following and unbounded following) as a from users", "?"),
  q("select max(id) over (order by id rows between current row and current row exclude current row) as a from users", "?"),
  q("select max(id) over (order by id groups between current row and current row exclude group) as a from users", "?"),
  q("select first_value(id) over (order by id rows between unbounded preceding and unbounded following exclude current row) as a from users where id = 1", "?"),
  q("select count(*) filter (where false) over () as a, sum(id) filter (where id > 1) over (order by id) as b from users", "!?"),
  q("select s.x from (select o.id, first_value(o.id) over (order by u.id desc) as x from users u left join orders o on o.user_id = u.id) s where s.id is not null", "?"),
  q("select s.x from (select o.id, min(o.id) over (order by u.id) as x from users u left join orders o on o.user_id = u.id) s where s.id is not null", "~"),
  q("select s.x from (select o.id, lag(o.id) over (order by u.id desc) as x from users u left join orders o on o.user_id = u.id) s where s.id is not null", "?"),
  q("select case when o.id is not null then first_value(o.id) over (order by u.id desc) end as x from users u left join orders o on o.user_id = u.id where u.id > 0", "?"),
  q("select case when o.id is not null then first_value(o.id) over (order by u.id desc) else 0 end as x from users u left join orders o on o.user_id = u.id", "?"),
  q("select lag(id, 1, null) over (order by id) as a, lag(id, null, 0) over (order by id) as b, lag(team_id, 1, 0) over (order by id) as c from users", "???"),
  // aggregates
  q("select (select coalesce(sum(x.id), u.team_id) from users x where x.id = u.team_id and x.id < 0) as a from users u", "?"),
  q("select (select u.team_id + count(*) from users x where x.id = u.team_id) as a from users u", "?"),
  q("select coalesce(total + 1, user_id) as a from orders where total + 1 > 0 and user_id > 0 group by cube (user_id, total)", "?"),
  q("select json_arrayagg(team_id) as a, json_arrayagg(team_id null on null) as b, json_objectagg(name: team_id absent on null) as c, any_value(id) as d, any_value(team_id) as e from users group by id", "!!!!?", [], 16),
  q("select json_arrayagg(team_id) as a, any_value(id) as d from users where false", "??", [], 16),
  q("select max(id) as m from users having count(*) > 100 or true", "~"),
  q("select sum(id) as m, array_agg(id) as a, json_agg(id) as j, string_agg(name, ',') as s from users where false", "????"),
  q("select sum(team_id) as s from users group by is_admin, id", "?"),
  q("select sum(id) filter (where id < 0) as s from users group by is_admin", "?"),
  q("select var_samp(id) as a, covar_samp(id, id) as b, regr_slope(id, id) as c, stddev_samp(id) as d from users group by id", "????"),
  q("select percentile_disc(0.5) within group (order by team_id) as a, percentile_cont(null) within group (order by id) as b from users group by id", "??"),
  q("select string_agg(email, ',') as a, string_agg(name, email) as b from users group by id", "?~"),
  q("select (select max(u.id)) as a from users u where false", "?"),
  q("select (select sum(u.id) from teams limit 1) as a from users u where false", "?"),
  q("select max(l.x) as m from users u cross join lateral (select nullif(u.id, 1) as x) l group by u.id", "?"),
  // sets
  q("select generate_series(1, 1) as a from users where id = 2 order by generate_series(1, 3)", "?"),
  q("select generate_series(1, id) as a, unnest(array[id]) as b from users where id = 2", "~?"),
  q("select generate_series(1, id) + 0 as a, unnest(array[id, id, id]) as b from users where id = 2", "?~"),
  q("select a, b from unnest(array[1, 2], array['x']) as t(a, b)", "~?"),
  q("select a from unnest(array[1, null]) a", "?"),
  q("select * from rows_of(2)", "~?"),
  q("select rows_of(2)", "~"),
  q("select * from one_of() x", "?"),
  q("select one_of() as x", "?"),
  q("select * from pair_of()", "~?"),
  q("select (pair_of()).*", "~?"),
  q("select * from json_to_recordset('[{\"a\": 1}, {}]') as x(a int, b text)", "??"),
  q("select * from jsonb_populate_record(null::teams, '{}')", "????"),
  q("select * from generate_series(1, 2) with ordinality as g(v, n) full join teams t on t.id = g.n + 3", "??????"),
  q("select v.a from (values (1), (null)) v(a)", "?"),
  q("select v.a, t.id from teams t left join (values (1), (2)) v(a) on v.a = t.id", "?!"),
  // user functions and operators
  q("select strict_null(id) as a, maybe(name) as b, same(id) as c, id === id as d from users", "????"),
  q("select maybe(name) || 'x' as a, coalesce(maybe(name), 'x') as b from users", "?!"),
  q("select id from users where strict_null(id) is null", "!"),
  q("select same(team_id) as a from users where same(team_id) is null", "?"),
  // values that are NULL at the edges
  q("select to_char('infinity'::timestamp, 'YYYY') as a, extract(hour from 'infinity'::timestamp) as b, date_part('hour', 'infinity'::timestamptz) as c", "???"),
  q("select '{\"a\": null}'::jsonb->>'a' as a, jsonb_path_query_first('{}', '$.b') as b, '{}'::jsonb#>>'{x}' as c, json_extract_path_text('{}', 'x') as d", "????"),
  q("select lower('empty'::int4range) as a, upper('(,)'::int4range) as b, array_length('{}'::int[], 1) as c, array_position(array[1], 2) as d, ('{1}'::int[])[5] as e", "?????"),
  q("select substring('a' from 'b') as a, regexp_match('a', 'b') as b, regexp_substr('a', 'b') as c", "???", [], 16),
  q("select nullif(1, 1) as a, 1 = any(array[2, null]) as b, 1 in (2, null) as c, (1, null) = (1, 2) as d, null and true as e", "?????"),
  q("select array_to_string(null::text[], ',') as a, concat_ws(null, 'x') as b, format(null) as c, concat(variadic null::text[]) as d, json_build_object(variadic null::text[]) as e", "?????"),
  q("select 1 > all(select null::int) as a, 1 = any(select team_id from users where id = 2) as b, (select 1 where false) as c, row(1, null) < row(1, 2) as d", "????"),
  q("select (select id from users where id = -1) as a, (select count(*) from users offset 1) as b, (select 1 limit 0) as c, (select 1 where random() < 0) as d", "????"),
  q("select (select max(id) from users having false) as a, (select count(*) from users group by id limit 1) as b, (select 1 union select 1 except select 1) as c", "?~?"),
  q("select age('infinity'::timestamp) as a, obj_description(1) as b, pg_get_viewdef(1) as c, inet_client_addr() is null as d, to_regclass('none') as e", "!??!?", [], 17),
  q("select trim_scale('NaN') as a, scale('NaN'::numeric) as b, min_scale('NaN'::numeric) as c, numeric_inc(1) as d", "!??!"),
  q("select point(1, 1) <-> point(2, 2) as a, lseg(point(0, 0), point(1, 1)) # lseg(point(0, 1), point(0, 2)) as b, box(point(0, 0), point(1, 1)) # box(point(2, 2), point(3, 3)) as c", "!??"),
  q("select current_setting('no.such', true) as a, pg_size_bytes('1kB') as b, current_schema as c", "?!~"),
  // XML and JSON tables
  q("select * from xmltable('/r/i' passing ('<r><i a=\"1\"/><i/></r>'::xml) columns n for ordinality, a int path '@a', b text path '@b' default 'x', c int path '@a' default 0 not null)", "!?~!"),
  q("select x.n, u.id from users u left join xmltable('/r' passing ('<r/>'::xml) columns n for ordinality) x on u.id = 1", "?!"),
  q("select * from json_table('[{\"a\": 1, \"b\": [1]}, {}]'::jsonb, '$[*]' columns (n for ordinality, a int path '$.a', nested path '$.b[*]' columns (m for ordinality, v int path '$')))", "~???", [], 17),
  q("select json_value('{}', '$.a') as a, json_query('{}', '$.a') as b, json_exists('{}', '$.a') as c, json_value('{}', '$.a' default 'x' on empty) as d", "??~~", [], 17),
  q("select json_object('a': id) as a, json_array(id, name) as b, json_objectagg(name: id) as c, json_arrayagg(id) as d from users group by id", "!!!!", [], 16),
  q("select json_arrayagg(id) as a, json_objectagg(name: id) as b from users where false", "??", [], 16),
  q("select id is json as a, name is json as b from (select id::text as id, email as name from users) s", "!?", [], 16),
  q("select xmlelement(name a, null) as a, xmlforest(null as x) as b, xmlconcat(null, null) as c, xmlparse(content 'x') as d, xmlpi(name p) as e", "!??~~"),
  // CTEs, set operations, statements
  q("with recursive r(a, b) as (select 1, 'x'::text union all select a + 1, case when a < 2 then b end from r where a < 4) select * from r", "!?"),
  q("with recursive r(a, b) as (select 1, 1 union all select b, nullif(a, 1) from r where a is not null and a < 2) select * from r", "??"),
  q("with recursive r(a, b, c) as (select 1, 1, 1 union all select b, c, null::int from r where a is not null) select a, b, c from r", "???"),
  q("with recursive r as (select id, parent_id from teams where id = 3 union all select t.id, t.parent_id from r left join teams t on t.id = r.parent_id where r.id is not null) select * from r", "??"),
  q("with recursive t(id) as (select 1 union all select id + 1 from t where id < 3) search depth first by id set o select id, o from t", "!~"),
  q("with recursive t(id) as (select 1 union all select id % 2 + 1 from t) cycle id set looped to 'y' default 'n' using path select id, looped, path from t", "!~~"),
  q("select id from users union all select null", "?"),
  q("select id, email from users union select id, email from users where email is not null", "!?"),
  q("(select id from users intersect select user_id from orders) union all select user_id from orders", "?"),
  q("select a from (select 1 as a union all select 2) s union all (select null::int except select 1)", "?"),
  q("with c as (select id, email from users) select (select email from c where c.id = 2) as e, (select id from c where false) as i", "??"),
  q("with e as (select email from users where email is not null) select u.id, e.email from users u left join e using (email)", "!?"),
  q("insert into kept values (3, 'x') on conflict (id) do update set value = 'y' returning value", "~"),
  q("update users set email = null where email is not null returning email, lower(email) as l", "??"),
  q("update users u set team_id = null from teams t where t.id = u.team_id returning u.team_id, t.id", "?!"),
  q("update orders set note = (select name from users where false) returning note", "?"),
  q("update users u set mood = s.m from (values (1, 'ok'::mood), (2, null)) s(id, m) where s.id = u.id returning u.mood, s.m", "??"),
  q("insert into teams (id, name) values (50, 'x') on conflict do nothing returning id, parent_id", "!?"),
  q("merge into items t using (values (1, 1), (9, 9)) s(o, l) on s.o = t.order_id and s.l = t.line when matched then update set price = null when not matched by source then delete returning s.o, t.line, t.price", "?!?", [], 17),
  q("merge into teams t using (values (1), (60)) s(id) on s.id = t.id when matched then update set budget = null when not matched then insert (id, name) values (s.id, 'm') returning old.id as o, new.id as n, t.budget, s.id", "?!?!", [], 18),
  q("merge into items t using (values (1)) s(o) on s.o = t.order_id when matched then delete returning new.line as n, old.line as o, t.line", "?!!", [], 18),
  q("insert into teams (id, name) values (1, 'x') on conflict (id) do update set name = 'y' returning old.id as o, new.id as n", "~!", [], 18),
  q("update users set email = 'z@x' where email is null returning old.email as o, new.email as n, email", "?!!", [], 18),
  q("with gone as (delete from items returning product_id) select max(product_id) as m from gone where product_id < 0", "?"),
];
