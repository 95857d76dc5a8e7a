package main

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"ringbook/calllog"
	"ringbook/db"
	"ringbook/db/dbtest"
)

// Two nodes share the jobs: months are made, each once, also when all connections are cut meanwhile.
func TestJobs_MonthsAreMadeByWhicheverNode(t *testing.T) {
	d := dbtest.New(t)
	months := func() (n int) {
		err := d.Pool().QueryRow(t.Context(), `SELECT count(*) FROM pg_inherits WHERE inhparent = 'call'::regclass`).Scan(&n)
		if _, refused := errors.AsType[*pgconn.PgError](err); err != nil && !refused {
			t.Fatal(err)
		}
		return n
	}
	before := months()
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	for range cap(ended) {
		node, err := db.Open(t.Context(), db.Config{URL: dbtest.URL(d), MaxConns: 6})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := node.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		work, err := newJobs(Settings{}, node, calllog.NewReminders(node, calllog.Hours{}, nil), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		go func() { ended <- work.run(ctx) }()
	}
	eventually(t, "the months are made", func() bool { return months() >= before+4 })
	var jobs, failed int
	if err := d.Pool().QueryRow(t.Context(), `SELECT count(*), count(*) FILTER (WHERE attempt > 1) FROM river_job WHERE kind = 'call_months'`).Scan(&jobs, &failed); err != nil {
		t.Fatal(err)
	}
	if jobs != 1 || failed != 0 {
		t.Errorf("%d jobs for two nodes, %d of them tried again", jobs, failed)
	}
	if _, err := d.Pool().Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Pool().Exec(t.Context(), `INSERT INTO river_job (kind, args, max_attempts, queue, priority, state, scheduled_at) VALUES ('call_months', '{}', 3, 'default', 1, 'available', now())`); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a job is done although all connections were cut", func() bool {
		var left int
		err := d.Pool().QueryRow(t.Context(), `SELECT count(*) FROM river_job WHERE state <> 'completed'`).Scan(&left)
		return err == nil && left == 0
	})
	end()
	for range cap(ended) {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// Jobs wait for a database that is away, and end when they are told to.
func TestJobs_WaitForTheDatabase(t *testing.T) {
	d, err := db.New(db.Config{URL: "postgres://nobody@127.0.0.1:1/nowhere"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close(context.Background()) }() // it was never open
	work, err := newJobs(Settings{}, d, calllog.NewReminders(d, calllog.Hours{}, nil), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer end()
	if err := work.run(ctx); err != nil {
		t.Error(err)
	}
}
