package calllog

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/db"
	"ringbook/pbx"
)

const (
	heartbeat = 3 * time.Second        // how often a Watch writes how far its streams were heard
	glance    = 500 * time.Millisecond // how often it looks whether one has become complete, or ended
	memory    = 400 * 24 * time.Hour   // for how long before the newest one periods, and with them gaps, are remembered
	forgetful = 24 * time.Hour         // how often older ones are forgotten
)

// Stream is one exchange as a Watch sees it; its methods must not block. *pbx.Exchange is one.
type Stream interface {
	Name() string
	Periods() []pbx.Period
	Standing() pbx.Standing
	Assume(ctx context.Context, call, earlier uuid.UUID, startedAt time.Time)
}

// Watch keeps the account of what was heard: it writes for each exchange in which stretches of time its stream was
// complete, so that every other time is known to be a gap (Store.Gaps), and closes the calls that went on when an
// earlier run of ringbook ended and were over before the next one came.
//
// While the database is away nothing is lost: the exchanges remember their last periods, and these are written when it
// is back. Several nodes may watch the same exchange; what one of them heard is no gap.
type Watch struct {
	db      *db.DB
	node    string
	streams []Stream
	log     *slog.Logger

	// Owned by Run.
	written map[uuid.UUID]pbx.Period // as the database has them
	settled map[string]time.Time     // by exchange: the standing that was settled last
	forgot  time.Time                // when old periods were forgotten last
	away    bool
}

// NewWatch makes a Watch for a node; no I/O.
func NewWatch(d *db.DB, node string, streams []Stream, log *slog.Logger) *Watch {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Watch{
		db: d, node: node, streams: streams, log: log,
		written: make(map[uuid.UUID]pbx.Period), settled: make(map[string]time.Time),
	}
}

// Run writes every three seconds, and soon after a stream has become complete or ended, until ctx ends, and once more
// then. The exchanges should have ended by then. Run is called once, on a migrated database, and returns nil.
func (w *Watch) Run(ctx context.Context) error {
	tick := time.NewTicker(glance)
	defer tick.Stop()
	var last time.Time
	for {
		if now := time.Now(); now.Sub(last) >= heartbeat || !w.away && w.news(now) {
			w.round(ctx)
			last = now
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
			defer cancel()
			w.round(drain)
			return nil
		}
	}
}

// news says that a period has begun or ended, or a standing can be settled.
func (w *Watch) news(now time.Time) bool {
	for _, s := range w.streams {
		for _, p := range s.Periods() {
			if was, known := w.written[p.ID]; !known || was.End != p.End {
				return true
			}
		}
		if at := s.Standing().At; at.After(w.settled[s.Name()]) && now.Sub(at) >= settleAfter {
			return true
		}
	}
	return false
}

// round writes what has changed and settles what can be.
func (w *Watch) round(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err := w.write(ctx)
	for _, s := range w.streams {
		if err == nil {
			err = w.settle(ctx, s)
		}
	}
	if err == nil && time.Since(w.forgot) > forgetful {
		err = w.forget(ctx)
	}
	if ctx.Err() != nil {
		return
	}
	if away := err != nil; away != w.away {
		w.away = away
		if away {
			w.log.Warn("what was heard of the exchanges cannot be written now", "err", err)
		} else {
			w.log.Info("what was heard of the exchanges is written again")
		}
	}
}

// forget deletes the periods that ended long ago. A gap begins where a period ended, so none comes about by that.
func (w *Watch) forget(ctx context.Context) error {
	if _, err := w.db.Pool().Exec(ctx, `DELETE FROM watch WHERE until_at < (SELECT max(until_at) FROM watch) - $1::interval`, memory); err != nil {
		return fmt.Errorf("forget what was heard long ago: %w", err)
	}
	w.forgot = time.Now()
	return nil
}

// upsertPeriod lengthens a period; only its end, which is the last word, may find that it was shorter.
const upsertPeriod = `
INSERT INTO watch AS w (id, pbx, node, from_at, until_at, started_at, ended_as) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (id) DO UPDATE SET ended_as = excluded.ended_as,
	until_at = CASE WHEN excluded.ended_as <> '' THEN excluded.until_at ELSE greatest(w.until_at, excluded.until_at) END
WHERE w.ended_as = ''`

// write brings the periods that changed into the database, all or none.
func (w *Watch) write(ctx context.Context) error {
	batch := &pgx.Batch{}
	var changed []pbx.Period
	known := make(map[uuid.UUID]bool)
	for _, s := range w.streams {
		for _, p := range s.Periods() {
			known[p.ID] = true
			if w.written[p.ID] == p {
				continue
			}
			changed = append(changed, p)
			batch.Queue(upsertPeriod, p.ID, text(p.PBX, shortText), w.node, p.From, p.Until, at(moment(p.Started)), string(p.End))
		}
	}
	if len(changed) == 0 {
		return nil
	}
	if err := w.db.InTx(ctx, func(tx pgx.Tx) error { return tx.SendBatch(ctx, batch).Close() }); err != nil {
		return fmt.Errorf("write what was heard: %w", err)
	}
	for _, p := range changed {
		w.written[p.ID] = p
	}
	for id := range w.written {
		if !known[id] {
			delete(w.written, id)
		}
	}
	return nil
}
