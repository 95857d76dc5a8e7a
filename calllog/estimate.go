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
	if _, err := s.check(f); err != nil {
		return Estimate{}, err
	}
	if f, err = s.resolved(ctx, f); err != nil {
		return Estimate{}, fmt.Errorf("estimate calls: %w", err)
	}
	e, err := s.estimate(ctx, a, scope, f)
	if err != nil {
		return Estimate{}, fmt.Errorf("estimate calls: %w", err)
	}
	return e, nil
}

func (s *Store) estimate(ctx context.Context, a crm.Actor, scope crm.Scope, f Filter) (Estimate, error) {
	few, err := s.compileMost(a, scope, f, callColumns, countMost+1)
	if err != nil {
		return Estimate{}, err
	}
	var e Estimate
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, fmt.Sprintf(`SET LOCAL statement_timeout = %d`, countTime.Milliseconds())); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT count(*) FROM (`+few.sql+`) list`, few.args...).Scan(&e.Rows)
	})
	var refused *pgconn.PgError
	slow := errors.As(err, &refused) && refused.Code == "57014"
	if err != nil && !slow {
		return Estimate{}, err
	}
	if !slow && e.Rows <= countMost {
		e.Exact = true
		return e, nil
	}
	counted := e.Rows
	all, err := s.compileMost(a, scope, f, callColumns, 0)
	if err != nil {
		return Estimate{}, err
	}
	var plan []byte
	if err := s.db.Pool().QueryRow(ctx, `EXPLAIN (FORMAT JSON) `+all.sql, all.args...).Scan(&plan); err != nil {
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
	return Estimate{Rows: max(counted, int64(told[0].Plan.Rows))}, nil
}
