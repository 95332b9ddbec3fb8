/** The tables that the corpus is over, with rows in which each column that can be NULL is NULL. */

export const SCHEMA = `
create type mood as enum ('sad', 'ok', 'happy');
create type address as (street text, zip int4);
create domain email as text check (value like '%@%');
create domain amount as numeric not null check (value >= 0);

create table teams (id int primary key, name text not null, parent_id int references teams, budget numeric);
create table users (
  id int primary key,
  team_id int references teams,
  name text not null,
  email email,
  mood mood,
  home address,
  tags text[],
  scores int[] not null default '{}',
  meta jsonb,
  settings jsonb not null default '{}',
  is_admin bool not null default false,
  is_active bool,
  born date,
  created_at timestamptz not null default '2024-01-01 00:00:00+00',
  seen_at timestamptz
);
create table products (
  id int primary key,
  sku text not null unique,
  name text not null,
  price numeric(10, 2) not null,
  weight float8,
  sizes int4range,
  description text
);
create table orders (
  id int primary key,
  user_id int references users,
  status text not null,
  total amount not null,
  discount numeric,
  note text,
  placed_on date not null,
  shipped_on date
);
create table items (
  order_id int not null references orders,
  line int not null,
  product_id int references products,
  quantity int not null,
  price numeric,
  primary key (order_id, line)
);
create table events (
  id bigint generated always as identity primary key,
  kind text not null,
  at timestamptz not null default '2024-05-01 00:00:00+00',
  payload json,
  duration interval,
  doubled int generated always as (3 * 2) stored
);

insert into teams values (1, 'one', null, 100), (2, 'two', 1, null), (3, 'three', 2, 5), (4, 'empty', null, null);
insert into users (id, team_id, name, email, mood, home, tags, scores, meta, is_admin, is_active, born, seen_at) values
  (1, 1, 'Ada', 'ada@x', 'happy', ('A', 1), '{a,b}', '{1,2}', '{"a": 1, "n": null}', true, true, '1815-12-10', '2024-02-01'),
  (2, null, 'Bob', null, null, null, null, '{}', null, false, null, null, null),
  (3, 2, 'Cy', 'cy@x', 'sad', (null, null), '{c,null}', '{3,null}', '[]', false, false, '1990-01-01', '2024-03-01'),
  (4, 1, 'Di', null, null, ('D', null), '{}', '{4}', '{"a": "x"}', false, true, null, null),
  (5, 3, '', 'e@x', 'ok', null, '{null}', '{}', 'null', true, null, '2000-02-29', 'infinity');
insert into products values
  (1, 'p1', 'Pen', 1.50, 0.1, '[1,5)', 'writes'), (2, 'p2', 'Ink', 9.99, null, null, null),
  (3, 'p3', 'Pad', 3, 0.5, 'empty', ''), (4, 'p4', 'Cap', 0, null, '(,)', null);
insert into orders values
  (1, 1, 'paid', 10, 1, 'fast', '2024-01-02', '2024-01-03'), (2, 1, 'new', 20, null, null, '2024-01-05', null),
  (3, 3, 'paid', 0, 0, null, '2024-02-01', null), (4, null, 'lost', 5, null, 'who?', '2024-03-01', null),
  (5, 4, 'new', 7.5, null, null, '2024-04-01', '2024-04-02');
insert into items values (1, 1, 1, 2, 1.5), (1, 2, null, 1, null), (2, 1, 2, 1, 9), (3, 1, null, 5, null), (5, 1, 3, 1, null);
insert into events (kind, payload, duration) values ('a', '{"x": 1}', '1 hour'), ('b', null, null), ('c', 'null', '-1 day');

create view paid as select o.id, o.user_id, o.total, u.name, u.email
  from orders o left join users u on u.id = o.user_id where o.status = 'paid';
create view customers as select u.id, u.name, count(o.id) as orders, max(o.placed_on) as last,
  sum(o.total) filter (where o.status = 'paid') as spent from users u left join orders o on o.user_id = u.id group by u.id;
create view safe with (security_barrier) as select id, name, email from users where email is not null;
`;

/**
 * A query and the truth of its columns: `!` never NULL; `?` NULL, and it is seen to be so in the
 * data; `~` can be NULL, though no row above shows it.
 */
export interface Case {
  readonly text: string;
  readonly truth: string;
  readonly parameters: readonly unknown[];
  /** The first major that has what it uses. */
  readonly since: number;
  /** The last major of which the truth holds. */
  readonly until: number;
}

/** Makes a case; white space in `truth` is for the eye. */
export function q(
  text: string,
  truth: string,
  parameters: readonly unknown[] = [],
  since: number = 14,
  until: number = 99,
): Case {
  return { text, truth: truth.replaceAll(" ", ""), parameters, since, until };
}
