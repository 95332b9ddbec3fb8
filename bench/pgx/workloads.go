package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// The statements of the workloads, from texts.ts.
type texts struct {
	Point, Types, Ints, Kilobyte, Arrays, MixedTable, Mixed string
}

// A workload is one thing to measure, the counterpart of the one of the same name in TypeScript.
type workload struct {
	// step does the work once and returns how many units that was.
	step func(context.Context, *pgx.Conn) (int, error)
	// verify prepares the server and returns an error unless the answers are right.
	verify func(context.Context, *pgx.Conn) error
}

var points = []uint32{16, 20, 21, 23, 25, 700, 701, 1043}

const (
	manyPoints = 100
	inserts    = 1000
	copied     = 10_000
)

type point struct {
	name    string
	length  int16
	byValue bool
}

type pgType struct {
	Name                            string
	Namespace, Owner                uint32
	Length                          int16
	ByValue                         bool
	Category                        byte
	Preferred, Defined              bool
	Delimiter                       byte
	Relation, Element, ArrayOfThese uint32
}

type mixed struct {
	ID     int32
	Big    int64
	Name   string
	Status string
	Flag   bool
	Ratio  float64
	Amount pgtype.Numeric
	Made   time.Time
	Due    time.Time
	Key    [16]byte
	Data   struct {
		ID   int      `json:"id"`
		Tags []string `json:"tags"`
	}
	Remark *string
}

// workloadsOf returns the workloads by their names. Rows become structs by position, single columns values
// and single rows variables; or all become maps by column name, for mode "maps".
func workloadsOf(mode string, t texts, items string) map[string]workload {
	all := structs(t)
	if mode == "maps" {
		all = maps(t)
	}
	all["100 in one batch"] = all["100 at once"]
	all["1,000 inserts"] = inserter(items, insertsInBatch)
	all["1,000 inserts, each with a Sync"] = inserter(items, insertsEachSync)
	lines := copyLines()
	all["COPY of 10,000 rows"] = copier(items, lines)
	all["COPY of 10,000 rows, one string"] = copier(items, []string{strings.Join(lines, "")})
	return all
}

func structs(t texts) map[string]workload {
	one := func(ctx context.Context, conn *pgx.Conn, oid uint32) (p point, err error) {
		err = conn.QueryRow(ctx, t.Point, oid).Scan(&p.name, &p.length, &p.byValue)
		return p, err
	}
	next := func(results pgx.BatchResults) (p point, err error) {
		err = results.QueryRow().Scan(&p.name, &p.length, &p.byValue)
		return p, err
	}
	isBool := func(p point) bool { return p == point{"bool", 1, true} }
	return map[string]workload{
		"one row at a time":             oneByOne(one, isBool),
		"100 at once":                   atOnce(t.Point, next, isBool),
		"100 at once, each with a Sync": pointsEachSync(t.Point),
		"pg_type": rowsOf(t.Types, []any{-1, true}, pgx.RowToStructByPos[pgType], 500, func(row pgType) bool {
			return row.Name != "bool" || row.Length == 1 && row.ByValue && row.Category == 'B' && row.ArrayOfThese == 1000
		}),
		"1,000 ints": rowsOf(t.Ints, []any{1000}, pgx.RowTo[int32], 1000, func(i int32) bool { return i > 0 }),
		"100 rows of 1 kB bytea": rowsOf(t.Kilobyte, []any{100}, pgx.RowTo[[]byte], 100, func(b []byte) bool {
			return len(b) == 1024
		}),
		"100 rows of int4[100]": rowsOf(t.Arrays, []any{100}, pgx.RowTo[[]int32], 100, func(a []int32) bool {
			return len(a) == 100 && a[99] == a[0]+99
		}),
		"mixed table": withTable(t, rowsOf(t.Mixed, []any{0}, pgx.RowToStructByPos[mixed], 10_000, func(row mixed) bool {
			return row.ID != 100 || row.Flag && row.Data.ID == 100 && row.Made.UnixMilli() == 1767231700000
		})),
	}
}

func maps(t texts) map[string]workload {
	one := func(ctx context.Context, conn *pgx.Conn, oid uint32) (map[string]any, error) {
		rows, _ := conn.Query(ctx, t.Point, oid)
		return pgx.CollectExactlyOneRow(rows, pgx.RowToMap)
	}
	next := func(results pgx.BatchResults) (map[string]any, error) {
		rows, _ := results.Query()
		return pgx.CollectExactlyOneRow(rows, pgx.RowToMap)
	}
	isBool := func(row map[string]any) bool { return row["typname"] == "bool" && row["typbyval"] == true }
	return map[string]workload{
		"one row at a time": oneByOne(one, isBool),
		"100 at once":       atOnce(t.Point, next, isBool),
		"pg_type": rowsOf(t.Types, []any{-1, true}, pgx.RowToMap, 500, func(row map[string]any) bool {
			return len(row) == 12 && (row["typname"] != "bool" || row["typlen"] == int16(1))
		}),
		"1,000 ints": rowsOf(t.Ints, []any{1000}, pgx.RowToMap, 1000, func(row map[string]any) bool {
			return row["i"].(int32) > 0
		}),
		"100 rows of 1 kB bytea": rowsOf(t.Kilobyte, []any{100}, pgx.RowToMap, 100, func(row map[string]any) bool {
			return len(row["b"].([]byte)) == 1024
		}),
		"100 rows of int4[100]": rowsOf(t.Arrays, []any{100}, pgx.RowToMap, 100, func(row map[string]any) bool {
			return len(row["a"].([]any)) == 100
		}),
		"mixed table": withTable(t, rowsOf(t.Mixed, []any{0}, pgx.RowToMap, 10_000, func(row map[string]any) bool {
			return row["id"] != int32(100) || row["data"].(map[string]any)["id"] == 100.0
		})),
	}
}

func rowsOf[T any](text string, args []any, to pgx.RowToFunc[T], least int, isRight func(T) bool) workload {
	collect := func(ctx context.Context, conn *pgx.Conn) ([]T, error) {
		rows, _ := conn.Query(ctx, text, args...)
		return pgx.CollectRows(rows, to)
	}
	return gathering(collect, func(rows []T) error {
		if len(rows) < least {
			return fmt.Errorf("wrong answer: %d rows of %d", len(rows), least)
		}
		for i, row := range rows {
			if !isRight(row) {
				return fmt.Errorf("wrong answer: row %d is %v", i, row)
			}
		}
		return nil
	})
}

// gathering counts what gather returns; check says what is wrong with it.
func gathering[T any](gather func(context.Context, *pgx.Conn) ([]T, error), check func([]T) error) workload {
	return workload{
		step: func(ctx context.Context, conn *pgx.Conn) (int, error) {
			found, err := gather(ctx, conn)
			return len(found), err
		},
		verify: func(ctx context.Context, conn *pgx.Conn) error {
			found, err := gather(ctx, conn)
			if err != nil {
				return err
			}
			return check(found)
		},
	}
}

func withTable(t texts, work workload) workload {
	verify := work.verify
	work.verify = func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "create temp table bench_mixed as "+t.MixedTable); err != nil {
			return err
		}
		return verify(ctx, conn)
	}
	return work
}

func oneByOne[T any](one func(context.Context, *pgx.Conn, uint32) (T, error), isBool func(T) bool) workload {
	return workload{
		step: func(ctx context.Context, conn *pgx.Conn) (int, error) {
			for _, oid := range points {
				if _, err := one(ctx, conn, oid); err != nil {
					return 0, err
				}
			}
			return len(points), nil
		},
		verify: func(ctx context.Context, conn *pgx.Conn) error {
			first, err := one(ctx, conn, points[0])
			if err == nil && !isBool(first) {
				err = fmt.Errorf("wrong answer: %v", first)
			}
			return err
		},
	}
}

// atOnce sends point queries as one Batch, which has one Sync.
func atOnce[T any](text string, next func(pgx.BatchResults) (T, error), isBool func(T) bool) workload {
	send := func(ctx context.Context, conn *pgx.Conn) ([]T, error) {
		batch := &pgx.Batch{}
		for i := range manyPoints {
			batch.Queue(text, points[i%len(points)])
		}
		results := conn.SendBatch(ctx, batch)
		found := make([]T, 0, manyPoints)
		for range manyPoints {
			row, err := next(results)
			if err != nil {
				results.Close()
				return nil, err
			}
			found = append(found, row)
		}
		return found, results.Close()
	}
	return gathering(send, func(found []T) error {
		if !isBool(found[len(points)]) {
			return fmt.Errorf("wrong answer: %v", found[len(points)])
		}
		return nil
	})
}

// inserter inserts by insert in a transaction that is undone.
func inserter(items string, insert func(context.Context, *pgx.Conn, string, [][]any) error) workload {
	text := "insert into " + items + " values ($1, $2, $3)"
	sets := make([][]any, inserts)
	for i := range sets {
		sets[i] = []any{i, fmt.Sprintf("n%d", i), float64(i) / 4}
	}
	step := func(ctx context.Context, conn *pgx.Conn) (int, error) {
		tx, err := conn.Begin(ctx)
		if err != nil {
			return 0, err
		}
		if err := insert(ctx, conn, text, sets); err != nil {
			return 0, err
		}
		return inserts, tx.Rollback(ctx)
	}
	return workload{step, preparer(items)}
}

// insertsInBatch sends one Batch, which has one Sync.
func insertsInBatch(ctx context.Context, conn *pgx.Conn, text string, sets [][]any) error {
	batch := &pgx.Batch{}
	for _, set := range sets {
		batch.Queue(text, set...)
	}
	return conn.SendBatch(ctx, batch).Close()
}

// copyLines returns the rows to copy, in strings of 100 rows.
func copyLines() []string {
	chunks := make([]string, 0, copied/100)
	for len(chunks) < copied/100 {
		var lines strings.Builder
		for i := range 100 {
			fmt.Fprintf(&lines, "%d\tname %d\t%v\n", len(chunks)*100+i, i, float64(i)/4)
		}
		chunks = append(chunks, lines.String())
	}
	return chunks
}

// copier copies ready strings. pgx writes a message for each read, which has at most 64 kB.
func copier(items string, chunks []string) workload {
	step := func(ctx context.Context, conn *pgx.Conn) (int, error) {
		readers := make([]io.Reader, len(chunks))
		for i, chunk := range chunks {
			readers[i] = strings.NewReader(chunk)
		}
		source := io.MultiReader(readers...)
		tag, err := conn.PgConn().CopyFrom(ctx, source, "copy "+items+" from stdin")
		if err != nil {
			return 0, err
		}
		_, err = conn.Exec(ctx, "truncate "+items)
		return int(tag.RowsAffected()), err
	}
	prepare := preparer(items)
	return workload{step: step, verify: func(ctx context.Context, conn *pgx.Conn) error {
		if err := prepare(ctx, conn); err != nil {
			return err
		}
		rows, err := step(ctx, conn)
		if err == nil && rows != copied {
			err = fmt.Errorf("wrong answer: %d rows were copied", rows)
		}
		return err
	}}
}

func preparer(items string) func(context.Context, *pgx.Conn) error {
	schema, _, _ := strings.Cut(items, ".")
	return func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, fmt.Sprintf(`create schema if not exists %s;
			drop table if exists %s;
			create unlogged table %s (id int4, name text, price float8)`, schema, items, items))
		return err
	}
}
