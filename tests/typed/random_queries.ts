/** Random queries over the corpus's tables: joins of all kinds, conditions, groups and windows. */

/** Makes queries; the same seed makes the same. */
export class RandomQueries {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  next(): string {
    const from = this.#from(2 + this.#below(3));
    const where = this.#maybe(0.6) ? ` where ${this.#condition(from.columns, 2)}` : "";
    const shape = this.#below(6);
    if (shape === 0) return this.#grouped(from, where);
    if (shape === 1) return this.#wrapped(from, where);
    if (shape === 2) return this.#windowed(from, where);
    const list = Array.from({ length: 5 }, (_, i) => `${this.#value(from.columns, 2)} as c${i}`);
    return `select ${list.join(", ")} from ${from.text}${where}`;
  }

  #grouped({ text, columns }: From, where: string): string {
    const keys = [this.#pick(columns), this.#pick(columns)];
    const way = this.#pick(["$", "rollup ($)", "cube ($)", "grouping sets (($), ())", "$"]);
    const by = way.replaceAll("$", [...new Set(keys)].join(", "));
    const aggregates = Array.from({ length: 3 }, (_, i) => {
      const filter = this.#maybe(0.3) ? ` filter (where ${this.#condition(columns, 1)})` : "";
      return `${this.#pick(AGGREGATES).replace("$", this.#value(columns, 1))}${filter} as a${i}`;
    });
    const having = this.#maybe(0.4)
      ? ` having ${this.#pick(HAVINGS).replace("$", this.#pick(columns)).replace("#", keys[0]!)}`
      : "";
    const list = [`${keys[0]} as k0`, `coalesce(${keys[1]}, ${keys[0]}) as k1`, ...aggregates];
    return `select ${list.join(", ")} from ${text}${where} group by ${by}${having}`;
  }

  #wrapped({ text, columns }: From, where: string): string {
    const list = Array.from({ length: 4 }, (_, i) => `${this.#value(columns, 1)} as c${i}`);
    const names = ["s.c0", "s.c1", "s.c2", "s.c3"];
    const inner = `select ${list.join(", ")} from ${text}${where}`;
    const limited = this.#maybe(0.2) ? `${inner} limit 7` : inner;
    const outer = this.#maybe(0.8) ? ` where ${this.#condition(names, 1)}` : "";
    if (this.#maybe(0.4)) return `with s as (${limited}) select * from s${outer}`;
    const join = this.#maybe(0.4) ? ` ${this.#pick(JOINS)} teams z on z.id = s.c0` : "";
    return `select s.*, ${this.#value(names, 1)} as d from (${limited}) s${join}${outer}`;
  }

  #windowed({ text, columns }: From, where: string): string {
    const frame = this.#pick(FRAMES);
    const list = Array.from(
      { length: 3 },
      (_, i) =>
        `${this.#pick(WINDOWS).replace("$", this.#value(columns, 1))} over (order by ${
          this.#pick(columns)
        } ${frame}) as w${i}`,
    );
    const inner = `select ${this.#pick(columns)} as c0, ${list.join(", ")} from ${text}${where}`;
    return `select * from (${inner}) s${this.#maybe(0.5) ? " where c0 is not null" : ""}`;
  }

  #from(count: number): From {
    const [first, ...others] = Array.from({ length: count }, (_, i) => this.#relation(`t${i}`));
    let { text, columns } = first!;
    for (const other of others) {
      const all = [...columns, ...other.columns];
      // FULL JOIN takes nothing but equalities.
      const equal = `${this.#pick(columns)} = ${this.#pick(other.columns)}`;
      const join = this.#pick(JOINS);
      const more = join !== "full join" && this.#maybe(0.4)
        ? ` and ${this.#condition(all, 1)}`
        : "";
      text = this.#maybe(0.3) && count > 2
        ? `${other.text} ${join} (${text}) on ${equal}${more}`
        : `${text} ${join} ${other.text} on ${equal}${more}`;
      columns = all;
    }
    return { text, columns };
  }

  #relation(alias: string): From {
    const [text, names] = this.#pick(RELATIONS);
    return { text: `${text} ${alias}`, columns: names.map((name) => `${alias}.${name}`) };
  }

  #condition(columns: readonly string[], depth: number): string {
    if (depth > 0 && this.#maybe(0.4)) {
      const [left, right] = [
        this.#condition(columns, depth - 1),
        this.#condition(columns, depth - 1),
      ];
      return this.#pick([`(${left} and ${right})`, `(${left} or ${right})`, `not (${left})`]);
    }
    const template = this.#pick(CONDITIONS);
    return template.replaceAll("$", this.#pick(columns)).replaceAll("#", this.#pick(columns))
      .replaceAll("%", this.#value(columns, depth - 1));
  }

  #value(columns: readonly string[], depth: number): string {
    if (depth <= 0 || this.#maybe(0.5)) return this.#pick(columns);
    const template = this.#pick(VALUES);
    return template.replaceAll("?", `(${this.#condition(columns, depth - 1)})`)
      .replaceAll("$", this.#value(columns, depth - 1)).replaceAll(
        "#",
        this.#value(columns, depth - 1),
      );
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#below(list.length)]!;
  }

  #maybe(chance: number): boolean {
    return this.#below(1000) < chance * 1000;
  }

  /** Xorshift. */
  #below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    this.#state >>>= 0;
    return this.#state % limit;
  }
}

interface From {
  readonly text: string;
  readonly columns: readonly string[];
}

/** Relations of numbers: each column can be compared with each other. */
const RELATIONS: readonly (readonly [string, readonly string[]])[] = [
  ["users", ["id", "team_id"]],
  ["teams", ["id", "parent_id", "budget"]],
  ["items", ["order_id", "line", "product_id", "quantity", "price"]],
  ["paid", ["id", "user_id", "total"]],
  ["customers", ["id", "orders", "spent"]],
  ["(select id, coalesce(team_id, id) as t, nullif(id, 2) as n from users)", ["id", "t", "n"]],
  ["(select team_id as k, count(*) as n, max(id) as m from users group by team_id)", [
    "k",
    "n",
    "m",
  ]],
  ["(values (1, 1), (2, null), (3, 3))", ["column1", "column2"]],
  ["(select id from users union all select parent_id from teams)", ["id"]],
];

const JOINS = ["join", "left join", "right join", "full join", "left join"];

const CONDITIONS = [
  ...[
    "$ is not null",
    "$ is null",
    "$ > 1",
    "$ = #",
    "$ <> 2",
    "$ in (1, 2, 3)",
    "$ not in (1, 2)",
  ],
  ...["$ is distinct from #", "$ is not distinct from 1", "($ > 1) is true", "($ = 2) is not true"],
  ...[
    "coalesce($, 0) > 0",
    "coalesce($ > 1, false)",
    "% > 0",
    "% is not null",
    "$ between 0 and #",
  ],
  ...[
    "$ = any (array[1, 2, null])",
    "$ <> all ('{}'::int[])",
    "$ in (select parent_id from teams)",
  ],
  ...[
    "$ + # > 2",
    "nullif($, #) = 1",
    "greatest($, #) > 1",
    "($, #) = (1, 1)",
    "exists (select 1 where $ = #)",
  ],
  ...["case when $ is null then true else # > 1 end", "true", "($ is null) = (# is null)"],
];

const VALUES = [
  ...["coalesce($, #)", "coalesce($, #, 0)", "$ + #", "nullif($, #)", "greatest($, #)"],
  ...[
    "case when ? then $ else # end",
    "case when ? then $ end",
    "case when $ is null then # else $ end",
  ],
  ...["case $ when 1 then # else 0 end", "abs($)", "case when ? then $ when ? then # else 1 end"],
  ...[
    "(select max(x.id) from users x where x.id = $)",
    "(select count(*) from users x where x.id > $)",
  ],
  ...["(select coalesce(sum(x.id), $) from users x where x.team_id = #)", "-$", "$::int"],
];

const AGGREGATES = ["count($)", "sum($)", "max($)", "min(distinct $)", "avg($)", "count(*)"]
  .concat("(array_agg($))[1]", "coalesce(max($), 0)", "cardinality(array_agg($))");

const HAVINGS = [
  "count(*) > 1",
  "max($) > 1",
  "# is not null",
  "# > 1 or count(*) > 1",
  "sum($) is not null",
];

const WINDOWS = ["sum($)", "max($)", "first_value($)", "last_value($)", "lag($)", "lead($, 1, 0)"]
  .concat("count($)", "nth_value($, 2)");

const FRAMES = [
  "",
  "",
  "rows between 1 preceding and 1 following",
  "rows between 1 following and 2 following",
]
  .concat(
    "rows between current row and unbounded following",
    "rows unbounded preceding exclude current row",
  )
  .concat(
    "groups between 1 preceding and current row exclude ties",
    "rows between unbounded preceding and unbounded following",
  );
