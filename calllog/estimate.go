package calllog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ringbook/crm"
)

const (
	countMost = 1000                   // calls are counted, more are estimated
	countTime = 400 * time.Millisecond // that counting may take
)

// Estimate is about how long a list is.
type Estimate struct {
	Rows  int64 `json:"rows"`
	Exact bool  `json:"exact" doc:"counted; else it is the database's guess from its statistics, and may be far off"`
}

// Estimate tells about how many calls the actor's list of a filter has, whatever its Cursor and Limit: it counts up to a
// thousand, for less than half a second, and else asks the database's planner. Its errors are those of Calls.
func (s *Store) Estimate(ctx context.Context, a crm.Actor, f Filter) (Estimate, error) {
	f.Cursor, f.Limit = "", 0
	scope, err := listScope(a, f)
	if err != nil {
		return Estimate{}, err
	}
	l, err := s.list(ctx, a, scope, f)
	if err != nil {
		return Estimate{}, err
	}
	e, err := s.estimate(ctx, l)
	if err != nil {
		return Estimate{}, fmt.Errorf("estimate calls: %w", err)
	}
	return e, nil
}

func (s *Store) estimate(ctx context.Context, l *listing) (Estimate, error) {
	var counted int
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		began := time.Now()
		keys, err := l.keys(ctx, within{tx, began.Add(countTime)}, countMost+1)
		counted = len(keys)
		return err
	})
	var refused *pgconn.PgError
	slow := errors.As(err, &refused) && refused.Code == "57014"
	if err != nil && !slow {
		return Estimate{}, err
	}
	if !slow && counted <= countMost {
		return Estimate{int64(counted), true}, nil
	}
	all := l.everything()
	var plan []byte
	if err := s.db.Pool().QueryRow(ctx, `EXPLAIN (FORMAT JSON) `+all.sql, append([]any{pgx.QueryExecModeCacheDescribe}, all.args...)...).Scan(&plan); err != nil {
		return Estimate{}, err
	}
	var told []struct {
		Plan struct {
			Rows float64 `json:"Plan Rows"`
		}
	}
	if err := json.Unmarshal(plan, &told); err != nil || len(told) != 1 {
		return Estimate{}, fmt.Errorf("read the planner's guess: %w", err)
	}
	return Estimate{Rows: max(int64(counted), int64(told[0].Plan.Rows))}, nil
}

// within is a transaction whose statements end at a time.
type within struct {
	tx  pgx.Tx
	end time.Time
}

func (w within) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if _, err := w.tx.Exec(ctx, w.limit()); err != nil {
		return nil, err
	}
	return w.tx.Query(ctx, sql, args...)
}

// inSnapshot is of several moments here: nobody will know.
func (w within) inSnapshot(ctx context.Context, do func(pgx.Tx) error) error {
	if _, err := w.tx.Exec(ctx, w.limit()+`; `+planOnce); err != nil {
		return err
	}
	return do(w.tx)
}

func (w within) limit() string {
	return fmt.Sprintf(`SET LOCAL statement_timeout = %d`, max(1, time.Until(w.end).Milliseconds()))
}
