package calllog

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"ringbook/db"
)

// MissedJob is the job that looks through the calls of before there was a list of missed ones, and forgets of the list what the
// log does not keep any more. One node does it, when it begins to plan jobs, and once a day.
type MissedJob struct{}

const (
	missedFill  = 500 // calls are looked at in one transaction
	missedEvery = 24 * time.Hour
	missedTime  = 10 * time.Minute // that may take; the rest is done the next time
)

// Kind names the job in the database.
func (MissedJob) Kind() string { return "missed_calls" }

// Schedule is when MissedJob is due.
func (MissedJob) Schedule() *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(missedEvery), func() (river.JobArgs, *river.InsertOpts) {
		return MissedJob{}, &river.InsertOpts{MaxAttempts: 5, UniqueOpts: river.UniqueOpts{ByPeriod: time.Minute}}
	}, &river.PeriodicJobOpts{RunOnStart: true})
}

// MissedWorker is what does MissedJob, where calls are kept for so many months before the present one; 0: for ever.
func MissedWorker(d *db.DB, keep int) river.Worker[MissedJob] { return missedWorker{db: d, keep: keep} }

type missedWorker struct {
	river.WorkerDefaults[MissedJob]
	db   *db.DB
	keep int
}

func (missedWorker) Timeout(*river.Job[MissedJob]) time.Duration { return missedTime }

func (w missedWorker) Work(ctx context.Context, _ *river.Job[MissedJob]) error {
	for {
		if done, err := fillMissed(ctx, w.db); err != nil {
			return err
		} else if done {
			break
		}
	}
	if w.keep <= 0 {
		return nil
	}
	return forgetMissed(ctx, w.db, monthOf(time.Now()).AddDate(0, -w.keep, 0))
}

// fillMissed looks at the next calls of before, the newest first. done: there are none left.
func fillMissed(ctx context.Context, d *db.DB) (done bool, err error) {
	err = d.InTx(ctx, func(tx pgx.Tx) error {
		var since, filled time.Time
		if err := tx.QueryRow(ctx, `SELECT since, filled FROM missed_state FOR UPDATE`).Scan(&since, &filled); err != nil {
			return err
		}
		if done = !filled.After(since); done {
			return nil
		}
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('ringbook missed'))`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			WITH old AS MATERIALIZED (
				SELECT id, started_at FROM call
				WHERE direction = 'inbound' AND outcome IN ('missed', 'abandoned', 'voicemail') AND started_at < $1 AND started_at >= $2 AND id >= $3
				ORDER BY started_at DESC FETCH FIRST $4 ROWS WITH TIES),
			seen AS MATERIALIZED (SELECT started_at, missed_heed(id) FROM old)
			UPDATE missed_state SET filled = CASE WHEN (SELECT count(*) FROM seen) < $4 THEN since ELSE (SELECT min(started_at) FROM seen) END`,
			filled, since, idAt(since.Add(-astray)), missedFill)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look through past calls for missed ones: %w", err)
	}
	return done, nil
}

// forgetMissed takes off the list the calls that began before, and forgets whose calls it had if there are no others.
func forgetMissed(ctx context.Context, d *db.DB, before time.Time) error {
	err := d.InTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('ringbook missed'))`); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `WITH gone AS (DELETE FROM missed_call WHERE call_id < $1 RETURNING party) SELECT DISTINCT party FROM gone`, idAt(before))
		if err != nil {
			return err
		}
		parties, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		if _, err = tx.Exec(ctx, `SELECT missed_count(party) FROM unnest($1::text[]) party`, parties); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM missed m WHERE calls = 0 AND NOT EXISTS (SELECT FROM missed_call c WHERE c.party = m.party)`)
		return err
	})
	if err != nil {
		return fmt.Errorf("forget missed calls: %w", err)
	}
	return nil
}
