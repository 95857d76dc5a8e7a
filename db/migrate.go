package db

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed migrations/*.sql
var embedded embed.FS

// Migrations are the migration files.
func Migrations() fs.FS {
	files, err := fs.Sub(embedded, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return files
}

// Migrate brings the database to the newest version that this ringbook knows: forward only, each migration in a
// transaction, and the tables of jobs. Nodes that start together wait for one another. A database that is newer is left as it is.
func (d *DB) Migrate(ctx context.Context) error {
	config := d.pool.Config().ConnConfig.Copy()
	// A migration may take its time.
	config.Tracer = nil
	for _, p := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"} {
		delete(config.RuntimeParams, p)
	}
	conns := stdlib.OpenDB(*config)
	defer conns.Close()

	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 7200), lock.WithUnlockTimeout(1, 5))
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectPostgres, conns, Migrations(),
		goose.WithSessionLocker(locker), goose.WithSlog(d.log), goose.WithDisableGlobalRegistry(true), goose.WithAllowOutofOrder(true))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	started := time.Now()
	done, err := p.Up(ctx)
	if err == nil {
		err = migrateJobs(ctx, config)
	}
	if err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	if len(done) > 0 {
		d.log.InfoContext(ctx, "database: migrated", "migrations", len(done), "took", time.Since(started).Round(time.Millisecond))
	}
	return nil
}

// jobsLock is an advisory lock, for the while in which a node makes the tables of jobs.
const jobsLock = 5_064_412_117

// migrateJobs brings the tables of jobs, which are river's own, to the version of the river in this program. Nodes that start
// together wait for one another.
func migrateJobs(ctx context.Context, config *pgx.ConnConfig) error {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) // and with it the lock
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, int64(jobsLock)); err != nil {
		return err
	}
	pooled, err := pgxpool.ParseConfig("")
	if err != nil {
		return err
	}
	pooled.ConnConfig, pooled.MaxConns = config, 2
	pool, err := pgxpool.NewWithConfig(ctx, pooled)
	if err != nil {
		return err
	}
	defer pool.Close()
	m, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	}
	if err != nil {
		return fmt.Errorf("make the tables of jobs: %w", err)
	}
	return nil
}
