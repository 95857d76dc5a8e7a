package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"ringbook/calllog"
	"ringbook/db"
)

// Jobs are what some node does in the background, at times or because a transaction asked for it: river's, in tables of its
// own beside ours. The nodes agree which of them plans; a job is done by whichever node takes it, and again if that one dies.
// What a job does belongs to the package whose business it is; here they are joined.
const (
	jobsAtOnce = 2                // on one node: people come first
	jobsDrain  = 5 * time.Second  // that jobs under way have at the end, before they are cut off
	jobsRetry  = 10 * time.Second // after the database was away
)

// jobs are this node's part in doing them.
type jobs struct {
	client *river.Client[pgx.Tx]
	log    *slog.Logger
}

// newJobs makes them; no I/O.
func newJobs(s Settings, database *db.DB, reminders *calllog.Reminders, log *slog.Logger) (*jobs, error) {
	workers := river.NewWorkers()
	if err := errors.Join(
		river.AddWorkerSafely(workers, calllog.NewMonths(database, s.KeepCalls, log).Worker()),
		river.AddWorkerSafely(workers, reminders.Worker()),
		river.AddWorkerSafely(workers, calllog.MissedWorker(database, s.KeepCalls)),
	); err != nil {
		return nil, err
	}
	client, err := river.NewClient(riverpgxv5.New(database.Pool()), &river.Config{
		Logger:       slog.New(quiet{log.Handler()}),
		Queues:       map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: jobsAtOnce}},
		Workers:      workers,
		PeriodicJobs: []*river.PeriodicJob{calllog.MonthsJob{}.Schedule(), calllog.RemindJob{}.Schedule(), calllog.MissedJob{}.Schedule()},
		ErrorHandler: failedJob{log},
	})
	if err != nil {
		return nil, fmt.Errorf("prepare the jobs: %w", err)
	}
	return &jobs{client, log}, nil
}

// run does jobs until ctx ends, on a migrated database; while that is away it waits. It returns nil.
func (j *jobs) run(ctx context.Context) error {
	// Ending is ours to order: jobs under way are given some time.
	for failed := 0; ; failed++ {
		err := j.client.Start(context.WithoutCancel(ctx))
		if err == nil {
			break
		}
		level := slog.LevelDebug
		if failed == 0 {
			level = slog.LevelWarn
		}
		j.log.Log(ctx, level, "jobs wait for the database", "err", err, "again_in", jobsRetry)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(jobsRetry):
		}
	}
	<-ctx.Done()
	polite, cancel := context.WithTimeout(context.WithoutCancel(ctx), jobsDrain)
	defer cancel()
	if err := j.client.Stop(polite); err != nil {
		hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), jobsDrain)
		defer cancel()
		if err := j.client.StopAndCancel(hard); err != nil {
			j.log.Warn("some jobs did not end in time; they will be done again", "err", err)
		}
	}
	return nil
}

// failedJob says that a job failed. It is tried again, by and by later.
type failedJob struct{ log *slog.Logger }

func (f failedJob) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	if !errors.Is(err, context.Canceled) {
		f.log.WarnContext(ctx, "a job failed; it will be tried again", "job", job.Kind, "attempt", job.Attempt, "err", err)
	}
	return nil
}

func (f failedJob) HandlePanic(ctx context.Context, job *rivertype.JobRow, panicked any, trace string) *river.ErrorHandlerResult {
	f.log.ErrorContext(ctx, "a job panicked; it will be tried again", "job", job.Kind, "panic", panicked, "trace", trace)
	return nil
}

// quiet passes river's own warnings on as debug: what matters of them is said here, and by whoever finds the database away.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, slog.LevelDebug)
}

func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	r.Level = slog.LevelDebug
	return q.Handler.Handle(ctx, r)
}

func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }
func (q quiet) WithGroup(name string) slog.Handler       { return quiet{q.Handler.WithGroup(name)} }
