package calllog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"ringbook/crm"
	"ringbook/db"
)

// The log's tables are cut by the month in which calls began, in UTC. A call of a month that has no table is kept with the
// rest, from which it moves when the month is made.
const (
	monthsAhead = 3                // are made
	monthsOnce  = 24               // are made in one go
	besideOnce  = 5000             // rows beside the months are deleted at a time
	monthsEvery = 6 * time.Hour    // they are looked after
	monthsTime  = 10 * time.Minute // that may take
	// A month is made and dropped between two calls: who waits longer makes all others wait.
	monthsLock = 2 * time.Second
	// Calls of other years are of an exchange whose clock is wrong.
	monthsFirst = 2000
)

// Months makes the tables of the months to come and drops those that are older than calls are kept.
type Months struct {
	db   *db.DB
	keep int
	log  *slog.Logger
}

// NewMonths makes a Months that keeps calls of so many months before the present one; 0: for ever. No I/O.
func NewMonths(d *db.DB, keep int, log *slog.Logger) *Months {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Months{d, keep, log}
}

// MonthsJob is the job of looking after the months, which one node does several times a day.
type MonthsJob struct{}

// Kind names the job in the database.
func (MonthsJob) Kind() string { return "call_months" }

// Schedule is when MonthsJob is due: when a node has become the one that plans jobs, and every six hours.
func (MonthsJob) Schedule() *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(monthsEvery), func() (river.JobArgs, *river.InsertOpts) {
		return MonthsJob{}, &river.InsertOpts{MaxAttempts: 5, UniqueOpts: river.UniqueOpts{ByPeriod: time.Minute}}
	}, &river.PeriodicJobOpts{RunOnStart: true})
}

// Worker is what does MonthsJob.
func (m *Months) Worker() river.Worker[MonthsJob] { return monthsWorker{m: m} }

type monthsWorker struct {
	river.WorkerDefaults[MonthsJob]
	m *Months
}

func (w monthsWorker) Timeout(*river.Job[MonthsJob]) time.Duration { return monthsTime }

func (w monthsWorker) Work(ctx context.Context, _ *river.Job[MonthsJob]) error {
	return w.m.Look(ctx, time.Now())
}

// Look makes the months that are missing at a time, and drops those that are too old. What it did stays done if it fails.
func (m *Months) Look(ctx context.Context, now time.Time) error {
	now = monthOf(now)
	if err := m.makeMonths(ctx, now); err != nil {
		return err
	}
	if m.keep <= 0 {
		return nil
	}
	return m.drop(ctx, now.AddDate(0, -m.keep, 0))
}

func monthOf(t time.Time) time.Time {
	return time.Date(t.UTC().Year(), t.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
}

// makeMonths makes this month and those to come, and those of which calls are among the rest.
func (m *Months) makeMonths(ctx context.Context, now time.Time) error {
	end := now.AddDate(0, monthsAhead+1, 0)
	rows, err := m.db.Pool().Query(ctx, `
		SELECT m::date FROM generate_series($1::timestamp, $2::timestamp - interval '1 month', interval '1 month') m
		UNION
		SELECT date_trunc('month', to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0) AT TIME ZONE 'UTC')::date
		FROM call_rest WHERE id >= $3 AND id < $4
		ORDER BY 1 DESC`, now, end, idAt(time.Date(monthsFirst, 1, 1, 0, 0, 0, 0, time.UTC)), idAt(end))
	if err != nil {
		return fmt.Errorf("see which months of calls there are: %w", err)
	}
	wanted, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	if err != nil {
		return fmt.Errorf("see which months of calls there are: %w", err)
	}
	have, err := m.months(ctx)
	if err != nil {
		return err
	}
	wanted = slices.DeleteFunc(wanted, func(t time.Time) bool { return slices.ContainsFunc(have, t.Equal) })
	for _, month := range wanted[:min(len(wanted), monthsOnce)] {
		var moved int64
		if err := m.quickly(ctx, func(tx pgx.Tx) error {
			return tx.QueryRow(ctx, `SELECT make_call_month($1)`, month).Scan(&moved)
		}); err != nil {
			return fmt.Errorf("make the tables of %s: %w", month.Format("2006-01"), err)
		}
		m.log.InfoContext(ctx, "made the tables of a month of calls", "month", month.Format("2006-01"), "moved", moved)
	}
	return nil
}

// months are those that have tables.
func (m *Months) months(ctx context.Context) ([]time.Time, error) {
	rows, err := m.db.Pool().Query(ctx, `
		SELECT to_date(right(c.relname, 7), 'YYYY_MM') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'call'::regclass AND c.relname ~ '^call_[0-9]{4}_[0-9]{2}$' ORDER BY 1`)
	if err != nil {
		return nil, fmt.Errorf("see which months of calls there are: %w", err)
	}
	months, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	if err != nil {
		return nil, fmt.Errorf("see which months of calls there are: %w", err)
	}
	return months, nil
}

// drop takes the months before a time away, each with all that belongs to its calls, what the rest has of them, and what
// else tells of calls of that time.
func (m *Months) drop(ctx context.Context, before time.Time) error {
	months, err := m.months(ctx)
	if err != nil {
		return err
	}
	for _, month := range months {
		if !month.Before(before) {
			break
		}
		if err := m.dropMonth(ctx, month); err != nil {
			return fmt.Errorf("drop the calls of %s: %w", month.Format("2006-01"), err)
		}
	}
	if err := m.dropRest(ctx, before); err != nil {
		return err
	}
	return m.dropBeside(ctx, before)
}

// beside is what tells of calls and is not cut by month: whom agents wanted to call, and what they were doing, with the
// condition that it was over before $1.
var beside = []struct{ of, over string }{
	{"dial_attempt", "created_at < $1"},
	{"agent_wrap_up", "from_at < $1"},
	{"agent_choice", "until_at < $1"}, // the last one has no end
}

// dropBeside deletes a few at a time, so that nobody waits for it.
func (m *Months) dropBeside(ctx context.Context, before time.Time) error {
	for _, b := range beside {
		for {
			gone, err := m.db.Pool().Exec(ctx, `DELETE FROM `+b.of+` WHERE ctid = ANY (ARRAY(SELECT ctid FROM `+b.of+` WHERE `+b.over+` LIMIT $2))`, before, besideOnce)
			if err != nil {
				return fmt.Errorf("drop the rows of %s before %s: %w", b.of, before.Format("2006-01"), err)
			}
			if gone.RowsAffected() < besideOnce {
				break
			}
		}
	}
	return nil
}

func (m *Months) dropMonth(ctx context.Context, month time.Time) error {
	var calls int64
	name := pgx.Identifier{"call" + month.Format("_2006_01")}.Sanitize()
	// Counted before anybody has to wait.
	if err := m.db.Pool().QueryRow(ctx, `SELECT count(*) FROM `+name).Scan(&calls); err != nil {
		return err
	}
	err := m.quickly(ctx, func(tx pgx.Tx) error {
		tables, err := monthTables(ctx, tx)
		if err != nil {
			return err
		}
		for _, t := range tables {
			if _, err := tx.Exec(ctx, `DROP TABLE IF EXISTS `+pgx.Identifier{t.of + month.Format("_2006_01")}.Sanitize()); err != nil {
				return err
			}
		}
		return crm.AuditTx(ctx, tx, crm.System, "drop", "calls", month.Format("2006-01"), map[string]any{"calls": calls, "keep_months": m.keep})
	})
	if err != nil {
		return err
	}
	m.log.InfoContext(ctx, "dropped a month of calls, which are kept no longer", "month", month.Format("2006-01"), "calls", calls, "keep", m.keep)
	return nil
}

func (m *Months) dropRest(ctx context.Context, before time.Time) error {
	first, end := idAt(time.Date(monthsFirst, 1, 1, 0, 0, 0, 0, time.UTC)), idAt(before)
	var calls int64
	err := m.db.InTx(ctx, func(tx pgx.Tx) error {
		tables, err := monthTables(ctx, tx)
		if err != nil {
			return err
		}
		for _, t := range tables {
			gone, err := tx.Exec(ctx, fmt.Sprintf(`DELETE FROM %s WHERE %s >= $1 AND %[2]s < $2`, pgx.Identifier{t.of + "_rest"}.Sanitize(), t.key), first, end)
			if err != nil {
				return err
			}
			if t.of == "call" {
				calls = gone.RowsAffected()
			}
		}
		if calls == 0 {
			return nil
		}
		return crm.AuditTx(ctx, tx, crm.System, "drop", "calls", "before "+before.Format("2006-01"), map[string]any{"calls": calls, "keep_months": m.keep})
	})
	if err != nil {
		return fmt.Errorf("drop the calls before %s: %w", before.Format("2006-01"), err)
	}
	return nil
}

// monthTable is one of the tables that are cut by month.
type monthTable struct{ of, key string }

func monthTables(ctx context.Context, tx pgx.Tx) ([]monthTable, error) {
	rows, err := tx.Query(ctx, `SELECT of, key FROM call_months()`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (t monthTable, err error) { return t, row.Scan(&t.of, &t.key) })
}

// quickly does what all others have to wait for. It gives up soon where it has to wait itself, and tries again.
func (m *Months) quickly(ctx context.Context, do func(pgx.Tx) error) error {
	var err error
	for range 10 {
		err = m.db.InTx(ctx, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, fmt.Sprintf(`SET LOCAL lock_timeout = %d; SET LOCAL statement_timeout = %d`,
				monthsLock.Milliseconds(), monthsTime.Milliseconds())); err != nil {
				return err
			}
			// As a migration, it waits for a backup, which reads all tables and must find them as they were.
			if _, err := tx.Exec(ctx, `LOCK TABLE goose_db_version IN ROW EXCLUSIVE MODE`); err != nil {
				return err
			}
			return do(tx)
		})
		if !waited(err) {
			return err
		}
		pause(ctx, time.Second, nil)
	}
	return errors.Join(err, ctx.Err())
}
