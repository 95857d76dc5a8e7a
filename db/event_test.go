package db_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"ringbook/db"
	"ringbook/db/dbtest"
)

// reading is a node that reads events.
type reading struct {
	mu    sync.Mutex
	times map[string]int // guarded by mu; by kind and id
	stop  func()
}

func read(t *testing.T, d *db.DB) *reading {
	t.Helper()
	r := &reading{times: map[string]int{}}
	e := d.NewEvents(slog.New(slog.NewTextHandler(t.Output(), nil)))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- e.Run(ctx, func(_ context.Context, events []db.Event) {
			r.mu.Lock()
			defer r.mu.Unlock()
			for _, e := range events {
				r.times[e.Kind+" "+e.ID]++
			}
		})
	}()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(r.stop)
	until(t, "it has begun", func() bool { return r.of(" ") == 1 })
	return r
}

func (r *reading) of(event string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.times[event]
}

func (r *reading) all() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.times)
}

// another is a second node's way to the same database.
func another(t *testing.T, d *db.DB) *db.DB {
	t.Helper()
	o, err := db.New(db.Config{URL: dbtest.URL(d), MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close(context.Background()) })
	return o
}

func emit(ctx context.Context, d *db.DB, kind, id string) error {
	return d.InTx(ctx, func(tx pgx.Tx) error { return db.Emit(ctx, tx, db.Event{Kind: kind, ID: id}) })
}

// TestEvents_LongTransactionsLoseNone: an event of a transaction that began early and commits late reaches both nodes, once,
// and holds up none of those that came meanwhile.
func TestEvents_LongTransactionsLoseNone(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	o := another(t, d)
	here, there := read(t, d), read(t, o)

	slow, err := d.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Rollback(context.Background()) }()
	if err := db.Emit(t.Context(), slow, db.Event{Kind: "slow", ID: "1"}); err != nil {
		t.Fatal(err)
	}
	const writers, each = 6, 50
	var work sync.WaitGroup
	for w := range writers {
		work.Go(func() {
			for n := range each {
				from := []*db.DB{d, o}[(w+n)%2]
				err := from.InTx(t.Context(), func(tx pgx.Tx) error {
					for m := range 1 + rand.N(3) {
						if err := db.Emit(t.Context(), tx, db.Event{Kind: "w", ID: fmt.Sprint(w, n, m)}); err != nil {
							return err
						}
					}
					_, err := tx.Exec(t.Context(), `SELECT pg_sleep($1)`, rand.Float64()/100)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	var emitted int
	if err := d.Pool().QueryRow(t.Context(), `SELECT count(*) FROM event`).Scan(&emitted); err != nil {
		t.Fatal(err)
	}
	until(t, "both have read all but the slow one", func() bool { return here.all() == emitted+1 && there.all() == emitted+1 })
	if here.of("slow 1")+there.of("slow 1") != 0 {
		t.Error("what is not committed has been read")
	}
	if err := slow.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "both have read the slow one", func() bool { return here.of("slow 1") == 1 && there.of("slow 1") == 1 })
	if err := emit(t.Context(), o, "last", "1"); err != nil {
		t.Fatal(err)
	}
	until(t, "both have read the last one", func() bool { return here.of("last 1") == 1 && there.of("last 1") == 1 })
	for _, r := range []*reading{here, there} {
		r.stop()
		for event, times := range r.times {
			if times != 1 {
				t.Errorf("%q was read %d times", event, times)
			}
		}
	}
}

// TestEvents_DatabaseAway: what is emitted while a node is cut off is read when it is back.
func TestEvents_DatabaseAway(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	line := newLine(t, d)
	far, err := db.New(db.Config{URL: line.url, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close(context.Background()) })
	r := read(t, far)
	line.silent.Store(true)
	for n := range 20 {
		if err := emit(t.Context(), d, "away", fmt.Sprint(n)); err != nil {
			t.Fatal(err)
		}
	}
	line.mend()
	until(t, "all are read", func() bool { return r.all() == 21 })
	if r.of(" ") != 1 {
		t.Error("it began anew")
	}
}

// TestEvents_AreTrimmed: old ones are deleted, new ones stay.
func TestEvents_AreTrimmed(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	if _, err := d.Pool().Exec(t.Context(), `
		INSERT INTO event (at, kind, id) SELECT now() - interval '2 hours', 'old', n::text FROM generate_series(1, 2500) n`); err != nil {
		t.Fatal(err)
	}
	if err := emit(t.Context(), d, "new", "1"); err != nil {
		t.Fatal(err)
	}
	if err := db.Trim(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	rows, err := d.Pool().Query(t.Context(), `SELECT kind FROM event`)
	if err != nil {
		t.Fatal(err)
	}
	left, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(left, []string{"new"}) {
		t.Errorf("%d events are left: %v", len(left), left[:min(3, len(left))])
	}
}
