package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// eachSync runs one statement with each set of parameters in pgx's pipeline mode, with a Sync for each, and
// hands each result to read.
func eachSync(ctx context.Context, conn *pgx.Conn, text string, sets [][]any,
	read func(*pgtype.Map, *pgconn.ResultReader) error) error {
	statement, err := conn.Prepare(ctx, text, text)
	if err != nil {
		return err
	}
	types := conn.TypeMap()
	pipeline := conn.PgConn().StartPipeline(ctx)
	var query pgx.ExtendedQueryBuilder
	for _, set := range sets {
		if err := query.Build(types, statement, set); err != nil {
			pipeline.Close()
			return err
		}
		pipeline.SendQueryStatement(statement, query.ParamValues, query.ParamFormats, query.ResultFormats)
		pipeline.SendPipelineSync()
	}
	if err := pipeline.Flush(); err != nil {
		return err
	}
	// Each query has two results, the second of which is that of its Sync.
	for range 2 * len(sets) {
		result, err := pipeline.GetResults()
		if reader, isQuery := result.(*pgconn.ResultReader); err == nil && isQuery {
			err = read(types, reader)
		}
		if err != nil {
			pipeline.Close()
			return err
		}
	}
	return pipeline.Close()
}

func pointsEachSync(text string) workload {
	sets := make([][]any, manyPoints)
	for i := range sets {
		sets[i] = []any{points[i%len(points)]}
	}
	send := func(ctx context.Context, conn *pgx.Conn) ([]point, error) {
		found := make([]point, 0, manyPoints)
		err := eachSync(ctx, conn, text, sets, func(types *pgtype.Map, reader *pgconn.ResultReader) error {
			p, err := pgx.CollectExactlyOneRow(pgx.RowsFromResultReader(types, reader), scanPoint)
			found = append(found, p)
			return err
		})
		return found, err
	}
	return gathering(send, func(found []point) error {
		if len(found) != manyPoints || found[len(points)].name != "bool" {
			return fmt.Errorf("wrong answer: %v", found)
		}
		return nil
	})
}

func scanPoint(row pgx.CollectableRow) (p point, err error) {
	err = row.Scan(&p.name, &p.length, &p.byValue)
	return p, err
}

func insertsEachSync(ctx context.Context, conn *pgx.Conn, text string, sets [][]any) error {
	return eachSync(ctx, conn, text, sets, func(_ *pgtype.Map, reader *pgconn.ResultReader) error {
		_, err := reader.Close()
		return err
	})
}
