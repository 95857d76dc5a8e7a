package db

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
)

const (
	eventChannel = "ringbook_event"
	eventPoll    = 500 * time.Millisecond // how often is looked without having been told to
	eventKept    = time.Hour
	eventTrim    = time.Minute // how often old ones are deleted
	eventBatch   = 1000        // read, or deleted, at a time
	eventSeen    = 20_000      // remembered while a transaction that began before them goes on
	eventAnswer  = 5 * time.Second
)

// Event says that something was changed, on this node or another: whoever keeps it in memory looks anew.
type Event struct {
	Kind string // what: "customer", "agent"; empty: everything may have changed
	ID   string // which
}

// Emit writes an event in the transaction of the change. Every node that runs Events is told once the transaction is
// committed, this one included: at once, if the transaction is one of DB.InTx.
func Emit(ctx context.Context, tx pgx.Tx, e Event) error {
	if _, err := tx.Exec(ctx, `INSERT INTO event (kind, id) VALUES ($1, $2)`, e.Kind, e.ID); err != nil {
		return fmt.Errorf("tell of the change of %s %s: %w", e.Kind, e.ID, err)
	}
	if t, ok := tx.(*emitting); ok {
		t.emitted = true
	}
	return nil
}

// emitting is a transaction that knows whether it emitted.
type emitting struct {
	pgx.Tx
	emitted bool
}

// Events reads what was emitted, by all nodes.
//
// Transactions do not commit in the order in which they began, so the place up to which was read cannot be the newest
// event. It is a transaction's number: of all before it is known that they are over, and that their events were read. Those
// of later ones are read as soon as they are visible, and remembered until their time has come, so that each is read once,
// and a long transaction holds up nobody else's.
//
// One NOTIFY tells the other nodes of all that was committed since the last one: a NOTIFY in each transaction would make
// all of them commit one after the other. When it is lost, they look by themselves.
type Events struct {
	db    *DB
	log   *slog.Logger
	count metric.Int64Counter
	delay metric.Float64Histogram

	// Owned by Run.
	place string           // the first transaction that may not be over; empty: begin anew
	seen  map[int64]string // the events of later ones that were read: their transactions
	blind string           // what was read up to this transaction may be incomplete; empty: it is complete
	read  time.Time        // when it was last read
	heed  func(context.Context, []Event)
}

// NewEvents makes a reader: no I/O. There is one for each DB.
func (d *DB) NewEvents(log *slog.Logger) *Events {
	m := otel.Meter("ringbook/db")
	e := &Events{db: d, log: log}
	// Instruments with constant, valid names: the errors say only that a name is bad.
	e.count, _ = m.Int64Counter("ringbook.event.read", metric.WithDescription("Changes that this node was told of, its own included."))
	e.delay, _ = m.Float64Histogram("ringbook.event.delay", metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60),
		metric.WithDescription("From writing a change to this node's being told of it, with the rest of the change's transaction."))
	return e
}

// Run tells heed of every event emitted from now on, several at a time, until ctx ends; and first, and whenever it cannot
// know what it missed, that everything may have changed. The database must be migrated. It survives the database's absence,
// and returns nil. It is called once.
func (e *Events) Run(ctx context.Context, heed func(context.Context, []Event)) error {
	e.heed = heed
	failing := false
	for ctx.Err() == nil {
		if err := e.session(ctx, &failing); err != nil && ctx.Err() == nil && !failing {
			failing = true
			e.log.Warn("other nodes' changes cannot be read; trying again", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(eventPoll/2 + rand.N(eventPoll)):
		}
	}
	return nil
}

// session reads on one connection, until that fails or ctx ends.
func (e *Events) session(ctx context.Context, failing *bool) error {
	conn, err := e.db.connect(ctx, eventChannel, eventAnswer)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), eventAnswer)
		defer cancel()
		_ = conn.Close(closing) // the server notices otherwise
	}()
	trimmed := time.Now().Add(-rand.N(eventTrim)) // nodes take turns
	for {
		for more := true; more; {
			if more, err = e.next(ctx, conn); err != nil {
				return err
			}
		}
		if *failing {
			*failing = false
			e.log.Info("other nodes' changes are read again")
		}
		if time.Since(trimmed) > eventTrim {
			trimmed = time.Now()
			if err := e.trim(ctx, conn); err != nil {
				return err
			}
		}
		own, err := await(ctx, conn, e.db.emitted, eventPoll)
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		if own {
			if err := e.ask(ctx, func(ctx context.Context) error {
				_, err := conn.Exec(ctx, `SELECT pg_notify($1, '')`, eventChannel)
				return err
			}); err != nil {
				return fmt.Errorf("tell other nodes of changes: %w", err)
			}
		}
	}
}

func (e *Events) ask(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, eventAnswer)
	defer cancel()
	return f(ctx)
}

// next reads what is new. more says that there is more at once.
func (e *Events) next(ctx context.Context, conn *pgx.Conn) (more bool, err error) {
	if e.place == "" || time.Since(e.read) > eventKept/2 {
		return true, e.begin(ctx, conn)
	}
	var fresh []Event
	var over, end string // all before over are over; none from end on has begun
	err = e.ask(ctx, func(ctx context.Context) error {
		seen := make([]int64, 0, len(e.seen))
		for seq := range e.seen {
			seen = append(seen, seq)
		}
		rows, err := conn.Query(ctx, `
			SELECT pg_snapshot_xmin(now.snapshot)::text, pg_snapshot_xmax(now.snapshot)::text,
				e.xid::text, e.seq, e.kind, e.id, extract(epoch FROM clock_timestamp() - e.at)::float8
			FROM (SELECT pg_current_snapshot() AS snapshot) now LEFT JOIN LATERAL (
				SELECT * FROM event WHERE xid >= $1::text::xid8 AND NOT seq = ANY($2) ORDER BY xid, seq LIMIT $3) e ON true`,
			e.place, seen, eventBatch)
		if err != nil {
			return err
		}
		var xid, kind, id *string
		var seq *int64
		var age *float64
		_, err = pgx.ForEachRow(rows, []any{&over, &end, &xid, &seq, &kind, &id, &age}, func() error {
			if xid == nil {
				return nil // there is none
			}
			e.seen[*seq] = *xid
			fresh = append(fresh, Event{*kind, *id})
			e.delay.Record(ctx, *age)
			return nil
		})
		return err
	})
	if err != nil {
		return false, fmt.Errorf("read changes: %w", err)
	}
	e.read = time.Now()
	more = len(fresh) == eventBatch
	if !more {
		e.place = over
		for seq, xid := range e.seen {
			if before(xid, over) {
				delete(e.seen, seq)
			}
		}
	}
	if len(e.seen) > eventSeen { // a transaction lasts for ever: its events will be made up for when it is over
		e.place, e.blind = end, end
		clear(e.seen)
		fresh, more = []Event{{}}, false
	}
	if e.blind != "" && !before(over, e.blind) {
		e.blind = ""
		fresh = append(fresh, Event{})
	}
	if len(fresh) > 0 {
		e.count.Add(ctx, int64(len(fresh)))
		e.heed(ctx, fresh)
	}
	return more, nil
}

// before compares the numbers of transactions.
func before(a, b string) bool {
	return len(a) < len(b) || len(a) == len(b) && a < b
}

// begin forgets what was, and says that everything may have changed.
func (e *Events) begin(ctx context.Context, conn *pgx.Conn) error {
	err := e.ask(ctx, func(ctx context.Context) error {
		return conn.QueryRow(ctx, `SELECT pg_snapshot_xmin(pg_current_snapshot())::text`).Scan(&e.place)
	})
	if err != nil {
		return fmt.Errorf("begin to read changes: %w", err)
	}
	e.seen, e.blind, e.read = map[int64]string{}, "", time.Now()
	e.heed(ctx, []Event{{}})
	return nil
}

// trim deletes old events, some at a time.
func (e *Events) trim(ctx context.Context, conn *pgx.Conn) error {
	for range 20 {
		var deleted int64
		err := e.ask(ctx, func(ctx context.Context) error {
			tag, err := conn.Exec(ctx, `
				DELETE FROM event WHERE at < clock_timestamp() - $1::interval AND (xid, seq) IN (
					SELECT xid, seq FROM event ORDER BY xid, seq LIMIT $2 FOR UPDATE SKIP LOCKED)`, eventKept, eventBatch)
			deleted = tag.RowsAffected()
			return err
		})
		if err != nil {
			return fmt.Errorf("delete old events: %w", err)
		}
		if deleted < eventBatch {
			return nil
		}
	}
	return nil
}

// connect opens a connection of its own, to listen on a channel and to ask on in between, so that no report and no import
// keeps its owner waiting.
func (d *DB) connect(ctx context.Context, channel string, answer time.Duration) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	config := d.pool.Config().ConnConfig.Copy()
	config.Tracer = nil
	config.RuntimeParams["statement_timeout"] = millis(answer)
	config.RuntimeParams["lock_timeout"] = millis(answer / 4)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, `LISTEN `+channel); err != nil {
		_ = conn.Close(ctx) // it is of no use
		return nil, fmt.Errorf("listen on %s: %w", channel, err)
	}
	return conn, nil
}

// await returns when a notification comes, somebody is in a hurry, the time is over, or ctx ends. The connection survives
// all of them; an error says that it is lost.
func await(ctx context.Context, conn *pgx.Conn, hurry <-chan struct{}, wait time.Duration) (hurried bool, err error) {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	done := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		select {
		case <-hurry:
			hurried = true
			cancel()
		case <-done:
		}
	})
	_, err = conn.WaitForNotification(waiting)
	close(done)
	watcher.Wait()
	if err != nil && waiting.Err() == nil {
		return hurried, fmt.Errorf("listen: %w", err)
	}
	return hurried, nil
}
